// Makes page messages short on their way to the edge: what the edge has from
// this visitor already is left out, what is long is deflated (dom/FORMAT.md).

/** Bytes of a message from which this is worth the milliseconds that it takes. */
const least = 8 << 10;
/** Bytes of the last whole snapshot that are kept, as in dom/seen.go. */
const most = 512 << 10;
const SNAPSHOT = 1;
const PARTIAL = 2;
const DEFLATED = 16;
const SEEN = 32;
const SHORT = 64;
const place = 'kohe-seen'; // in sessionStorage: it is the tab's own, and ends with it

/** What is kept between two pages of a tab: bytes as a string, a character each. */
export type Store = Pick<Storage, 'getItem' | 'setItem'>;

export class Shortener {
  private seen: Seen | null = null; // the last whole snapshot
  private known = ''; // the sum of what the edge has
  private parts: Uint8Array[] | null = null; // of a snapshot under way, as far as they count
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
      const kept = this.store?.getItem(place) ?? '';
      const bytes = new Uint8Array(kept.length);
      for (let i = 0; i < kept.length; i++) bytes[i] = kept.charCodeAt(i);
      return new Seen(bytes);
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
    const seen = this.seen?.sum === this.known ? this.seen : null;
    this.collect(message);
    if (this.waiting === 0 && message.length < least) {
      this.send(message);
      return;
    }
    this.waiting++;
    this.backlog += message.length;
    this.queue = this.queue.then(async () => {
      const short = message.length < least ? message : await shorter(message, seen).catch(() => message);
      this.waiting--;
      this.backlog -= message.length;
      this.send(short);
    });
  }

  /** Keeps whole snapshots. */
  private collect(message: Uint8Array): void {
    const head = message[0] ?? 0;
    const bits = head & SHORT ? 0 : head;
    if (bits & SNAPSHOT) {
      this.parts = [];
      this.room = most;
    }
    const { parts } = this;
    if (!parts) return;
    if (this.room > 0) parts.push(message.subarray(0, this.room));
    this.room -= message.length;
    if (bits & PARTIAL) return;
    this.parts = this.seen = null;
    setTimeout(() => this.keep(joined(parts))); // not in the task of the page's own change
  }

  private keep(bytes: Uint8Array): void {
    this.seen = new Seen(bytes);
    this.known = this.seen.sum;
    try {
      let text = '';
      for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
      this.store?.setItem(place, text);
    } catch {
      // it does not fit, or the browser keeps nothing: the next page is sent whole
    }
  }
}

const joined = (parts: readonly Uint8Array[]): Uint8Array => {
  const out = new Uint8Array(parts.reduce((n, part) => n + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
};

/** A message without what was seen, deflated; in a task of its own. */
export async function shorter(message: Uint8Array, seen: Seen | null): Promise<Uint8Array> {
  await new Promise((done) => setTimeout(done));
  const rest = seen?.leaveOut(message) ?? message;
  const small = rest.length < message.length ? rest : message;
  if (typeof CompressionStream === 'undefined') return small;
  const stream = new Blob([small as Uint8Array<ArrayBuffer>])
    .stream()
    .pipeThrough(new CompressionStream('deflate-raw'));
  const deflated = new Uint8Array(await new Response(stream).arrayBuffer());
  return deflated.length + 5 < small.length ? joined([varints([DEFLATED, small.length]), deflated]) : small;
}

/** Unsigned varints. */
function varints(numbers: readonly number[]): Uint8Array {
  const out: number[] = [];
  for (const number of numbers) {
    let n = number;
    for (; n > 127; n >>>= 7) out.push((n & 127) | 128);
    out.push(n);
  }
  return Uint8Array.from(out);
}

const word = 8; // bytes that are looked up
const run = 12; // bytes that are worth naming
const tableBits = 16;

/** Bytes that both ends have. */
export class Seen {
  readonly sum: string;
  private table: Int32Array | null = null; // where words are, one past it

  constructor(readonly bytes: Uint8Array) {
    let first = 2166136261;
    let second = ~first;
    for (const b of bytes) {
      first = Math.imul(first ^ b, 16777619);
      second = Math.imul(second ^ b, 16777619);
    }
    this.sum = [first, second].map((n) => (n >>> 0).toString(16).padStart(8, '0')).join('');
  }

  private index(): Int32Array {
    const table = new Int32Array(1 << tableBits);
    for (let at = 0; at + word <= this.bytes.length; at += 4) table[slot(this.bytes, at)] = at + 1;
    return table;
  }

  /** The message as steps: so many new bytes, then so many of what was seen, from a place relative to the last end. */
  leaveOut(message: Uint8Array): Uint8Array {
    this.table ??= this.index();
    const { bytes, table } = this;
    const steps: number[] = [];
    const fresh: Uint8Array[] = [];
    let said = 0; // bytes of the message that the steps give
    let end = 0; // of the last piece that was seen
    for (let at = 0; at + word <= message.length; ) {
      // Where it went on last time, as if nothing or as much had come between, or where the same word is.
      let from = 0;
      let length = 0;
      for (const place of [end, end + at - said, (table[slot(message, at)] as number) - 1]) {
        let n = 0;
        while (at + n < message.length && bytes[place + n] === message[at + n]) n++;
        if (n <= length) continue;
        from = place;
        length = n;
      }
      let start = at;
      while (length > 0 && start > said && from > 0 && bytes[from - 1] === message[start - 1]) {
        from--;
        start--;
        length++;
      }
      if (length < run) {
        at++;
        continue;
      }
      const d = from - end;
      steps.push(start - said, length, ((d << 1) ^ (d >> 31)) >>> 0);
      fresh.push(message.subarray(said, start));
      said = at = start + length;
      end = from + length;
    }
    if (said < message.length) steps.push(message.length - said, 0, 0);
    fresh.push(message.subarray(said));
    const list = varints(steps);
    const sum = Uint8Array.from(this.sum.match(/../g) ?? [], (hex) => Number.parseInt(hex, 16));
    return joined([Uint8Array.of(SEEN), sum, varints([message.length, list.length]), list, ...fresh]);
  }
}

/** Where the table has the eight bytes at a place. */
function slot(b: Uint8Array, at: number): number {
  const low =
    (b[at] as number) | ((b[at + 1] as number) << 8) | ((b[at + 2] as number) << 16) | ((b[at + 3] as number) << 24);
  const high =
    (b[at + 4] as number) |
    ((b[at + 5] as number) << 8) |
    ((b[at + 6] as number) << 16) |
    ((b[at + 7] as number) << 24);
  return (Math.imul(low, 0x9e3779b1) ^ Math.imul(high, 0x85ebca6b)) >>> (32 - tableBits);
}
