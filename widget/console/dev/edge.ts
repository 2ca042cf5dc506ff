// A scripted edge: gives the world of world.ts, answers what is asked, and
// keeps nobody waiting. It is not in the product's bundle.

import type { ControlKind, Payloads, Session } from '../../wire/payload.ts';
import type { Edge, EdgeOptions } from '../edge.ts';
import { agent, desk, live, longName, offered, seen, started, transcriptIn, visitors, visits } from './world.ts';

type Listener = (payload: never, seq: number) => void;

export class ScriptedEdge implements Edge {
  state: Edge['state'] = 'closed';
  transport: Edge['transport'] = null;
  rtt: number | null = null;
  retryAt: number | null = null;
  private seq = 0;
  private readonly listeners = new Map<ControlKind, Listener[]>();
  private readonly pageListeners: ((session: string, message: Uint8Array) => void)[] = [];
  private readonly stateListeners: (() => void)[] = [];
  private readonly numbers = new Map<string, number>();

  constructor(
    private readonly scene: string,
    private readonly options: EdgeOptions,
  ) {}

  on<K extends ControlKind>(kind: K, f: (payload: Payloads[K], seq: number) => void): () => void {
    this.listeners.set(kind, [...(this.listeners.get(kind) ?? []), f as Listener]);
    return () => undefined;
  }
  onPage(f: (session: string, message: Uint8Array) => void): () => void {
    this.pageListeners.push(f);
    return () => undefined;
  }
  sendHand(): void {}
  onPointer(): () => void {
    return () => undefined;
  }
  onHand(): () => void {
    return () => undefined;
  }
  onState(f: () => void): () => void {
    this.stateListeners.push(f);
    return () => undefined;
  }

  start(): void {
    void this.options.hello('').then(() => this.open());
  }
  close(): void {
    this.become('closed');
  }
  readonly node = location.origin;
  prefer(): void {}
  kick(): void {
    if (this.state === 'waiting') this.become('connecting');
  }

  send<K extends ControlKind>(kind: K, payload: Payloads[K]): number {
    const seq = ++this.seq;
    queueMicrotask(() => {
      if (this.state === 'open') this.heard(kind, payload as Payloads[ControlKind], seq);
    });
    return seq;
  }

  private open(): void {
    const busy = !['empty', 'resting', 'passed', 'signed-in'].includes(this.scene);
    const sessions = busy ? seen(this.scene) : [];
    this.deliver('Welcome', {
      v: 1,
      link: 'dev',
      now: started,
      ping_ms: 10_000,
      node: 'demo-1',
      sessions: sessions.map((s) => s.id),
      views: true,
    });
    this.deliver('Desk', desk(this.scene, busy));
    for (const session of sessions) {
      this.deliver('Session', session);
      for (const message of transcriptIn(this.scene, session)) this.deliver('Message', message);
      this.numbers.set(session.id, session.stored);
    }
    if (this.scene === 'busy' || this.scene === 'long') {
      const name = this.scene === 'long' ? longName : offered.name;
      this.deliver('Offer', { session: { ...offered, name }, assignment: 3, expires_at: started + 14_000 });
    }
    if (this.scene === 'busy') {
      this.deliver('Typing', {
        session: live[2]?.id ?? '',
        by: { role: 'visitor', id: live[2]?.visitor ?? '' },
        on: true,
      });
    }
    this.transport = 'webtransport';
    this.rtt = 12.4;
    this.become('open');
    if (this.scene === 'offline') {
      this.retryAt = started + 7000;
      this.transport = null;
      this.become('waiting');
    }
  }

  private heard(kind: ControlKind, payload: Payloads[ControlKind], ref: number): void {
    if (kind === 'Say') this.number(payload as Payloads['Say']);
    if (kind === 'State')
      this.deliver('Desk', { ...desk('service', this.scene !== 'empty'), ...(payload as Payloads['State']) });
    if (kind === 'Watch' && (payload as Payloads['Watch']).on) this.showPage((payload as Payloads['Watch']).session);
    if (kind === 'View' && (payload as Payloads['View']).on) this.deliver('Visits', visitors(this.scene));
    if (kind === 'Invite') {
      const { visit } = payload as Payloads['Invite'];
      const rows = visits.filter(({ id }) => id === visit).map((row) => ({ ...row, invited: 'asked' as const }));
      this.deliver('Visits', { ...visitors(this.scene), anew: false, rows });
      this.deliver('OK', { ref });
    }
    if (kind === 'Answer') this.answered(payload as Payloads['Answer']);
    if (kind === 'End') this.ended((payload as Payloads['End']).session);
    if (['End', 'State', 'Block', 'Answer', 'Ask'].includes(kind)) this.deliver('OK', { ref });
  }

  private number({ session, id }: Payloads['Say']): void {
    if (this.scene === 'lost') {
      this.deliver('Error', { code: 'not_saved', text: '', session, id });
      return;
    }
    const seq = (this.numbers.get(session) ?? 0) + 1;
    this.numbers.set(session, seq);
    this.deliver('Sent', { session, id, epoch: 1, seq, at: Date.now() });
    this.deliver('Stored', { session, epoch: 1, seq, index: seq });
    this.deliver('Mark', { session, by: 'visitor', delivered: seq, read: seq });
  }

  private showPage(session: string): void {
    if (this.scene === 'waiting') return;
    if (this.scene === 'gone') {
      this.deliver('Mirror', { session, tab: '', on: false });
      return;
    }
    this.deliver('Mirror', { session, tab: 'dev', on: true, frozen: this.scene === 'frozen' });
    for (const f of this.pageListeners) f(session, new Uint8Array());
  }

  private answered({ session, assignment, accept }: Payloads['Answer']): void {
    this.deliver('OfferEnd', { session, assignment, why: accept ? 'accepted' : 'declined' });
    if (accept)
      this.deliver('Session', {
        ...offered,
        state: 'active',
        accepted_at: Date.now(),
        agent: agent.id,
        consent: false,
      } satisfies Session);
  }

  private ended(session: string): void {
    const found = [...live, offered].find((s) => s.id === session);
    if (found) this.deliver('Session', { ...found, state: 'ended', ended_by: 'agent', ended_at: Date.now() });
  }

  /** Lets the console hear a frame. */
  deliver<K extends ControlKind>(kind: K, payload: Payloads[K]): void {
    for (const f of this.listeners.get(kind) ?? []) f(payload as never, 0);
  }

  private become(state: Edge['state']): void {
    this.state = state;
    for (const f of this.stateListeners) f();
  }
}
