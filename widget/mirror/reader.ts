import { inflateSync } from 'fflate';
import { Head, Limit, Splice } from '../capture/format.ts';
import { attrs, tags, values } from '../capture/names.ts';

const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });

const mostInflated = 32 << 20; // bytes

/** Returns a message as it was before it was deflated. */
export function inflated(message: Uint8Array): Uint8Array {
  if (message[0] !== Head.deflated) return message;
  const r = new Reader(message);
  r.byte();
  const n = r.u();
  if (n > mostInflated) throw new RangeError('page message: over the limit');
  try {
    const whole = inflateSync(message.subarray(r.at), { out: new Uint8Array(n) });
    if (whole.length === n) return whole;
  } catch (error) {
    throw new RangeError(`page message: ${(error as Error).message}`);
  }
  throw new RangeError('page message: another length than announced');
}

/** Reads one message. Whatever is not there throws a RangeError with its offset. */
export class Reader {
  at = 0;
  #last = 0;
  #end: number; // of the operations
  #strings: string[] | null = null; // the column; without one, a string goes on to the message's end
  #next = 0;
  readonly #table: string[] = [];

  constructor(readonly bytes: Uint8Array) {
    this.#end = bytes.length;
  }

  /** Finds the strings, behind the operations that follow. */
  column(): void {
    const n = this.u();
    this.#end = this.at + n;
    if (this.#end > this.bytes.length) this.#fail('operations that are cut off');
    this.#strings = utf8.decode(this.bytes.subarray(this.#end)).split('\0');
  }

  get done(): boolean {
    return this.at >= this.#end;
  }

  #fail(what: string): never {
    throw new RangeError(`page message: ${what} at byte ${this.at}`);
  }

  byte(): number {
    if (this.at >= this.#end) this.#fail('the end comes too early');
    return this.bytes[this.at++] as number;
  }

  u(): number {
    let n = 0;
    for (let scale = 1; scale <= 2 ** 28; scale *= 128) {
      const b = this.byte();
      n += (b & 127) * scale;
      if (b < 128) return n > 0xffffffff ? this.#fail('a number over 32 bits') : n;
    }
    return this.#fail('a number over 32 bits');
  }

  /** Four bytes, big-endian. */
  word(): number {
    return ((this.byte() << 24) | (this.byte() << 16) | (this.byte() << 8) | this.byte()) >>> 0;
  }

  z(): number {
    const n = this.u();
    return n % 2 === 0 ? n / 2 : -(n + 1) / 2;
  }

  ref(): number {
    this.#last = this.#last ? this.#last + this.z() : this.u();
    return this.#last;
  }

  /** The next string of the column, or all that is left. */
  plain(): string {
    if (this.#strings) return this.#strings[this.#next++] ?? this.#fail('a string too few');
    this.#strings = [];
    const text = utf8.decode(this.bytes.subarray(this.at));
    this.at = this.#end;
    return text;
  }

  str(): string {
    const n = this.u();
    if (n > 0)
      return values[n - 1] ?? this.#table[n - 1 - values.length] ?? this.#fail('a string that is not in the table');
    const s = this.plain();
    if (s !== '' && s.length <= Limit.tabled && this.#table.length < Limit.table) this.#table.push(s);
    return s;
  }

  tag(code: number): string {
    return code === 0 ? this.str() : (tags[code - 1] ?? this.#fail('an unknown tag'));
  }

  attrName(): string {
    const code = this.u();
    return code === 0 ? this.str() : (attrs[code - 1] ?? this.#fail('an unknown attribute'));
  }

  /** Ascending ids written as runs. */
  set(): number[] {
    const ids: number[] = [];
    for (let runs = this.u(); runs > 0; runs--) {
      const first = this.ref();
      const more = this.u();
      if (ids.length + more > Limit.nodes) this.#fail('too many ids');
      const stride = more > 0 ? this.u() : 0;
      for (let i = 0; i <= more; i++) ids.push(first + i * stride);
      this.#last = first + more * stride;
    }
    return ids;
  }
}

export interface Where {
  url: string;
  title: string;
  quirks: boolean;
}

export function readPage(r: Reader): Where {
  const flags = r.u();
  return { quirks: (flags & 1) === 1, url: r.plain(), title: r.plain() };
}

export function readList(r: Reader): number[] {
  const ids: number[] = [];
  for (let n = r.u(); n > 0; n--) ids.push(r.ref());
  return ids;
}

export function readPermutation(r: Reader): number[] {
  const sorted = r.set();
  const ids: number[] = [];
  let expected = 0;
  while (ids.length < sorted.length) {
    const n = r.u();
    const d = Math.floor(n / 2);
    let rank = expected + (d % 2 === 0 ? d / 2 : -(d + 1) / 2);
    const run = n % 2 === 1 ? r.u() + 2 : 1;
    for (let i = 0; i < run; i++) {
      const id = sorted[rank++];
      if (id === undefined || ids.length >= sorted.length) throw new RangeError('page message: not a permutation');
      ids.push(id);
    }
    expected = rank;
  }
  return ids;
}

/** Reads a splice and returns what it does to a string. */
export function readSplice(r: Reader, k: number, tabled: boolean): (before: string) => string {
  if (k > Splice.set) throw new RangeError(`page message: a splice of kind ${k}`);
  const start = k === Splice.at || k === Splice.insert ? r.u() : 0;
  const remove = k === Splice.at || k === Splice.tail ? r.u() : 0;
  const text = k === Splice.set && tabled ? r.str() : r.plain();
  if (k === Splice.set) return () => text;
  return (before) => {
    const at = k === Splice.tail || k === Splice.append ? Math.max(0, before.length - remove) : start;
    return before.slice(0, at) + text + before.slice(at + remove);
  };
}
