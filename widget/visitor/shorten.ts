// Makes page messages short on their way to the edge: what the edge has from
// this visitor already is left out, its words have numbers, and all that is
// deflated (dom/FORMAT.md).

import { joined, most, Seen } from './seen.ts';
import { bytesOf, characters } from './words.ts';

export { Seen };

/** Bytes of a message from which this is worth the milliseconds that it takes, and of one that belongs to a snapshot. */
const least = 8 << 10;
const leastOfSnapshot = 512;
const SNAPSHOT = 1;
const PARTIAL = 2;
const SHORT = 64;
const place = 'kohe-seen'; // in sessionStorage: it is the tab's own, and ends with it

/** What is kept between two pages of a tab: bytes as a string, a character each. */
export type Store = Pick<Storage, 'getItem' | 'setItem'>;

export class Shortener {
  private seen: Seen | null = null; // the last whole snapshot
  private known = ''; // the sum of what the edge has
  private parts: Uint8Array[] | null = null; // of a snapshot under way, as far as they count
  private both: Seen | null = null; // what both ends have meanwhile
  private room = 0; // bytes that still count
  private queue = Promise.resolve();
  private waiting = 0; // messages in the queue
  /** Bytes in it. */
  backlog = 0;

  constructor(
    private readonly send: (message: Uint8Array) => void,
    private readonly store: Store | null,
  ) {}

  private stored(): Seen | null {
    try {
      return new Seen(bytesOf(this.store?.getItem(place) ?? ''));
    } catch {
      return null; // the browser keeps nothing
    }
  }

  /** The edge says what it has: a sum, or ''. */
  edgeHas(sum: string): void {
    this.known = sum;
    if (sum) this.seen ??= this.stored();
  }

  /** Sends a message, after those before it. */
  push(message: Uint8Array): void {
    if (this.waiting === 0 && message.length < least && !this.isOfSnapshot(message)) {
      this.send(message);
      return;
    }
    this.waiting++;
    this.backlog += message.length;
    this.queue = this.queue.then(async () => {
      if (bitsOf(message) & SNAPSHOT) this.both = this.has();
      const short = await this.shortened(message).catch(() => message);
      this.collect(message);
      this.waiting--;
      this.backlog -= message.length;
      this.send(short);
    });
  }

  private isOfSnapshot(message: Uint8Array): boolean {
    return this.parts !== null || (bitsOf(message) & SNAPSHOT) > 0;
  }

  /** A message as it is sent. */
  private async shortened(message: Uint8Array): Promise<Uint8Array> {
    if (message.length < (this.isOfSnapshot(message) ? leastOfSnapshot : least)) return message;
    return shorter(message, this.both ?? this.has());
  }

  /** The last whole snapshot, if the edge has it. */
  private has(): Seen {
    return this.seen?.sum === this.known ? this.seen : new Seen(new Uint8Array(0));
  }

  /** Keeps whole snapshots. */
  private collect(message: Uint8Array): void {
    const bits = bitsOf(message);
    if (bits & SNAPSHOT) {
      this.parts = [];
      this.room = most;
    }
    const { parts } = this;
    if (!parts) return;
    if (this.room > 0) parts.push(message.subarray(0, this.room));
    this.room -= message.length;
    this.both?.add(message);
    if (bits & PARTIAL) return;
    this.parts = this.both = this.seen = null;
    setTimeout(() => this.keep(joined(parts))); // not in the task of the page's own change
  }

  private keep(bytes: Uint8Array): void {
    this.seen = new Seen(bytes);
    this.known = this.seen.sum;
    try {
      this.store?.setItem(place, characters(bytes));
    } catch {
      // it does not fit, or the browser keeps nothing: the next page is sent whole
    }
  }
}

/** The bits of a message's head, 0 for the short head of a small difference. */
function bitsOf(message: Uint8Array): number {
  const head = message[0] ?? 0;
  return head & SHORT ? 0 : head;
}

const pause = (): Promise<void> => new Promise((done) => setTimeout(done));

/** A message without what was seen, by words, deflated; in tasks of its own. */
async function shorter(message: Uint8Array, seen: Seen): Promise<Uint8Array> {
  await pause();
  const short = await seen.shorten(message, pause, deflated);
  return short.length < message.length ? short : message;
}

async function deflated(bytes: Uint8Array): Promise<Uint8Array | null> {
  if (typeof CompressionStream === 'undefined') return null;
  const stream = new Blob([bytes as Uint8Array<ArrayBuffer>])
    .stream()
    .pipeThrough(new CompressionStream('deflate-raw'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
