// Conversation is the chat of one session as both sides draw it: lines in their
// order, ticks, watermarks, and what the author still has to say again. It
// knows PROTOCOL.md "Messages and ticks" and neither DOM nor timers nor links.
import { newId } from './frame.ts';
import {
  type Author,
  type ControlKind,
  type Marks,
  type Message,
  type Payloads,
  type Resume,
  type Session,
  spoken,
} from './payload.ts';

export type Tick = 'sending' | 'sent' | 'stored' | 'delivered' | 'read' | 'not_saved';

export interface Line {
  readonly key: string; // of the message's identity: the same before and after it has a place
  readonly message: Message; // epoch and seq are 0 while it is being sent
  readonly mine: boolean;
  readonly tick: Tick | null; // of mine only
}

/** A message of ours that is not known to be stored. */
export type Pending = Payloads['Say'] & { at: number };

export interface PendingStore {
  load(): Pending[];
  save(pending: Pending[]): void;
}

/** How long a Typing counts, in ms. */
export const typingFor = 6000;

interface Entry {
  message: Message;
  mine: boolean;
  stored: boolean;
  lost: boolean; // nobody can store it
}

const keyOf = (author: Author, id: string) => `${author.role}/${author.id ?? ''}/${id}`;
const sideOf = (author: Author) => (author.role === 'visitor' ? 'visitor' : 'agent');

/** By place; what has none yet comes last, in the order in which it was said. */
function byPlace(a: Entry, b: Entry): number {
  if (!a.message.seq || !b.message.seq) return Number(!a.message.seq) - Number(!b.message.seq);
  return a.message.epoch - b.message.epoch || a.message.seq - b.message.seq;
}

export class Conversation {
  session: Session | null = null;
  lines: readonly Line[] = [];
  /** When the other side's typing is void unless renewed; ms since 1970. The owner redraws then. */
  typingUntil = 0;
  #typist: Author | null = null;
  #entries = new Map<string, Entry>();
  #last = { epoch: 0, seq: 0 }; // what was last said to be stored
  #theirs: Marks = { delivered: 0, read: 0 }; // the other side's
  #ours: Marks = { delivered: 0, read: 0 }; // what the edge has, or was last told
  #listeners = new Set<() => void>();

  constructor(
    readonly id: string,
    readonly me: Author,
    private readonly store?: PendingStore,
  ) {
    for (const pending of store?.load() ?? []) if (pending.session === id) this.#draft(pending);
    this.#changed();
  }

  subscribe(f: () => void): () => void {
    this.#listeners.add(f);
    return () => this.#listeners.delete(f);
  }

  /** Who types on the other side now. */
  get typing(): Author | null {
    return Date.now() < this.typingUntil ? this.#typist : null;
  }

  /** What the Hello says we have: the unbroken stored prefix. */
  resume(): Resume {
    const last = this.#prefix().at(-1)?.message;
    return { session: this.id, epoch: last?.epoch ?? 0, seq: last?.seq ?? 0 };
  }

  /** Adds a message of ours and returns what to send. It is said again from pending until it is stored. */
  say(text: string, kind?: 'link'): Payloads['Say'] {
    const said = { session: this.id, id: newId(), text, ...(kind && { kind }) };
    this.#draft({ ...said, at: Date.now() });
    this.#changed();
    return said;
  }

  /** What to say again each time the link opens, in order. */
  pending(): Payloads['Say'][] {
    return this.#unstored().map(({ at: _, ...said }) => said);
  }

  /** Takes what the edge sent; frames of other sessions and kinds are not ours and change nothing. */
  apply<K extends ControlKind>(kind: K, payload: Payloads[K]): void {
    const take = this.#takers[kind];
    const session = kind === 'Session' ? (payload as Session).id : (payload as { session?: string }).session;
    if (!take || session !== this.id) return;
    (take as (payload: Payloads[K]) => void)(payload);
    this.#changed();
  }

  /** The mark to send once the lines are drawn; null if the edge knows. */
  drawn(): Payloads['Mark'] | null {
    return this.#mark(false);
  }

  /** The mark to send once the person has seen the lines; null if the edge knows. */
  read(): Payloads['Mark'] | null {
    return this.#mark(true);
  }

