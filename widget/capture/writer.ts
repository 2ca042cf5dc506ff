// Writes one message at a time: its operations, and the column of their strings.
import { Head, Limit, type Op, Splice } from './format.ts';
import { attrs, tags, values } from './names.ts';

const codes = (words: readonly string[]): Map<string, number> => new Map(words.map((w, i) => [w, i + 1]));
const tagCodes = codes(tags);
const attrCodes = codes(attrs);
const valueCodes = codes(values);
const utf8 = new TextEncoder();
const ascii = /^[\0-\x7f]*$/;

const room = 16; // bytes in front of the operations, for the head
let bytes = new Uint8Array(1 << 14);
let length = room; // as far as the operations go
let text = ''; // the strings, with zero characters between
let weight = 0; // at least the bytes of them
let strings = 0;
let sole = 0; // where the operations were when the first string came
let table = new Map<string, number>(); // strings of this message, after the static values
let last = 0; // the id that the next reference is relative to

export function reset(): void {
  length = room;
  strings = weight = last = 0;
  text = '';
  if (table.size > 0) table = new Map();
}

/** How many bytes the message has, or more. */
export function size(): number {
  return length - room + weight;
}

/** The message: a head of up to ten bytes, what was written, and its strings. One that ends the operations needs no column. */
export function message(head: number[]): Uint8Array {
  let end = length;
  if (strings > 1 || (strings > 0 && sole < end)) {
    (head[0] as number) |= Head.column;
    head.push(...varint(end - room));
  }
  reserve(weight);
  // A short string is copied faster than the browser is asked.
  let at = 0;
  if (text.length < 64) while (at < text.length && text.charCodeAt(at) < 128) bytes[end++] = text.charCodeAt(at++);
  if (at < text.length) end += utf8.encodeInto(text.slice(at), bytes.subarray(end)).written;
  const start = room - head.length;
  bytes.set(head, start);
  return bytes.slice(start, end);
}

/** Makes sure that so many bytes fit. */
function reserve(n: number): void {
  if (length + n <= bytes.length) return;
  const former = bytes;
  bytes = new Uint8Array((length + n) * 2);
  bytes.set(former);
}

/** An unsigned varint, below 2³². */
export function u(n: number): void {
  reserve(5);
  let rest = n;
  while (rest > 127) {
    bytes[length++] = rest | 128;
    rest >>>= 7;
  }
  bytes[length++] = rest;
}

/** The same as numbers. */
export function varint(n: number): number[] {
  return n < 128 ? [n] : [(n & 127) | 128, ...varint(n >>> 7)];
}

/** A signed varint, zigzag, magnitude below 2³⁰. */
export function z(n: number): void {
  u(zigzag(n));
}

export const zigzag = (n: number): number => ((n << 1) ^ (n >> 31)) >>> 0;

/** An operation's first byte, and the node that it is about. */
export function op(code: Op, k = 0, id = 0): void {
  reserve(1);
  bytes[length++] = code | (k << 5);
  if (id) ref(id);
}

/** A node's id, relative to the one before. */
export function ref(id: number): void {
  if (last) z(id - last);
  else u(id);
  last = id;
}

export function refs(ids: readonly number[]): void {
  u(ids.length);
  ids.forEach(ref);
}

/** A string of the column. */
export function plain(s: string): void {
  if (strings++) text += '\0';
  else sole = length;
  text += s.includes('\0') ? s.replaceAll('\0', '\x01') : s;
  weight += 1 + (s.length > 256 && ascii.test(s) ? s.length : s.length * 3);
}

/** A string by its place in the static values or in this message's table, else in the column and from now on in the table. */
export function str(s: string): void {
  const known = valueCodes.get(s) ?? table.get(s) ?? 0;
  u(known);
  if (known) return;
  plain(s);
  if (s && s.length <= Limit.tabled && table.size < Limit.table) table.set(s, values.length + 1 + table.size);
}

function name(known: Map<string, number>, s: string, shift: number, low: number): void {
  const code = known.get(s) ?? 0;
  u((code << shift) | low);
  if (!code) str(s);
}

/** The header and name of an element; kind is 1 without, 2 with children. */
export function tag(s: string, kind: number): void {
  name(tagCodes, s, 2, kind);
}

export function attrName(s: string): void {
  name(attrCodes, s, 0, 0);
}

/** Ids as runs of a constant stride. Sorts them. */
export function set(ids: number[]): void {
  ids.sort((a, b) => a - b);
  const runs: [first: number, n: number, stride: number][] = [];
  for (let i = 0; i < ids.length; ) {
    const first = ids[i] as number;
    const stride = (ids[i + 1] as number) - first;
    let n = 1;
    while ((ids[i + n] as number) - (ids[i + n - 1] as number) === stride) n++;
    if (n === 2) n = 1; // a run of two is longer than two alone
    runs.push([first, n, stride]);
    i += n;
  }
  u(runs.length);
  for (const [first, n, stride] of runs) {
    ref(first);
    u(n - 1);
    if (n < 2) continue;
    u(stride);
    last += stride * (n - 1);
  }
}

/** What changed between two strings: `remove` units at `start` give way to `insert`. Never cuts a surrogate pair. */
export interface Change {
  k: number;
  start: number;
  remove: number;
  insert: string;
}

export function change(from: string, to: string): Change {
  const most = Math.min(from.length, to.length);
  let p = to.startsWith(from) ? most : 0;
  while (p < most && from.charCodeAt(p) === to.charCodeAt(p)) p++;
  if (p && (from.charCodeAt(p - 1) & 0xfc00) === 0xd800) p--;
  let q = 0;
  while (q < most - p && from.charCodeAt(from.length - 1 - q) === to.charCodeAt(to.length - 1 - q)) q++;
  if (q && (from.charCodeAt(from.length - q) & 0xfc00) === 0xdc00) q--;
  if (p + q < 3 && p + q < to.length) return { k: Splice.set, start: 0, remove: from.length, insert: to };
  const remove = from.length - p - q;
  const k = q ? (remove ? Splice.at : Splice.insert) : remove ? Splice.tail : Splice.append;
  return { k, start: p, remove, insert: to.slice(p, to.length - q) };
}

/** Writes how a node's text, value or attribute became another; `from` is null if there was none. */
export function edit(code: Op, id: number, attribute: string, from: string | null, to: string): void {
  const { k, start, remove, insert } = change(from ?? '', to);
  const how = from === null ? Splice.set : k;
  op(code, how, id);
  if (attribute) attrName(attribute);
  if (how < Splice.tail) u(start);
  if (how === Splice.at || how === Splice.tail) u(remove);
  if (attribute && how === Splice.set) str(to);
  else plain(how === Splice.set ? to : insert);
}
