// What the visitor lets the agent do on the page, besides seeing it: asked one
// level at a time, granted, refused and taken back by the visitor alone. The
// node's word is not enough: a level counts that was granted in this browser, in
// this session and to this agent, while the page is shared.

import type { ControlKind, Level, Payloads, Session } from '../wire/payload.ts';
import type { Store } from './store.ts';

/** What Levels needs of its connection. */
export interface LevelEdge {
  send<K extends ControlKind>(kind: K, payload: Payloads[K]): number;
  on<K extends ControlKind>(kind: K, f: (payload: Payloads[K], seq: number) => void): () => void;
}

/** What Levels needs of the chat. */
export interface Shared {
  readonly session: Session | null;
  readonly shared: boolean; // the visitor lets the agent see the page
}

export class Levels {
  private question: { ask: Payloads['Ask']; agent: string } | null = null;

  constructor(
    private readonly edge: LevelEdge,
    private readonly store: Store,
    private readonly chat: Shared,
    private readonly changed: () => void,
  ) {
    edge.on('Ask', (ask) => this.ask(ask));
  }

  /** The question that stands: of the agent who has the session now. */
  get asked(): Payloads['Ask'] | null {
    const { question, chat } = this;
    const { session, shared } = chat;
    const here = shared && session?.id === question?.ask.session && (session?.agent_name ?? '') === question?.agent;
    return here && question ? question.ask : null;
  }

  /** The levels that are on. */
  get on(): readonly Level[] {
    const { granted = [] } = this.chat.session ?? {};
    return granted.filter((level) => this.given.includes(level));
  }

  has(level: Level): boolean {
    return this.on.includes(level);
  }

  /** Answers the question that stands. */
  answer(on: boolean): void {
    const { asked } = this;
    this.question = null;
    if (asked) this.set(asked.level, on);
    this.changed();
  }

  /** Takes everything back. */
  stop(): void {
    for (const level of this.on) this.set(level, false);
    this.changed();
  }

  /** Forgets what was given while the page is not shared: it is asked for anew. */
  settle(): void {
    if (!this.chat.shared && this.store.memory.levels) this.store.patch({ levels: undefined });
  }

  /** What was given in this browser to the agent who has the session now. */
  private get given(): readonly Level[] {
    const { session, shared } = this.chat;
    const { levels } = this.store.memory;
    return shared && levels?.session === session?.id && levels?.agent === (session?.agent_name ?? '')
      ? (levels?.on ?? [])
      : [];
  }

  private set(level: Level, on: boolean): void {
    const { session } = this.chat;
    if (!session) return;
    const others = this.given.filter((other) => other !== level);
    const agent = session.agent_name ?? '';
    this.store.patch({ levels: { session: session.id, agent, on: on ? [...others, level] : others } });
    this.edge.send('Grant', { session: session.id, level, on });
  }

  private ask(ask: Payloads['Ask']): void {
    const { session } = this.chat;
    if (ask.session !== session?.id || this.has(ask.level)) return;
    this.question = { ask, agent: session.agent_name ?? '' };
    this.changed();
  }
}
