import { Limit, Op, REST, Splice } from './format.ts';
import { attrs, tags, values } from './names.ts';

const index = (words: readonly string[], base: number): Map<string, number> =>
  new Map(words.map((w, i) => [w, i + base]));
const tagCode = index(tags, 1);
const attrCode = index(attrs, 1);
const valueCode = index(values, 0);
const spliced = new Set<number>([Op.text, Op.attr, Op.value]);
const utf8 = new TextEncoder();

/** Writes one message. The buffer is its own and grows as needed; finish copies out of it. */
export class Writer {
  length = 0;
  #bytes = new Uint8Array(4096);
  #table: Map<string, number> | undefined; // strings of this message, after the static values
  #last = 0; // the id that the next reference is relative to
  #op = 0; // where the last operation begins
  #text = 0; // where the last plain string is, if it is outside a node

  reset(): void {
    this.length = this.#op = this.#text = 0;
    this.#table = undefined;
    this.#last = 0;
  }

  bytes(): Uint8Array {
    return this.#bytes.slice(0, this.length);
  }

  /** The message: a head and what was written. A splice's text at its end needs no length. */
  finish(head: Writer): Uint8Array {
    const op = this.#bytes[this.#op] as number;
    const k = op >> 5;
    const open = this.#text > this.#op && (this.#bytes[this.#text] as number) < 128;
    if (open && k >= Splice.tail && k <= Splice.set && spliced.has(op & 31)) {
      this.#bytes[this.#op] = op + (REST << 5);
      this.#bytes.copyWithin(this.#text, this.#text + 1, this.length--);
    }
    const message = new Uint8Array(head.length + this.length);
    message.set(head.#bytes.subarray(0, head.length));
    message.set(this.#bytes.subarray(0, this.length), head.length);
    return message;
  }

  #grow(room: number): void {
    const bytes = new Uint8Array(Math.max(this.#bytes.length * 2, this.length + room));
    bytes.set(this.#bytes.subarray(0, this.length));
    this.#bytes = bytes;
  }

  byte(b: number): void {
    if (this.length >= this.#bytes.length) this.#grow(1);
    this.#bytes[this.length++] = b;
  }

  /** An unsigned varint, below 2³². */
  u(n: number): void {
    if (this.length + 5 > this.#bytes.length) this.#grow(5);
    while (n > 127) {
      this.#bytes[this.length++] = (n & 127) | 128;
      n >>>= 7;
    }
    this.#bytes[this.length++] = n;
  }

  /** A signed varint, zigzag, magnitude below 2³⁰. */
  z(n: number): void {
    this.u(((n << 1) ^ (n >> 31)) >>> 0);
  }

  op(code: number, k = 0): void {
    this.#op = this.length;
    this.byte(code | (k << 5));
  }

  /** A node's id, relative to the one before. */
  ref(id: number): void {
    if (this.#last) this.z(id - this.#last);
    else this.u(id);
    this.#last = id;
  }

  /** A string outside the table, its length in bytes shifted by `shift` and joined with `low`. */
  plain(s: string, shift = 0, low = 0): void {
    const n = s.length;
    if (this.length + n * 3 + 10 > this.#bytes.length) this.#grow(n * 3 + 10);
    const start = this.length;
    this.#text = shift === 0 ? start : 0;
    this.u(((n << shift) | low) >>> 0);
    const bytes = this.#bytes;
    if (n < 64) {
      let at = this.length;
      let i = 0;
      for (; i < n; i++) {
        const c = s.charCodeAt(i);
        if (c > 127) break;
        bytes[at++] = c;
      }
      if (i === n) {
        this.length = at;
        return;
      }
    }
    const { written } = utf8.encodeInto(s, bytes.subarray(this.length));
    if (written === n) {
      this.length += n;
      return;
    }
    const encoded = bytes.slice(this.length, this.length + written); // the length in front may need another byte
    this.length = start;
    this.u(((written << shift) | low) >>> 0);
    this.#bytes.set(encoded, this.length);
    this.length += written;
  }

  /** A string by its place in the static values or in this message's table, else plain and from now on in the table. */
  str(s: string): void {
    const known = valueCode.get(s) ?? this.#table?.get(s);
    if (known !== undefined) {
      this.u((known << 1) | 1);
      return;
    }
    const start = this.length;
    this.plain(s, 1);
    const written = this.length - start; // with one or two bytes of length
    if (s === '' || written > Limit.tabled) return;
    this.#table ??= new Map();
    if (this.#table.size < Limit.table) this.#table.set(s, values.length + this.#table.size);
  }

  /** The header and name of an element; kind is 1 without, 2 with children. */
  tag(name: string, kind: number): void {
    const code = tagCode.get(name) ?? 0;
    this.u((code << 2) | kind);
    if (code === 0) this.str(name);
  }

  attrName(name: string): void {
    const code = attrCode.get(name) ?? 0;
    this.u(code);
    if (code === 0) this.str(name);
  }

  /** Ascending ids as runs of a constant stride. */
  set(ids: readonly number[]): void {
    const runs: number[] = []; // first, count, stride
    for (let i = 0; i < ids.length; ) {
      const first = ids[i] as number;
      const stride = (ids[i + 1] ?? 0) - first;
      let n = 1;
      while (i + n < ids.length && (ids[i + n] as number) - (ids[i + n - 1] as number) === stride) n++;
      if (n === 2) n = 1; // a run of two is longer than two alone
      runs.push(first, n, stride);
      i += n;
    }
    this.u(runs.length / 3);
    for (let i = 0; i < runs.length; i += 3) {
      const [first, n, stride] = runs.slice(i, i + 3) as [number, number, number];
      this.ref(first);
      this.u(n - 1);
      if (n > 1) {
        this.u(stride);
        this.#last = first + stride * (n - 1);
      }
    }
  }
}

/** What changed between two strings: `remove` units at `start` give way to `insert`. Never cuts a surrogate pair. */
export interface Change {
  k: number;
  start: number;
  remove: number;
  insert: string;
}

const high = (s: string, i: number): boolean => (s.charCodeAt(i) & 0xfc00) === 0xd800;
const low = (s: string, i: number): boolean => (s.charCodeAt(i) & 0xfc00) === 0xdc00;

export function change(from: string, to: string): Change {
  const most = Math.min(from.length, to.length);
  let p = 0;
  while (p < most && from.charCodeAt(p) === to.charCodeAt(p)) p++;
  if (p > 0 && high(from, p - 1)) p--;
  let q = 0;
  while (q < most - p && from.charCodeAt(from.length - 1 - q) === to.charCodeAt(to.length - 1 - q)) q++;
  if (q > 0 && low(from, from.length - q)) q--;
  if (p + q < 3 && p + q < to.length) return { k: Splice.set, start: 0, remove: from.length, insert: to };
  const remove = from.length - p - q;
  const insert = to.slice(p, to.length - q);
  const k = q === 0 ? (remove === 0 ? Splice.append : Splice.tail) : remove === 0 ? Splice.insert : Splice.at;
  return { k, start: p, remove, insert };
}

/** The numbers of a splice and its text. */
export function writeChange(w: Writer, c: Change): void {
  if (c.k === Splice.at || c.k === Splice.insert) w.u(c.start);
  if (c.k === Splice.at || c.k === Splice.tail) w.u(c.remove);
  w.plain(c.insert);
}
