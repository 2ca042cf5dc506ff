// Messages that are not known to be stored, kept over page loads. All tabs of a
// site share one box; saying a message again from two of them is harmless, and
// each takes out only what it put in or took over.

import type { Pending, PendingStore } from '../wire/conversation.ts';
import type { Store } from './store.ts';

/** How many unsent messages are kept. */
const most = 50;

export class Outbox implements PendingStore {
  private mine = new Set<string>(); // ids of messages that this tab answers for

  constructor(
    private readonly store: Store,
    private readonly session: string,
  ) {}

  load(): Pending[] {
    const kept = this.kept();
    this.mine = new Set(kept.map(({ id }) => id));
    return kept;
  }

  save(pending: Pending[]): void {
    const now = new Set(pending.map(({ id }) => id));
    if (!this.mine.size && !now.size) return;
    const others = this.kept().filter(({ id }) => !this.mine.has(id) && !now.has(id));
    const all = [...others, ...pending].slice(-most);
    this.store.save('localStorage', 'out', all.length ? all : undefined);
    this.mine = now;
  }

  private kept(): Pending[] {
    const kept = this.store.load('localStorage', 'out');
    return Array.isArray(kept) ? (kept as Pending[]).filter(({ session }) => session === this.session) : [];
  }
}
