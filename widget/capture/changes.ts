// One frame's mutation records, boiled down to what is different at its end.
// A node that came and went is not mentioned; an attribute set a hundred times
// is compared once, with what it was when the frame began.
import { isConnected, nextOf, parentOf, previousOf, typeOf } from '../native.ts';
import { type Former, mask } from './contents.ts';
import { idOf, isMasked, passStamp } from './core.ts';
import { Op } from './format.ts';
import { depth } from './roots.ts';
import { close, forget, idBefore, node as insert, opaque, open, pending, spent, travels } from './serializer.ts';
import { op, ref, refs, set, u, zigzag } from './writer.ts';

export const touched = new Set<Node>(); // came, went or moved
export const attributes = new Map<Element, Former>();
export const texts = new Map<CharacterData, string>();

export function forgetChanges(): void {
  for (const held of [touched, attributes, texts]) if (held.size > 0) held.clear();
}

export function read(records: readonly MutationRecord[]): void {
  for (const record of records) {
    const { type, target } = record;
    if (type === 'childList') children(record, target);
    else if (!idOf(target)) continue;
    else if (type === 'attributes') attribute(record, target as Element);
    else if (!texts.has(target as Text)) texts.set(target as Text, record.oldValue ?? '');
  }
}

function attribute({ attributeName, attributeNamespace: ns, oldValue }: MutationRecord, el: Element): void {
  let name = attributeName as string;
  if (ns) name = el.getAttributeNodeNS(ns, name)?.name ?? (ns.endsWith('xlink') ? `xlink:${name}` : name);
  const former = attributes.get(el);
  if (!former) attributes.set(el, { [name]: oldValue });
  else if (!Object.hasOwn(former, name)) former[name] = oldValue;
}

function children({ removedNodes: gone, addedNodes: come }: MutationRecord, target: Node): void {
  if (gone.length === 1 && come.length === 1 && takeOver(gone[0] as Node, come[0] as Node)) return;
  for (const node of gone) if (idOf(node)) touched.add(node);
  if (come.length > 0 && idOf(target)) for (const node of come) touched.add(node);
}

/** textContent = … makes a new text node in the old one's place: to the mirror it is the old one, changed. */
function takeOver(from: Node, to: Node): boolean {
  if (typeOf(from) !== 3 || typeOf(to) !== 3 || !idOf(from) || idOf(to)) return false;
  passStamp(from, to);
  texts.set(to as Text, texts.get(from as Text) ?? (from as Text).data);
  texts.delete(from as Text);
  if (touched.delete(from)) touched.add(to);
  return true;
}

let done: Set<Node>;

/** Writes where the touched nodes are now. */
export function place(): void {
  if (touched.size === 0) return;
  done = new Set();
  const gone: Node[] = [];
  const parents = new Map<Node, Node[]>();
  let moved = false;
  for (const node of touched) {
    const parent = placed(node);
    const known = idOf(node) > 0;
    if (!parent) {
      if (known) gone.push(node);
      continue;
    }
    moved ||= known;
    const list = parents.get(parent);
    if (list) list.push(node);
    else parents.set(parent, [node]);
  }
  // A node may only go under a parent that is in its final place already: shallow ones first.
  const order = moved && parents.size > 1 ? [...parents].sort(([a], [b]) => depth(a) - depth(b)) : parents;
  for (const [parent, nodes] of order) for (const node of nodes) if (!done.has(node)) run(parent, node);
  const ids: number[] = [];
  for (const node of gone) {
    // It may have gone with an ancestor, or have been taken along by an insert.
    if (!idOf(node) || placed(node)) continue;
    ids.push(idOf(node));
    forget(node);
  }
  if (ids.length === 0) return;
  op(Op.remove);
  set(ids);
}

/** A node's parent, if it is in the page and the mirror has the parent's children. */
function placed(node: Node): Node | null {
  const parent = isConnected(node) ? parentOf(node) : null;
  return parent && idOf(parent) && !opaque(parent) ? parent : null;
}

/** Places the longest run of touched siblings around a node. */
function run(parent: Node, node: Node): void {
  let head = node;
  let before = previousOf(node);
  while (before && touched.has(before)) {
    head = before;
    before = previousOf(before);
  }
  if (pending.has(parent) && before && !idOf(before) && travels(before) && !idOf(node)) {
    done.add(node); // its turn comes with the siblings before it
    return;
  }
  let after = idBefore(head);
  const masked = isMasked(parent);
  const here = (n: Node | null, known: boolean): boolean => n !== null && touched.has(n) && idOf(n) > 0 === known;
  for (let n: Node | null = head; here(n, true) || here(n, false); ) {
    const ids: number[] = [];
    for (; n && here(n, true); n = nextOf(n)) {
      if (masked && !isMasked(n)) mask(n, true);
      done.add(n);
      ids.push(idOf(n));
    }
    if (ids.length > 0) {
      move(idOf(parent), after, ids);
      after = ids.at(-1) as number;
    }
    let opened = false;
    for (; n && here(n, false); n = nextOf(n)) {
      done.add(n);
      if (!travels(n)) continue;
      if (spent()) {
        pending.set(parent, null); // from the first child again: what is known is passed over quickly
        continue;
      }
      if (!opened) open(idOf(parent), after);
      opened = true;
      insert(n, masked);
      after = idOf(n);
    }
    if (opened) close();
  }
}

function move(parent: number, after: number, ids: number[]): void {
  const sorted = ids.length > 8;
  op(Op.move, sorted ? 1 : 0, parent);
  ref(after);
  if (!sorted) {
    refs(ids);
    return;
  }
  const ascending = [...ids];
  set(ascending);
  const rank = new Map(ascending.map((id, i) => [id, i]));
  let expected = 0;
  for (let i = 0; i < ids.length; ) {
    const first = rank.get(ids[i] as number) as number;
    let n = 1;
    while (i + n < ids.length && rank.get(ids[i + n] as number) === first + n) n++;
    u(zigzag(first - expected) * 2 + +(n > 1));
    if (n > 1) u(n - 2);
    expected = first + n;
    i += n;
  }
}
