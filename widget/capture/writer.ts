import { Head, Limit, Splice } from './format.ts';
import { attrs, tags, values } from './names.ts';

const index = (words: readonly string[], base: number): Map<string, number> =>
  new Map(words.map((w, i) => [w, i + base]));
const tagCode = index(tags, 1);
const attrCode = index(attrs, 1);
const valueCode = index(values, 1);
const utf8 = new TextEncoder();

const ascii = /^[\0-\x7f]*$/;

/** Writes one message: operations, and the column of their strings. */
export class Writer {
  length = 0; // of the operations
  #bytes = new Uint8Array(4096);
  #text = ''; // the strings, with zero characters between
  #weight = 0; // at least the bytes of them
  #strings = 0;
  #sole = 0; // where the operations were when the first string came
  #table: Map<string, number> | undefined; // strings of this message, after the static values
  #last = 0; // the id that the next reference is relative to

  reset(): void {
    this.length = this.#strings = this.#weight = this.#last = 0;
    this.#text = '';
    this.#table = undefined;
  }

  /** About how many bytes the message has, or fewer. */
  get size(): number {
    return this.length + this.#weight;
  }

  bytes(): Uint8Array {
    return this.#bytes.slice(0, this.length);
  }

  /** The message: a head and what was written. A string that ends it needs no column. */
  finish(head: Writer): Uint8Array {
    const text = utf8.encode(this.#text);
    if (this.#strings > 1 || (this.#strings && this.#sole < this.length)) {
      (head.#bytes[0] as number) |= Head.column;
      head.u(this.length);
    }
    const message = new Uint8Array(head.length + this.length + text.length);
    message.set(head.bytes());
    message.set(this.bytes(), head.length);
    message.set(text, head.length + this.length);
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
    this.byte(code | (k << 5));
  }

  /** A node's id, relative to the one before. */
  ref(id: number): void {
    if (this.#last) this.z(id - this.#last);
    else this.u(id);
    this.#last = id;
  }

  /** A string of the column. */
  plain(s: string): void {
    if (this.#strings++) this.#text += '\0';
    else this.#sole = this.length;
    this.#text += s.includes('\0') ? s.replaceAll('\0', '\ufffd') : s;
    this.#weight += s.length > 256 && ascii.test(s) ? s.length : s.length * 3;
  }

  /** A string by its place in the static values or in this message's table, else in the column and from now on in the table. */
  str(s: string): void {
    const known = valueCode.get(s) ?? this.#table?.get(s);
    this.u(known ?? 0);
    if (known) return;
    this.plain(s);
    if (s === '' || s.length > Limit.tabled) return;
    this.#table ??= new Map();
    if (this.#table.size < Limit.table) this.#table.set(s, values.length + 1 + this.#table.size);
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
