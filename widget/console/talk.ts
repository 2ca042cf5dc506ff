// One conversation on the agent's screen: the chat model that both sides share,
// as signals, with what only the agent has: the draft and how far they read.

import { type Signal, signal } from '@preact/signals';
import { Conversation, type Line, type Pending } from '../wire/conversation.ts';
import type { Author, Payloads } from '../wire/payload.ts';
import { readJSON, writeJSON } from './settings.ts';

const pendingKey = (session: string) => `kohe.pending.${session}`;
const draftKey = (session: string) => `kohe.draft.${session}`;

type Chat = 'Session' | 'Message' | 'Sent' | 'Stored' | 'Mark' | 'Typing' | 'Error';

export class Talk {
  readonly lines: Signal<readonly Line[]> = signal([]);
  readonly typing: Signal<Author | null> = signal(null);
  readonly draft: Signal<string>;
  readonly readTo = signal(0); // the highest seq that this agent has read
  readonly newFrom: Signal<number | null> = signal(null); // first unread seq when the conversation was opened
  private readonly conversation: Conversation;
  private typingEnds: ReturnType<typeof setTimeout> | undefined;

  constructor(
    readonly session: string,
    me: Author,
    private readonly storage: Storage,
  ) {
    this.conversation = new Conversation(session, me, {
      load: () => (readJSON(storage, pendingKey(session)) ?? []) as Pending[],
      save: (pending) => writeJSON(storage, pendingKey(session), pending.length > 0 ? pending : null),
    });
    const draft = readJSON(storage, draftKey(session));
    this.draft = signal(typeof draft === 'string' ? draft : '');
    this.conversation.subscribe(() => this.show());
    this.show();
  }

  apply<K extends Chat>(kind: K, payload: Payloads[K]): void {
    this.conversation.apply(kind, payload);
  }

  say(text: string, kind?: 'link'): Payloads['Say'] {
    const said = this.conversation.say(text, kind);
    if (!kind) this.write('');
    return said;
  }

  write(draft: string): void {
    this.draft.value = draft;
    writeJSON(this.storage, draftKey(this.session), draft === '' ? null : draft);
  }

  /** What must be said again on a new connection. */
  pending(): Payloads['Say'][] {
    return this.conversation.pending();
  }

  resume() {
    return this.conversation.resume();
  }

  /** Marks to send because all lines have been drawn, or null. */
  drawn() {
    return this.conversation.drawn();
  }

  /** Marks to send because the agent looks at the conversation, or null. */
  read() {
    this.readTo.value = Math.max(this.readTo.value, ...this.lines.value.map(({ message }) => message.seq), 0);
    return this.conversation.read();
  }

  close(): void {
    clearTimeout(this.typingEnds);
  }

  private show(): void {
    const { lines, typing, typingUntil } = this.conversation;
    this.lines.value = lines;
    this.typing.value = typing;
    clearTimeout(this.typingEnds);
    if (typing) this.typingEnds = setTimeout(() => this.show(), typingUntil - Date.now());
  }
}

/** Forgets every draft and unsent message in this browser: others may sign in here. */
export function forgetTalks(storage: Storage): void {
  const keys = Array.from({ length: storage.length }, (_, i) => storage.key(i) ?? '');
  for (const key of keys) if (key.startsWith('kohe.draft.') || key.startsWith('kohe.pending.')) storage.removeItem(key);
}
