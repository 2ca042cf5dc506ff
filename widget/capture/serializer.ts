// Turns nodes into the forest of an insert operation. What is not yet known to
// the mirror can be left for later at any child: the parent is then `pending`
// and goes on at its next turn, with whatever its children are by then. So a
// large snapshot comes in slices and needs no copy of the page.

import {
  attributeNames,
  attributeOf,
  firstOf,
  hasAttribute,
  isConnected,
  nextOf,
  parentOf,
  previousOf,
  typeOf,
} from '../native.ts';
import { full, mask, piece } from './contents.ts';
import { idOf, isMasked, nextId, stamp, told, unstamp } from './core.ts';
import { Limit, Op, Special } from './format.ts';
import { tagKind } from './kinds.ts';
import { leavingAttribute, leavingText } from './leaving.ts';
import * as masks from './masks.ts';
import { isDocument, known, type Root, rootIn } from './roots.ts';
import { attrName, op, plain, ref, set, size, str, tag, u } from './writer.ts';

const most = Limit.nodes - 1000; // what is beyond is not shown: the edge would refuse the page

/** Parents with unknown children: the last of the children that was dealt with. */
export const pending = new Map<Node, Node | null>();
let deadline = 0;
let asked = 0;
let over = false;
let deep = 0;
let atomic = false; // inside a select: half of one, the mirror would choose from; or a use, which the mirror draws at once
let nodes = 0; // known to the mirror

export function forgetNodes(): void {
  pending.clear();
  nodes = 0;
}

/** Whether the mirror may have so many nodes more. */
export const hasRoom = (more: number): boolean => nodes + more <= most;

/** So many nodes more, or less, are in it that are not of this page. */
export function count(more: number): void {
  nodes += more;
}

/** Starts a slice that ends at a time (ms, performance.now), or when the message is full. */
export function begin(until: number): void {
  deadline = until;
  over = false;
}

/** Whether the slice is used up. To be asked before each node. */
export function spent(): boolean {
  if (atomic) return false;
  if (!over && (++asked & 3) === 0) over = size() > full || performance.now() > deadline;
  return over;
}

/** Whether a node travels at all. */
export function travels(node: Node): boolean {
  const type = typeOf(node);
  return type === 3 || type === 4 || (type === 1 && !hasAttribute(node as Element, 'data-kohe-ui'));
}

function add(node: Node, masked: boolean): void {
  stamp(node, masked);
  nodes++;
}

function special(what: Special): void {
  u((what << 2) | 3);
}

/** Writes one unknown node, or nothing if it is of a kind that does not travel. */
export function node(n: Node, inherited: boolean): void {
  if (nodes >= most) return;
  const type = typeOf(n);
  if (type === 1) element(n as Element, inherited);
  else if (type === 3 || type === 4) {
    const masked = inherited || isMasked(n);
    add(n, masked);
    u(0);
    plain(piece(n, '', leavingText(n, (n as Text).data, masked)));
  }
}

function element(el: Element, inherited: boolean): void {
  const kind = tagKind(el);
  if (kind.never) {
    add(el, inherited);
    tag(kind.tag, 1);
    u(0);
    return;
  }
  const names = attributeNames(el);
  if (names.includes('data-kohe-ui')) return;
  const masked = isMasked(el) || masks.of(el, inherited, kind, names);
  add(el, masked);
  const root = rootIn(el);
  const first = kind.closed ? null : firstOf(el);
  const below = first || root;
  tag(kind.tag, below ? 2 : 1);
  attributes(el, names, masked);
  told.arrived(el, kind);
  if (!below) return;
  const outer = atomic;
  atomic ||= /^(?:select|svg:use)$/.test(kind.tag);
  if (++deep < Limit.depth) {
    if (root) inside(el, root, masked);
    if (first) children(el, first, masked);
  }
  deep--;
  atomic = outer;
  special(Special.end);
}

