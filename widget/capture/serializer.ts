// Turns nodes into the forest of an insert operation. What is not yet known to
// the mirror can be left for later at any child: the parent is then `pending`
// and goes on at its next turn, with whatever its children are by then. So a
// large snapshot comes in slices and needs no copy of the page.

import type { Blobs } from './blobs.ts';
import { Limit, maskText, Op, Special } from './format.ts';
import type { Ids } from './ids.ts';
import { Attribute, attributeKind, type TagKind, tagKind } from './kinds.ts';
import type { Masks } from './masks.ts';
import { isDocument, isFrame, type Root, rootIn } from './roots.ts';
import { absoluteCss, absoluteSet, resolve, sameOrigin } from './url.ts';
import type { Writer } from './writer.ts';

const most = Limit.nodes - 1000; // what is beyond is not shown: the edge would refuse the page
const script = /^\s*j\s*a\s*v\s*a\s*s\s*c\s*r\s*i\s*p\s*t\s*:/i;

export interface Context {
  readonly w: Writer;
  readonly ids: Ids;
  readonly masks: Masks;
  readonly blobs: Blobs;
  /** Called once for each new element that may have more to say than its attributes. */
  arrived(el: Element, kind: TagKind): void;
  /** Called once for each new shadow root or frame's document. */
  rooted(root: Root): void;
  /** Called when a known node comes under a mask. */
  remask(node: Node): void;
  /** Registers a string that was cut at Limit.inline. */
  cut(node: Node, name: string, sent: string): void;
}

export class Serializer {
  readonly pending = new Map<Node, Node | null>(); // parent → the last of its children that was dealt with
  readonly roots = new WeakMap<Element, Root>(); // what the mirror has inside an element, or had
  #deadline = Number.POSITIVE_INFINITY;
  #full = Limit.message;
  #count = 0;
  #over = false;
  #depth = 0;
  nodes = 0; // known to the mirror

  constructor(readonly c: Context) {}

  /** Starts a slice that ends at a time (ms, performance.now) or at a length of the message. */
  begin(deadline: number, full: number): void {
    this.#deadline = deadline;
    this.#full = full;
    this.#over = false;
  }

  get over(): boolean {
    return this.#over;
  }

  /** Whether the slice is used up. To be asked before each node. */
  spent(): boolean {
    if (!this.#over && (++this.#count & 31) === 0) {
      this.#over = this.c.w.size > this.#full || performance.now() > this.#deadline;
    }
    return this.#over;
  }

  /** Writes one unknown node, or nothing if it is of a kind that does not travel. */
  node(node: Node, masked: boolean): boolean {
    if (this.nodes >= most) return false;
    if (node.nodeType === 3 || node.nodeType === 4) return this.#text(node as Text, masked);
    return node.nodeType === 1 && this.#element(node as Element, masked);
  }

  /** Whether a node travels at all. */
  travels(node: Node): boolean {
    const type = node.nodeType;
    return type === 3 || type === 4 || (type === 1 && !(node as Element).hasAttribute('data-kohe-ui'));
  }

  /** A text node's content as it leaves. */
  textOf(node: CharacterData, data: string, masked: boolean): string {
    const parent = node.parentNode;
    const name = parent?.nodeName;
    if (parent && (name === 'STYLE' || name === 'style')) return absoluteCss(data, parent); // not masked: all would look wrong
    return masked ? maskText(data) : clip(data);
  }

  /** An attribute as it leaves, null if it does not. */
  attributeOf(el: Element, name: string, value: string, masked: boolean): string | null {
    const kind = attributeKind(name);
    if (kind === Attribute.silent) return null;
    if (kind === Attribute.value && /^(?:hidden|file)$/i.test(el.getAttribute('type') ?? '')) return null;
    const kept = masked ? this.c.masks.attribute(el, name, value) : value;
    if (kept === null || kind === Attribute.plain || kept === '') return clip(kept);
    if (kind === Attribute.address && !this.#travels(el, kept)) return null;
    const whole =
      kind === Attribute.address
        ? resolve(kept, el)
        : kind === Attribute.set
          ? absoluteSet(kept, el)
          : absoluteCss(kept, el);
    return clip(kind === Attribute.value ? kept : this.c.blobs.inline(whole, el));
  }

  /** A frame's document and a sheet whose rules can be read do not travel by address. */
  #travels(el: Element, url: string): boolean {
    if (url.charCodeAt(0) === 35) return true;
    if (el.localName === 'link') {
      const { rel, href } = el as HTMLLinkElement;
      return /\bstylesheet\b/i.test(rel) ? !sameOrigin(href) : /\bicon\b/i.test(rel);
    }
    return !isFrame(el) && !script.test(url);
  }

