// Where the console's requests go: to the node that served it, by the cookie
// that is that node's; while it does not answer, to the node that the live link
// is at, by a token that it gave for that (edge/api/origin.go).

import { type Signal, signal } from '@preact/signals';

const patience = 15_000; // ms for an answer
const soon = 5000; // ms likewise, where another node can be asked
const lookEvery = 10_000; // ms between two looks whether the console's own node is back

type Fetch = typeof globalThis.fetch;

export class Reach {
  /** The node that answers in place of the console's own; null while that one does. */
  readonly instead: Signal<string | null> = signal(null);
  /** What proves this console to other nodes; kept in memory only. */
  bearer = '';
  /** The node that the link is open at, if it is not the console's own. */
  elsewhere: () => string | null = () => null;
  #lookedAt = 0;

  constructor(
    private readonly fetch: Fetch,
    private readonly base: string,
  ) {}

  /** Asks; `own`: only the console's own node. Throws what fetch throws. */
  async ask(path: string, init: RequestInit, own: boolean): Promise<Response> {
    const other = own || !this.bearer ? null : this.elsewhere();
    if (!other) {
      const answer = await this.#home(path, init, patience);
      this.instead.value = null;
      return answer;
    }
    if (this.instead.value === null) {
      const answer = await this.#home(path, init, soon).catch(() => null);
      if (answer) return answer;
      this.#lookedAt = Date.now();
    } else void this.#look();
    return this.#away(other, path, init);
  }

  #home(path: string, init: RequestInit, within: number): Promise<Response> {
    const signal = AbortSignal.timeout(within);
    return this.fetch(this.base + path, { ...init, signal, credentials: 'same-origin', cache: 'no-store' });
  }

  async #away(node: string, path: string, init: RequestInit): Promise<Response> {
    try {
      const answer = await this.fetch(node + this.base + path, {
        ...init,
        headers: { ...init.headers, Authorization: `Bearer ${this.bearer}` },
        signal: AbortSignal.timeout(patience),
        credentials: 'omit',
        cache: 'no-store',
        referrerPolicy: 'no-referrer',
        redirect: 'error', // the token is for this node
      });
      this.instead.value = node;
      return answer;
    } catch (cause) {
      this.instead.value = null; // the console's own is asked first again
      throw cause;
    }
  }

  /** Looks once in a while whether the console's own node is back. */
  async #look(): Promise<void> {
    if (Date.now() - this.#lookedAt < lookEvery) return;
    this.#lookedAt = Date.now();
    const signal = AbortSignal.timeout(soon);
    const { ok } = await this.fetch('/kohe/near', { signal, cache: 'no-store' }).catch(() => ({ ok: false }));
    if (ok) this.instead.value = null;
  }
}