function attributes(el: Element, names: readonly string[], masked: boolean): void {
  const out: string[] = [];
  for (const name of names) {
    const sent = leavingAttribute(el, name, attributeOf(el, name) ?? '', masked);
    if (sent !== null) out.push(name, piece(el, name, sent));
  }
  u(out.length / 2);
  for (let i = 0; i < out.length; i += 2) {
    attrName(out[i] as string);
    str(out[i + 1] as string);
  }
}

function inside(el: Element, root: Root, masked: boolean): void {
  special(
    isDocument(root)
      ? root.compatMode === 'BackCompat'
        ? Special.quirksDocument
        : Special.document
      : root.slotAssignment === 'manual'
        ? Special.shadowManual
        : Special.shadow,
  );
  add(root, masked);
  known.set(el, root);
  if (isDocument(root) || root.host) told.rooted(root); // what a use draws stays as it is
  const first = root.firstChild;
  if (first) children(root, first, masked);
  special(Special.end);
}

function children(parent: Node, first: Node, masked: boolean): void {
  let late = false;
  for (let child: Node | null = first; child; child = nextOf(child)) {
    const id = idOf(child);
    if (id) {
      // The mirror knows it; it comes here, and now.
      if (masked && !isMasked(child)) mask(child, true);
      special(Special.existing);
      u(id);
    } else if (!late && spent()) {
      late = true;
      pending.set(parent, previousOf(child));
    } else if (!late) node(child, masked);
  }
}

/** Writes the root of a host that is known already, where it is another than before. */
export function rerooted(el: Element): void {
  const root = rootIn(el);
  const old = known.get(el);
  const host = idOf(el);
  if (!host || (old === root && (!root || idOf(root)))) return;
  if (old && idOf(old)) {
    op(Op.remove);
    set([idOf(old)]);
    forget(old);
  }
  if (!root) return;
  open(host, 0);
  inside(el, root, isMasked(el));
  close();
}

/** Begins an insert operation: new nodes under a known parent, after a known sibling (0: first). */
export function open(parent: number, after: number): void {
  op(Op.insert, 0, parent);
  ref(after);
  ref(nextId());
}

export function close(): void {
  special(Special.end);
}

/** Goes on with what was left for later, until the slice ends. */
export function resume(): void {
  for (const [parent, last] of pending) {
    if (over) return;
    pending.delete(parent);
    if (idOf(parent) && isConnected(parent))
      missing(parent, last && parentOf(last) === parent ? nextOf(last) : firstOf(parent));
  }
}

/** Inserts the unknown children of a known parent, from one on. */
function missing(parent: Node, first: Node | null): void {
  const masked = isMasked(parent);
  let opened = false;
  let after = idBefore(first);
  for (let child = first; child; child = nextOf(child)) {
    const id = idOf(child);
    if (id) {
      if (opened) close();
      opened = false;
      after = id;
    } else if (spent()) {
      pending.set(parent, previousOf(child));
      break;
    } else if (travels(child)) {
      if (!opened) open(idOf(parent), after);
      opened = true;
      node(child, masked);
      after = idOf(child);
    }
  }
  if (opened) close();
}

/** The id of the last known sibling before a node, 0 for none. */
export function idBefore(n: Node | null): number {
  let before = n && previousOf(n);
  while (before && !idOf(before)) before = previousOf(before);
  return before ? idOf(before) : 0;
}

/** Whether the children of a known node stay unknown. */
export function opaque(parent: Node): boolean {
  if (typeOf(parent) !== 1) return false;
  const kind = tagKind(parent as Element);
  return kind.never || kind.closed;
}

/** Makes a subtree unknown again. */
export function forget(n: Node): void {
  nodes--;
  unstamp(n);
  pending.delete(n);
  for (let child = firstOf(n); child; child = nextOf(child)) if (idOf(child)) forget(child);
  const root = known.get(n);
  if (root && idOf(root)) forget(root);
}