  readonly #takers: { [K in ControlKind]?: (payload: Payloads[K]) => void } = {
    Session: (session) => {
      this.session = session;
      const [ours, theirs] = [session.visitor_marks, session.agent_marks];
      const visitor = sideOf(this.me) === 'visitor';
      this.#ours = { ...(visitor ? ours : theirs) };
      this.#raise(visitor ? theirs : ours);
      this.#storedTo(session.epoch, session.stored);
    },
    Message: (message) => {
      this.#place(message);
      if (this.#typist && keyOf(this.#typist, '') === keyOf(message.author, '')) this.typingUntil = 0;
    },
    Sent: ({ id, epoch, seq, at }) => {
      const entry = this.#entries.get(keyOf(this.me, id));
      if (entry) this.#place({ ...entry.message, epoch, seq, at });
    },
    Stored: ({ epoch, seq }) => this.#storedTo(epoch, seq),
    Mark: ({ by, delivered, read }) => {
      if (by !== sideOf(this.me)) this.#raise({ delivered, read });
    },
    Typing: ({ by, on }) => {
      if (!by || (by.role === this.me.role && by.id === this.me.id)) return;
      this.#typist = by;
      this.typingUntil = on ? Date.now() + typingFor : 0;
    },
    Error: ({ code, id }) => {
      const entry = id && this.#entries.get(keyOf(this.me, id));
      if (entry && !entry.stored && code !== 'rate' && code !== 'unavailable') entry.lost = true;
    },
  };

  #draft({ id, text, kind, at }: Pending): void {
    const message: Message = {
      session: this.id,
      epoch: 0,
      seq: 0,
      author: this.me,
      id,
      kind: kind ?? 'text',
      text,
      at,
    };
    this.#entries.set(keyOf(this.me, id), { message, mine: true, stored: false, lost: false });
  }

  /** Gives a message its place, in the stead of any older one. */
  #place(message: Message): void {
    const key = keyOf(message.author, message.id);
    const entry = this.#entries.get(key);
    if (entry?.stored || (entry && !message.stored && entry.message.epoch > message.epoch)) return;
    const mine = message.author.role === this.me.role && message.author.id === this.me.id;
    this.#entries.set(key, { message, mine, stored: message.stored === true, lost: false });
    this.#settle();
  }

  /**
   * What was numbered in this epoch is stored up to seq. A place of another epoch may be another message's by now: one
   * that is stored comes again and says so.
   */
  #storedTo(epoch: number, seq: number): void {
    this.#last = { epoch, seq };
    this.#settle();
  }

  #settle(): void {
    const { epoch, seq } = this.#last;
    for (const entry of this.#entries.values()) {
      const { message } = entry;
      if (message.epoch === epoch && message.seq && message.seq <= seq) entry.stored = true;
      if (entry.stored && !message.stored) entry.message = { ...message, stored: true };
    }
  }

  #raise(marks: Marks): void {
    this.#theirs = {
      delivered: Math.max(this.#theirs.delivered, marks.delivered),
      read: Math.max(this.#theirs.read, marks.read),
    };
  }

  /** The stored entries from the first on, up to the first gap. */
  #prefix(): Entry[] {
    const stored = [...this.#entries.values()].filter((e) => e.stored).sort((a, b) => a.message.seq - b.message.seq);
    const gap = stored.findIndex((e, i) => e.message.seq !== i + 1);
    return gap < 0 ? stored : stored.slice(0, gap);
  }

  #mark(seen: boolean): Payloads['Mark'] | null {
    const delivered = Math.max(this.#ours.delivered, this.#prefix().length);
    const read = seen ? delivered : this.#ours.read;
    if (delivered === this.#ours.delivered && read === this.#ours.read) return null;
    this.#ours = { delivered, read };
    return { session: this.id, delivered, read };
  }

  #unstored(): Pending[] {
    return [...this.#entries.values()]
      .filter((e) => e.mine && !e.stored && !e.lost && spoken(e.message.kind))
      .map(({ message: { session, id, text = '', at, kind } }) => ({
        ...{ session, id, text, at },
        ...(kind === 'link' && { kind }),
      }));
  }

  #tick({ message: { seq }, mine, stored, lost }: Entry): Tick | null {
    if (!mine) return null;
    if (lost) return 'not_saved';
    if (!seq) return 'sending';
    if (!stored) return 'sent';
    if (seq <= this.#theirs.read) return 'read';
    return seq <= this.#theirs.delivered ? 'delivered' : 'stored';
  }

  #changed(): void {
    this.lines = [...this.#entries]
      .sort(([, a], [, b]) => byPlace(a, b))
      .map(([key, entry]) => {
        const { message, mine } = entry;
        return { key, message, mine, tick: this.#tick(entry) };
      });
    this.store?.save(this.#unstored());
    for (const f of this.#listeners) f();
  }
}
