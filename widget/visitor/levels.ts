// What the visitor lets the agent do on the page, besides seeing it: asked one
// level at a time, granted, refused and taken back by the visitor alone. The
// node's word is not enough: a level counts that was granted in this browser.

import type { ControlKind, Level, Payloads, Session } from '../wire/payload.ts';
import type { Store } from './store.ts';

/** What Levels needs of its connection. */
export interface LevelEdge {
  send<K extends ControlKind>(kind: K, payload: Payloads[K]): number;
  on<K extends ControlKind>(kind: K, f: (payload: Payloads[K], seq: number) => void): () => void;
}

export class Levels {
  /** The question that stands. */
  asked: Payloads['Ask'] | null = null;

  constructor(
    private readonly edge: LevelEdge,
    private readonly store: Store,
    private readonly session: () => Session | null,
    private readonly changed: () => void,
  ) {
    edge.on('Ask', (ask) => this.ask(ask));
  }

  /** The levels that are on. */
  get on(): readonly Level[] {
    const session = this.session();
    const { levels = [] } = this.store.memory;
    return session?.consent ? (session.granted ?? []).filter((level) => levels.includes(level)) : [];
  }

  has(level: Level): boolean {
    return this.on.includes(level);
  }

  /** Answers the question that stands. */
  answer(on: boolean): void {
    const { asked } = this;
    this.asked = null;
    if (asked) this.set(asked.level, on);
    this.changed();
  }

  /** Takes everything back. */
  stop(): void {
    for (const level of this.on) this.set(level, false);
    this.changed();
  }

  private set(level: Level, on: boolean): void {
    const session = this.session();
    if (!session) return;
    const others = (this.store.memory.levels ?? []).filter((other) => other !== level);
    this.store.patch({ levels: on ? [...others, level] : others });
    this.edge.send('Grant', { session: session.id, level, on });
  }

  private ask(ask: Payloads['Ask']): void {
    const session = this.session();
    if (ask.session !== session?.id || !session.consent || this.has(ask.level)) return;
    this.asked = ask;
    this.changed();
  }
}