  #add(node: Node, masked: boolean): void {
    this.c.ids.add(node, masked);
    this.nodes++;
  }

  #text(node: Text, inherited: boolean): boolean {
    const masked = inherited || this.c.ids.masked(node);
    this.#add(node, masked);
    const text = this.textOf(node, node.data, masked);
    this.c.w.u(0);
    this.c.w.plain(this.#clip(node, '', text));
    return true;
  }

  #clip(node: Node, name: string, value: string): string {
    const room = this.c.w.size > this.#full ? 0 : Limit.inline;
    if (value.length <= room) return value;
    const sent = value.slice(0, (value.charCodeAt(room - 1) & 0xfc00) === 0xd800 ? room - 1 : room);
    this.c.cut(node, name, sent);
    return sent;
  }

  #element(el: Element, inherited: boolean): boolean {
    const { w, masks } = this.c;
    const kind = tagKind(el);
    if (kind.never) {
      this.#add(el, inherited);
      w.tag(kind.tag, 1);
      w.u(0);
      return true;
    }
    const names = el.getAttributeNames();
    if (names.includes('data-kohe-ui')) return false;
    const masked = inherited || this.c.ids.masked(el) || masks.self(el, kind, names);
    this.#add(el, masked);
    const root = rootIn(el);
    const first = kind.closed ? null : el.firstChild;
    const deep = first !== null || root !== null;
    w.tag(kind.tag, deep ? 2 : 1);
    this.#attributes(el, names, masked);
    if (kind.more || kind.scrolls || names.includes('popover')) this.c.arrived(el, kind);
    if (deep) this.#below(el, root, first, masked);
    return true;
  }

  #below(el: Element, root: Root | null, first: Node | null, masked: boolean): void {
    if (++this.#depth < Limit.depth) {
      if (root) this.#root(el, root, masked);
      if (first) this.#children(el, first, masked);
    }
    this.#depth--;
    this.c.w.u((Special.end << 2) | 3);
  }

  #attributes(el: Element, names: readonly string[], masked: boolean): void {
    const { w } = this.c;
    if (names.length === 0) {
      w.u(0);
      return;
    }
    const out: string[] = [];
    for (const name of names) {
      const sent = this.attributeOf(el, name, el.getAttribute(name) ?? '', masked);
      if (sent !== null) out.push(name, this.#clip(el, name, sent));
    }
    w.u(out.length / 2);
    for (let i = 0; i < out.length; i += 2) {
      w.attrName(out[i] as string);
      w.str(out[i + 1] as string);
    }
  }

  #root(el: Element, root: Root, masked: boolean): void {
    const { w } = this.c;
    const kind = isDocument(root)
      ? root.compatMode === 'BackCompat'
        ? Special.quirksDocument
        : Special.document
      : root.slotAssignment === 'manual'
        ? Special.shadowManual
        : Special.shadow;
    w.u((kind << 2) | 3);
    this.#add(root, masked);
    this.roots.set(el, root);
    this.c.rooted(root);
    if (root.firstChild) this.#children(root, root.firstChild, masked);
    w.u((Special.end << 2) | 3);
  }

  /** Writes the root of a host that is known already, where it is another than before. */
  rerooted(el: Element): void {
    const { w, ids } = this.c;
    const root = rootIn(el);
    const old = this.roots.get(el);
    const host = ids.of(el);
    if (!host || (old === root && (!root || ids.of(root)))) return;
    if (old && ids.of(old)) {
      w.op(Op.remove);
      w.set([ids.of(old)]);
      this.forget(old);
    }
    if (!root) return;
    this.open(host, 0);
    this.#root(el, root, ids.masked(el));
    this.close();
  }

  /** Begins an insert operation: new nodes under a known parent, after a known sibling (0: first). */
  open(parent: number, after: number): void {
    const { w, ids } = this.c;
    w.op(Op.insert);
    w.ref(parent);
    w.ref(after);
    w.ref(ids.next);
  }

  close(): void {
    this.c.w.u((Special.end << 2) | 3);
  }

  /** Goes on with what was left for later, until the slice ends. */
  resume(): void {
    for (const [parent, last] of this.pending) {
      if (this.#over) return;
      this.pending.delete(parent);
      const known = this.c.ids.of(parent) !== 0 && parent.isConnected;
      if (known) this.#resume(parent, last && last.parentNode === parent ? last.nextSibling : parent.firstChild);
    }
  }

  #resume(parent: Node, first: Node | null): void {
    const { ids } = this.c;
    const masked = ids.masked(parent);
    let open = false;
    let before = first?.previousSibling ?? null;
    while (before && !ids.of(before)) before = before.previousSibling;
    let after = before ? ids.of(before) : 0;
    for (let child = first; child; child = child.nextSibling) {
      const id = ids.of(child);
      if (id) {
        if (open) this.close();
        open = false;
        after = id;
        continue;
      }
      if (this.spent()) {
        this.pending.set(parent, child.previousSibling);
        break;
      }
      if (!this.travels(child)) continue;
      if (!open) this.open(ids.of(parent), after);
      open = true;
      this.node(child, masked);
      after = ids.of(child);
    }
    if (open) this.close();
  }

  /** Whether the children of a known node stay unknown. */
  opaque(parent: Node): boolean {
    if (parent.nodeType !== 1) return false;
    const kind = tagKind(parent as Element);
    return kind.never || kind.closed;
  }

  /** Makes a subtree unknown again. */
  forget(node: Node): void {
    const { ids } = this.c;
    if (ids.of(node)) this.nodes--;
    ids.drop(node);
    this.pending.delete(node);
    for (let child = node.firstChild; child; child = child.nextSibling) if (ids.of(child)) this.forget(child);
    const root = this.roots.get(node as Element);
    if (root && ids.of(root)) this.forget(root);
  }

  #children(parent: Node, first: Node, masked: boolean): void {
    let last: Node | null = null;
    for (let child: Node | null = first; child; child = child.nextSibling) {
      if (this.spent()) {
        this.pending.set(parent, last);
        return;
      }
      const id = this.c.ids.of(child);
      if (id) this.#existing(child, id, masked);
      else this.node(child, masked);
      last = child;
    }
  }

  /** Writes that a node the mirror knows comes here. */
  #existing(node: Node, id: number, masked: boolean): void {
    if (masked && !this.c.ids.masked(node)) this.c.remask(node);
    this.c.w.u((Special.existing << 2) | 3);
    this.c.w.u(id);
  }
}

/** A string, cut off where it is longer than any that travels. */
function clip(s: string): string;
function clip(s: string | null): string | null;
function clip(s: string | null): string | null {
  return s !== null && s.length > Limit.text ? s.slice(0, Limit.text) : s;
}
