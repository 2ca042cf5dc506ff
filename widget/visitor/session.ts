// The visitor's side of a session, without any DOM: what the node said, what the
// visitor wants, and what is still to be said when the connection is back.

import { Conversation, type Line, typingFor } from '../wire/conversation.ts';
import { newId } from '../wire/frame.ts';
import {
  type Button,
  type ControlKind,
  type Facts,
  type Hello,
  Limit,
  type Message,
  type Payloads,
  type Session,
  type SiteView,
  type Tab,
  type Welcome,
  type WireError,
} from '../wire/payload.ts';
import { Outbox } from './outbox.ts';
import type { Store } from './store.ts';
import type { ChatText } from './texts.ts';

/** What a Chat needs of its connection; wire/link.ts has it. */
export interface Edge {
  readonly state: 'connecting' | 'open' | 'waiting' | 'closed';
  readonly retryAt: number | null;
  send<K extends ControlKind>(kind: K, payload: Payloads[K]): number;
  on<K extends ControlKind>(kind: K, f: (payload: Payloads[K], seq: number) => void): () => void;
  onState(f: () => void): () => void;
  start(): void;
  close(): void;
  kick(): void;
}

/** What the window shows. */
export type Stage =
  | 'connecting' // nothing known yet
  | 'start' // the name form
  | 'card' // the offline form
  | 'thanks' // the offline form was kept
  | 'opening' // asked for an agent
  | 'resuming' // a session of an earlier page, not heard of yet
  | 'waiting' // in the queue
  | 'active' // with an agent
  | 'ended'
  | 'blocked';

export interface Card {
  id: string;
  name: string;
  contact: string;
  text: string;
  department?: string;
}

export interface Identity {
  site: string;
  lang: string;
  department: string;
  tab: string;
}

/** How many messages of the transcript's copy are kept in this tab. */
const keptLines = 200;
/** How many messages of a session that is not known yet are kept. */
const keptEarly = 20;
/** Wait before asking again where the node gave no time, and between two typing frames, ms. */
const askAgain = 3000;
const typingPause = 3000;

export class Chat {
  site: SiteView | null = null;
  button: Button | null = null;
  talk: Conversation | null = null;
  blocked = false;
  /** What went wrong, until the next step of the visitor's. */
  fault: ChatText | null = null;
  /** The visitor chose to leave a message although a chat is possible, or was at it when one became so. */
  writesCard = false;
  thanked: string | null = null;
  /** The visitor ended it on this page; the node may not have heard it. */
  endedHere = false;

  private readonly resaid = new Set<string>(); // keys of lost lines that were said anew
  private readonly asked = new Map<number, 'open' | 'card' | 'say'>(); // by sequence, this connection's
  private readonly listeners = new Set<() => void>();
  private stored = 0; // last stored seq
  private typedAt = 0;
  private typingTimer: ReturnType<typeof setTimeout> | undefined;
  private retryTimer: ReturnType<typeof setTimeout> | undefined;
  private startAgain = false; // the link closed for good, but another hello will do
  private live: readonly string[] = []; // sessions that the welcome named
  private early: readonly Message[] = []; // of a session that is not known yet

  constructor(
    private readonly edge: Edge,
    private readonly store: Store,
    private readonly me: Identity,
    private readonly page: () => Tab,
    private readonly facts: () => Facts,
  ) {
    const { session, state } = store.memory;
    if (session && state) this.adopt(session);
    edge.on('Welcome', (welcome) => this.change(() => this.welcomed(welcome)));
    edge.onState(() => this.change(() => this.linkIs(edge.state)));
    edge.on('Button', (button) => this.change(() => (this.button = button)));
    edge.on('Session', (session) => this.change(() => this.sessionIs(session)));
    edge.on('Error', (error) => this.change(() => this.failed(error)));
    edge.on('OK', ({ ref }) => this.change(() => this.done(ref)));
    edge.on('Typing', (typing) => this.change(() => this.typingIs(typing)));
    edge.on('Stored', (stored) => this.change(() => this.storedIs(stored)));
    edge.on('Message', (message) => this.change(() => this.messageIs(message)));
    for (const kind of ['Sent', 'Mark'] as const) {
      edge.on(kind, (payload) => this.change(() => this.talk?.apply(kind, payload)));
    }
  }

