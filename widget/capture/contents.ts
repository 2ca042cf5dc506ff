// What known nodes hold: text and attributes. Changes are sent as splices, what
// came under a mask is sent again, masked, and long strings go in pieces.
import { attributeNames, attributeOf, childrenOf, parentOf, tagOf, typeOf } from '../native.ts';
import { isInlined } from './blobs.ts';
import { idOf, isMasked, repeated, stampMasked } from './core.ts';
import { Limit, Op } from './format.ts';
import { attributeKind } from './kinds.ts';
import { leaving } from './leaving.ts';
import * as masks from './masks.ts';
import { known } from './roots.ts';
import { forgetValue } from './states.ts';
import { attrName, edit, op, set, size, str } from './writer.ts';

/** The values that an element's attributes had, by their names; null for none. */
export type Former = Record<string, string | null>;

/** A string longer than a message should carry: what of it has been sent. Name '' is a node's text. */
interface Long {
  node: Node;
  name: string;
  sent: string;
}

const most = 10_000; // UTF-16 units of a text that is surely short
const longestAlike = 200; // UTF-16 units of a value that may be written for many elements at once
/** Bytes of a message after which nothing new begins. */
export const full = 384 << 10;

const long = new Map<string, Long>(); // by id and name
/** Elements that have the same attribute now: each with its value before. */
interface Group {
  name: string;
  value: string;
  members: [Element, string | null][];
}
let alike = new Map<string, Group>();
let latest: Group | undefined; // of them

export function forgetContents(): void {
  long.clear();
  repeated.clear();
}

/** Whether long strings are still on their way. */
export function unfinishedStrings(): boolean {
  return long.size > 0;
}

const keyOf = (node: Node, name: string): string => `${idOf(node)} ${name}`;

/** What of a string can be sent now, if as much is the same as before; the rest follows. */
export function piece(node: Node, name: string, value: string, same = 0): string {
  let end = same + (size() > full ? 0 : Limit.inline);
  if (long.size > 0) long.delete(keyOf(node, name));
  if (value.length <= end) return value;
  if (/[\ud800-\udbff]/.test(value.charAt(end - 1))) end--;
  const sent = value.slice(0, end);
  long.set(keyOf(node, name), { node, name, sent });
  return sent;
}

/** Writes a change of what is sent: text (name '') or an attribute. */
function write(node: Node, name: string, before: string | null, now: string | null): void {
  if (now === null) {
    op(Op.unset, 0, idOf(node));
    attrName(name);
    return;
  }
  let same = 0;
  if (now.length > Limit.inline) while (same < now.length && now[same] === before?.[same]) same++;
  edit(name ? Op.attr : Op.text, idOf(node), name, before, piece(node, name, now, same));
}

/** What the mirror has of a string that was something else a moment ago. */
function former(node: Node, name: string, was: string | null): string | null {
  return (long.size > 0 && long.get(keyOf(node, name))?.sent) || leaving(node, name, was, isMasked(node));
}

export function attributesChanged(el: Element, changed: Former): void {
  if (repeated.has(el)) return;
  for (const name in changed) {
    const was = changed[name] as string | null;
    const value = attributeOf(el, name);
    if (value === was && !long.size) continue;
    let before = was;
    let now = value;
    if (attributeKind(name) || isMasked(el) || long.size || (now ?? was ?? '').length > longestAlike) {
      const whole = was !== null && isInlined(el, was); // what of it was read when it left is not known
      before = former(el, name, was);
      now = leaving(el, name, value, isMasked(el));
      if (whole) {
        write(el, name, null, now);
        continue;
      }
    }
    if (now === before) continue;
    if (now === null || now.length > longestAlike) write(el, name, before, now);
    else {
      if (latest?.value !== now || latest.name !== name) {
        const key = `${name} ${now}`;
        latest = alike.get(key) ?? { name, value: now, members: [] };
        alike.set(key, latest);
      }
      latest.members.push([el, before]);
    }
  }
}

/** Writes the attributes of this frame, of many elements at once where they have the same value now. */
export function writeAlike(): void {
  for (const { name, value, members } of alike.values()) {
    if (members.length > 4) {
      op(Op.alike);
      attrName(name);
      str(value);
      set(members.map(([el]) => idOf(el)));
    } else for (const [el, before] of members) write(el, name, before, value);
  }
  if (latest) alike = new Map();
  latest = undefined;
}

export function textChanged(node: CharacterData, was: string): void {
  const { data } = node;
  if (repeated.has(node) || (was === data && !long.size)) return;
  if (!isMasked(node) && !long.size && data.length < most && tagOf(parentOf(node)) !== 'style') {
    edit(Op.text, idOf(node), '', was.slice(0, Limit.text), data); // most changes are like this
    return;
  }
  const before = former(node, '', was);
  const now = leaving(node, '', data, isMasked(node));
  if (now !== before) write(node, '', before, now);
}

/** Asks the rules about a known subtree and marks at once what is masked now; rewrite sends it. */
export function mask(node: Node, inherited: boolean): void {
  const masked = isMasked(node) || (typeOf(node) === 1 ? masks.of(node as Element, inherited) : inherited);
  if (masked && !isMasked(node)) {
    stampMasked(node);
    repeated.add(node);
  }
  const root = known.get(node);
  for (const child of root ? [root, ...childrenOf(node)] : childrenOf(node)) if (idOf(child)) mask(child, masked);
}

/** Sends what has to be sent again, and goes on with long strings until the message is full. */
export function writeContents(): void {
  for (const node of repeated) {
    if (!idOf(node)) continue;
    const masked = isMasked(node);
    if (typeOf(node) === 3) write(node, '', null, leaving(node, '', node.nodeValue, masked));
    else if (typeOf(node) === 1) {
      for (const name of attributeNames(node as Element))
        write(node, name, null, leaving(node, name, attributeOf(node as Element, name), masked));
      forgetValue(node as Element);
    }
  }
  repeated.clear();
  for (const [key, { node, name, sent }] of long.size > 0 ? [...long] : []) {
    if (size() > full) return;
    long.delete(key);
    if (!idOf(node)) continue;
    const value = name ? attributeOf(node as Element, name) : node.nodeValue;
    const whole = leaving(node, name, value, isMasked(node));
    if (whole !== sent) write(node, name, sent, whole);
  }
}
