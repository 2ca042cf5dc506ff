// What the edge has from this visitor, and messages without it (dom/FORMAT.md, "Seen").
import { type Counts, characters, count, outlined, Turns } from './words.ts';

/** Bytes of the last whole snapshot that are kept, and of the one under way, as in dom/seen.go. */
export const most = 512 << 10;
const SEEN = 32;
const COLUMN = 128;

const word = 8; // bytes that are looked up
const tableBits = 16;
/** Bytes that are worth naming, among operations and among strings, which words make short as well. */
const run = 16;
const textRun = 64;

/** Bytes deflated, null where the browser cannot. */
export type Deflate = (bytes: Uint8Array) => Promise<Uint8Array | null>;

type Steps = [steps: number[], fresh: Uint8Array[], ops: number];

/** Pieces as one. */
export function joined(parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((n, part) => n + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** Unsigned varints. */
export function varints(...numbers: readonly number[]): Uint8Array {
  const out: number[] = [];
  for (const number of numbers) {
    let n = number;
    for (; n > 127; n >>>= 7) out.push((n & 127) | 128);
    out.push(n);
  }
  return Uint8Array.from(out);
}

/** Bytes that both ends have: of a snapshot, and behind them the messages of the one under way. */
export class Seen {
  private bytes = new Uint8Array(0); // the first `length` of them
  private length = 0;
  private first = 2166136261;
  private second = ~2166136261;
  private readonly table = new Int32Array(1 << tableBits); // where words are, one past it
  private indexed = 0; // bytes
  private readonly counts: Counts = new Map();
  private counted = 0; // bytes
  private ends: number[] = []; // of the pieces behind them
  private readonly most: number;

  /** `base` are the messages of a snapshot. */
  constructor(base: Uint8Array) {
    this.most = base.length + most;
    this.add(base);
  }

  /** Both ends have one more message. */
  add(message: Uint8Array): void {
    const piece = message.subarray(0, this.most - this.length);
    const end = this.length + piece.length;
    if (end > this.bytes.length) {
      const former = this.bytes;
      this.bytes = new Uint8Array(Math.max(end, 2 * former.length));
      this.bytes.set(former);
    }
    this.bytes.set(piece, this.length);
    this.length = end;
    for (const b of piece) {
      this.first = Math.imul(this.first ^ b, 16777619);
      this.second = Math.imul(this.second ^ b, 16777619);
    }
    this.ends.push(end);
  }

  get sum(): string {
    return [this.first, this.second].map((n) => (n >>> 0).toString(16).padStart(8, '0')).join('');
  }

  /** Finds room in the table for what has come since the last time. */
  private index(): void {
    for (; this.indexed + word <= this.length; this.indexed += 4)
      this.table[slot(this.bytes, this.indexed)] = this.indexed + 1;
  }

  /** The words of it all. */
  private async known(turns: Turns): Promise<Counts> {
    let from = this.counted;
    for (const end of this.ends) {
      await count(characters(this.bytes.subarray(from, end)), this.counts, turns);
      from = end;
    }
    this.counted = from;
    this.ends = [];
    return this.counts;
  }

  /** The message as steps, as new bytes, and how many of these come before its strings. */
  private async steps(message: Uint8Array, strings: number, turns: Turns): Promise<Steps> {
    const { bytes, length, table } = this;
    const steps: number[] = [];
    const fresh: Uint8Array[] = [];
    let ops = 0; // of the fresh bytes
    let said = 0; // bytes of the message that the steps give
    let end = 0; // of the last piece that was seen
    const give = (to: number): void => {
      fresh.push(message.subarray(said, to));
      ops += Math.max(0, Math.min(to, strings) - said);
    };
    for (let at = 0; length > 0 && at + word <= message.length; ) {
      if (turns.over) await turns.next();
      // Where it went on last time, as if nothing or as much had come between, or where the same word is.
      let from = 0;
      let n = 0;
      for (const place of [end, end + at - said, (table[slot(message, at)] as number) - 1]) {
        let same = 0;
        while (
          place >= 0 &&
          place + same < length &&
          bytes[place + same] === message[at + same] &&
          at + same < message.length
        )
          same++;
        if (same <= n) continue;
        from = place;
        n = same;
      }
      let start = at;
      while (n > 0 && start > said && from > 0 && bytes[from - 1] === message[start - 1]) {
        from--;
        start--;
        n++;
      }
      if (n < (at < strings ? run : textRun)) {
        at++;
        continue;
      }
      const d = from - end;
      steps.push(start - said, n, ((d << 1) ^ (d >> 31)) >>> 0);
      give(start);
      said = at = start + n;
      end = from + n;
    }
    if (said < message.length) steps.push(message.length - said, 0, 0);
    give(message.length);
    return [steps, fresh, ops];
  }

  /**
   * The message without what both ends have, and by words; `pause` ends a task that takes long. `deflate` gives a
   * part deflated, or null.
   */
  async shorten(message: Uint8Array, pause: () => Promise<void>, deflate: Deflate): Promise<Uint8Array> {
    const turns = new Turns(pause);
    this.index();
    const [steps, fresh, ops] = await this.steps(message, stringsOf(message), turns);
    const known = await this.known(turns);
    const all = joined(fresh);
    const { told, outline, codes, figures } = await outlined(characters(all.subarray(ops)), known, turns);
    const list = varints(...steps);
    const sum = Uint8Array.from(this.sum.match(/../g) ?? [], (hex) => Number.parseInt(hex, 16));
    const frame = [varints(list.length), list, varints(ops), all.subarray(0, ops), varints(told.length), told, outline];
    const parts = await Promise.all(
      [joined(frame), codes, figures].map(async (part) => {
        const deflated = await deflate(part);
        return deflated && deflated.length < part.length
          ? [varints(part.length, deflated.length), deflated]
          : [varints(part.length, 0), part];
      }),
    );
    return joined([Uint8Array.of(SEEN), sum, varints(message.length), ...parts.flat()]);
  }
}

/** Where a message's strings begin. */
function stringsOf(message: Uint8Array): number {
  const head = message[0] ?? 0;
  if (!(head & COLUMN)) return message.length;
  let at = 1;
  const u = (): number => {
    let n = 0;
    for (let shift = 0; ; shift += 7) {
      const b = message[at++] ?? 0;
      n += (b & 127) * 2 ** shift;
      if (b < 128) return n;
    }
  };
  if (!(head & 64)) {
    if (head & 4) {
      u();
      u();
    } else at++;
    at += (head & 1) + (head & 8);
  }
  return u() + at;
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