  get stage(): Stage {
    const { session, state } = this.store.memory;
    if (this.blocked) return 'blocked';
    if (session && this.talk) {
      const known = this.talk.session?.state;
      if (state === 'ended' || known === 'ended') return 'ended';
      return known ?? (state === 'opening' ? 'opening' : 'resuming');
    }
    if (this.thanked !== null) return 'thanks';
    if (this.writesCard || this.card) return 'card';
    if (!this.button) return 'connecting';
    return this.button.state === 'closed' ? 'card' : 'start';
  }

  get session(): Session | null {
    return this.talk?.session ?? null;
  }

  get lines(): readonly Line[] {
    return this.talk?.lines.filter(({ key }) => !this.resaid.has(key)) ?? [];
  }

  /** The offline form on its way; it is kept until the node has it. */
  get card(): Card | null {
    const card = this.store.load('localStorage', 'card');
    return typeof card === 'object' && card !== null ? (card as Card) : null;
  }

  /** Whether the agent may see the page: what the visitor said last, even if the node has not heard it. */
  get shared(): boolean {
    const { stage, session } = this;
    return (stage === 'active' || stage === 'waiting') && (this.store.memory.wish ?? session?.consent ?? false);
  }

  /** Whether the visitor is to be asked for consent. */
  get asksConsent(): boolean {
    const { wish, declined } = this.store.memory;
    const { session, site, stage } = this;
    return (
      stage === 'active' &&
      site?.cobrowse === true &&
      !session?.consent &&
      wish === undefined &&
      declined !== session?.id
    );
  }

  subscribe(f: () => void): void {
    this.listeners.add(f);
  }

  hello(): Hello {
    const { token, ending } = this.store.memory;
    const { site, lang, tab } = this.me;
    const resume = this.talk ? [this.talk.resume()] : [];
    if (ending && ending !== this.talk?.id) resume.push({ session: ending, epoch: 0, seq: 0 });
    return {
      v: 1,
      role: 'visitor',
      site,
      lang,
      tab,
      page: this.page(),
      ...(token && { token }),
      ...(resume.length && { resume }),
    };
  }

  /** Asks for an agent. */
  open(name: string, department: string): void {
    const session = newId();
    this.change(() => {
      this.fault = null;
      this.writesCard = false;
      this.store.patch({
        session,
        state: 'opening',
        name,
        department,
        endedAt: undefined,
        declined: undefined,
        wish: undefined,
      });
      this.adopt(session);
      this.ask();
    });
  }

  say(text: string): void {
    this.change(() => {
      if (!this.talk) return;
      const said = this.talk.say(text);
      this.typed(false);
      if (this.told) this.send('Say', said, 'say');
    });
  }

  /** Says a message anew that nobody could save. */
  resend(key: string, text: string): void {
    this.resaid.add(key);
    this.say(text);
  }

  /** Says that the visitor types, or no longer does; at most one frame in a while. */
  typed(on: boolean): void {
    const session = this.session?.id;
    const now = Date.now();
    if (!session || (on ? now - this.typedAt < typingPause : !this.typedAt)) return;
    this.typedAt = on ? now : 0;
    this.edge.send('Typing', { session, on });
  }

  /** Tells the node what was drawn, and what was read. */
  mark(read: boolean): void {
    const { talk } = this;
    if (!talk || !this.told) return;
    for (const marks of [talk.drawn(), read ? talk.read() : null]) {
      if (marks) this.edge.send('Mark', marks);
    }
  }

  /** Shows the page or not; "not now" counts for the whole session. */
  consent(on: boolean, record = false): void {
    this.change(() => {
      this.store.patch(on ? { wish: true, record } : { wish: false, record: undefined, declined: this.session?.id });
      this.sendWish();
    });
  }

  /** Shows the question again. */
  reconsider(): void {
    this.change(() => this.store.patch({ declined: undefined }));
  }

  end(): void {
    this.change(() => {
      const { session } = this.store.memory;
      if (!session) return;
      this.endedHere = true;
      this.store.patch({ ending: session });
      this.finish();
      this.edge.send('End', { session });
    });
  }

  /** Leaves an ended session behind: the window is as before the first chat. */
  dismiss(): void {
    this.change(() => {
      this.talk = null;
      this.fault = null;
      this.thanked = null;
      this.writesCard = false;
      this.store.save('sessionStorage', 'log', undefined);
      this.store.patch({ session: undefined, state: undefined });
    });
  }

  /** Chooses the offline form, giving up the place in the queue if there is one. */
  writeCard(on: boolean): void {
    if (on && this.talk) {
      if (this.stage !== 'ended') this.end();
      this.dismiss();
    }
    this.change(() => {
      this.fault = null;
      this.thanked = null;
      this.writesCard = on;
    });
  }

  /** Something is written in the offline form: it stays although somebody comes. */
  writes(): void {
    if (!this.writesCard && this.stage === 'card') this.writeCard(true);
  }

  leaveCard(card: Omit<Card, 'id'>): void {
    this.change(() => {
      this.fault = null;
      this.store.save('localStorage', 'card', { ...card, id: newId() });
      this.sendCard();
    });
  }

  /** Keeps a copy of the stored part for the next page of this tab. */
  keep(): void {
    const { session, stored } = this;
    if (!session) return;
    const messages = this.lines.map((line) => line.message).filter((message) => message.stored);
    this.store.save('sessionStorage', 'log', { session: { ...session, stored }, messages: messages.slice(-keptLines) });
  }

  private get told(): boolean {
    return this.edge.state === 'open';
  }

  private change(f: () => void): void {
    f();
    for (const listener of this.listeners) listener();
  }

  private send<K extends ControlKind>(kind: K, payload: Payloads[K], why: 'open' | 'card' | 'say'): void {
    this.asked.set(this.edge.send(kind, payload), why);
  }

  private adopt(session: string): void {
    this.stored = 0;
    this.endedHere = false;
    const { visitor, name } = this.store.memory;
    const me = { role: 'visitor' as const, ...(visitor && { id: visitor }), ...(name && { name }) };
    this.talk = new Conversation(session, me, new Outbox(this.store, session));
    const log = this.store.load('sessionStorage', 'log') as { session?: Session; messages?: Message[] } | undefined;
    if (log?.session?.id === session) {
      this.talk.apply('Session', log.session);
      for (const message of log.messages ?? []) this.talk.apply('Message', message);
      this.stored = log.session.stored;
    }
    for (const message of this.early) if (message.session === session) this.talk.apply('Message', message);
    this.early = [];
  }

  private welcomed({ token, visitor, site, button, sessions = [] }: Welcome): void {
    this.site = site ?? this.site;
    this.button = button ?? this.button;
    this.live = sessions;
    this.store.patch({ ...(token && { token }), ...(visitor && { visitor }) });
    if (this.talk && visitor && this.talk.me.id !== visitor) this.adopt(this.talk.id); // the id is part of every line
  }

  private linkIs(state: Edge['state']): void {
    if (state === 'open') this.opened();
    else if (state === 'closed' && this.startAgain) {
      this.startAgain = false;
      this.edge.start();
    }
  }

  /** Says what is still to be said. */
  private opened(): void {
    this.asked.clear();
    this.typedAt = 0;
    const { session, state, ending } = this.store.memory;
    if (ending && this.live.includes(ending)) this.edge.send('End', { session: ending });
    else if (ending) this.store.patch({ ending: undefined });
    if (session && state === 'opening') this.ask();
    else if (session && state === 'live') {
      if (!this.live.includes(session)) this.finish();
      else this.sendWish();
    }
    this.sendPending();
    this.sendCard();
  }

  private sendPending(): void {
    if (this.store.memory.state !== 'live') return;
    for (const pending of this.talk?.pending() ?? []) this.send('Say', pending, 'say');
  }

  private ask(): void {
    const { session, name = '', department = this.me.department } = this.store.memory;
    if (!session || !this.told) return;
    const known = this.site?.departments.some(({ id }) => id === department);
    this.send('Open', { session, name, ...(known && { department }), facts: this.facts() }, 'open');
  }

  private sendCard(): void {
    const { card } = this;
    if (card && this.told) this.send('Card', card, 'card');
  }

  private sendWish(): void {
    const { session, wish, record } = this.store.memory;
    if (session && wish !== undefined) {
      this.edge.send('Consent', { session, on: wish, ...(wish && record && { record }) });
    }
  }

  private sessionIs(next: Session): void {
    const { session, state, ending, wish } = this.store.memory;
    if (next.id === ending) {
      if (next.state === 'ended') this.store.patch({ ending: undefined });
    } else if (next.state !== 'ended' && (next.id !== this.talk?.id || next.id !== session || state === 'ended')) {
      // Begun in another tab, or the node had one already.
      this.store.patch({ session: next.id, endedAt: undefined });
      this.adopt(next.id);
    }
    const { talk } = this;
    if (talk?.id !== next.id) return;
    talk.apply('Session', next);
    this.stored = Math.max(this.stored, next.stored);
    if (next.consent === wish) this.store.patch({ wish: undefined });
    if (next.state === 'ended') this.finish();
    else if (next.id !== ending && state !== 'live') {
      this.fault = null;
      this.store.patch({ state: 'live' });
      this.sendPending();
    }
  }

  /** A message may overtake the session that it begins: it comes as a datagram, and its second copy is dropped. */
  private messageIs(message: Message): void {
    if (message.session === this.talk?.id) this.talk.apply('Message', message);
    else this.early = [...this.early, message].slice(-keptEarly);
  }

  /** The session is over: what could still be said in it is forgotten. */
  private finish(): void {
    if (this.store.memory.state !== 'ended') {
      this.store.patch({ state: 'ended', endedAt: Date.now(), wish: undefined, declined: undefined });
    }
    this.store.save('localStorage', 'out', undefined);
    this.store.save('localStorage', 'draft', undefined);
    this.keep();
  }

  private storedIs(stored: Payloads['Stored']): void {
    this.talk?.apply('Stored', stored);
    if (stored.session === this.session?.id) this.stored = Math.max(this.stored, stored.seq);
  }

  private typingIs(typing: Payloads['Typing']): void {
    clearTimeout(this.typingTimer);
    this.talk?.apply('Typing', typing);
    if (typing.on) this.typingTimer = setTimeout(() => this.change(() => {}), typingFor);
  }

  private done(ref: number): void {
    const { card } = this;
    if (this.asked.get(ref) === 'card' && card) {
      this.store.save('localStorage', 'card', undefined);
      this.thanked = card.name;
      this.writesCard = false;
      this.fault = null;
    }
    this.asked.delete(ref);
  }

  private failed(error: WireError): void {
    const why = error.ref === undefined ? undefined : this.asked.get(error.ref);
    if (error.ref !== undefined) this.asked.delete(error.ref);
    switch (error.code) {
      case 'not_saved':
      case 'conflict':
        this.talk?.apply('Error', error);
        return;
      case 'revoked':
        this.blocked = true;
        this.finish();
        this.edge.close();
        return;
      case 'auth': // a token of another node or time: the next hello asks for a new one
        this.startAgain = this.store.memory.token !== undefined;
        this.store.patch({ token: undefined, visitor: undefined });
        return;
      case 'version':
        this.fault = 'error_reload';
        return;
    }
    if (why === 'say' && (error.code === 'gone' || error.code === 'not_found')) this.finish();
    else if (why) this.refused(why, error);
  }

  /** Something asked for was refused: tried again where that can help, else given up with a sentence. */
  private refused(why: 'open' | 'card' | 'say', { code, retry_ms = askAgain }: WireError): void {
    const passing: Partial<Record<string, ChatText>> = {
      rate: 'error_rate',
      busy: 'error_busy',
      unavailable: 'error_unavailable',
      internal: 'error_other',
    };
    this.fault = passing[code] ?? (code === 'forbidden' ? 'error_blocked' : 'error_other');
    if (code in passing) {
      clearTimeout(this.retryTimer);
      this.retryTimer = setTimeout(() => this.again(), retry_ms);
    } else if (why === 'open') {
      this.talk = null;
      this.store.patch({ session: undefined, state: undefined });
    } else if (why === 'card') {
      this.store.save('localStorage', 'card', undefined);
    }
  }

  private again(): void {
    if (this.store.memory.state === 'opening') this.ask();
    this.sendPending();
    this.sendCard();
  }
}

/** The most characters of one message: longer ones are sent in parts. */
export function parts(text: string): string[] {
  const characters = [...text];
  const list: string[] = [];
  while (characters.length) list.push(characters.splice(0, Limit.text).join(''));
  return list;
}
