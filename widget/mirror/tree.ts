import { DOCUMENT, Head, FORMAT, Limit, Op, Rule, Special, Splice, State } from '../capture/format.ts';
import { withStates } from './css.ts';
import type { Reader } from './reader.ts';
import { safeAttribute, safeCss, safeTag } from './safe.ts';
import { Sheets } from './sheets.ts';

const key: unique symbol = Symbol('kohe');
type Stamped = Node & { [key]?: number };
type Parent = Document | ShadowRoot | Element;

const HTML = 'http://www.w3.org/1999/xhtml';
const namespaces: Record<string, string> = {
  svg: 'http://www.w3.org/2000/svg', math: 'http://www.w3.org/1998/Math/MathML', html: HTML,
};
const attributeNamespaces: Record<string, string> = {
  xlink: 'http://www.w3.org/1999/xlink', xml: 'http://www.w3.org/XML/1998/namespace',
};

export interface Viewport { width: number; height: number; bar: number; zoom: number; ratio: number }
export interface Where { url: string; title: string; quirks: boolean }

/** What a message says about the page as a whole. */
export interface Host {
  /** A snapshot begins: gives an empty document of the wanted mode. */
  blank(where: Where): Document;
  viewport(v: Viewport): void;
  page(where: Where): void;
  frozen(on: boolean): void;
}

/** The visitor's page as nodes of the mirror's document. Applies messages; never trusts them. */
export class Tree {
  #nodes = new Map<number, Node>();
  #raw = new Map<Node, Map<string, string>>(); // attributes and style text that are shown otherwise than they came
  #values = new Map<Node, string>();
  readonly #tags = new WeakMap<Node, string>();
  #scrolls = new Map<Node, [number, number]>();
  #sheets: Sheets | null = null;
  #doc: Document;
  #depth = 0;
  #marked: Element[] = [];
  version = 0;

  constructor(
    readonly host: Host,
    doc: Document,
  ) {
    this.#doc = doc;
  }

  /** Applies one message. Returns false if messages before it are missing; throws a RangeError if it is malformed. */
  apply(r: Reader): boolean {
    const head = r.byte();
    if (head & ~(Head.snapshot | Head.partial | Head.span | Head.hash)) throw new RangeError('page message: unknown head');
    const [from, to] = this.#versions(r, head);
    if (head & Head.snapshot) {
      if (r.byte() !== FORMAT) throw new RangeError('page message: unknown format');
    } else if (from !== this.version) return false;
    if (head & Head.hash) for (let i = 0; i < 8; i++) r.byte();
    let fresh = (head & Head.snapshot) !== 0;
    while (!r.done) {
      const op = r.byte();
      if (fresh) this.#blank(r, op);
      else this.#op(r, op & 31, op >> 5);
      fresh = false;
    }
    this.version = to;
    this.#sheets?.mend();
    this.scroll();
    return true;
  }

  #versions(r: Reader, head: number): [number, number] {
    if (head & Head.span) return [r.u(), r.u()];
    const low = r.byte();
    const next = this.version + 1;
    return (next & 255) === low ? [this.version, next] : [-1, next];
  }

  /** A snapshot begins with the page operation, which says what document it needs. */
  #blank(r: Reader, op: number): void {
    if ((op & 31) !== Op.page) throw new RangeError('page message: a snapshot begins with page');
    const where = readPage(r);
    const doc = this.host.blank(where);
    this.#doc = doc;
    this.#nodes = new Map([[DOCUMENT, doc]]);
    this.#raw = new Map();
    this.#values = new Map();
    this.#scrolls = new Map();
    this.#marked = [];
    const window = doc.defaultView as (Window & typeof globalThis) | null;
    const base = doc.adoptedStyleSheets[0];
    this.#sheets = window && base ? new Sheets(window, base, (id) => this.#style(id)) : null;
    this.host.page(where);
  }

  #op(r: Reader, code: number, k: number): void {
    switch (code) {
      case Op.page: return this.host.page(readPage(r));
      case Op.viewport: return this.host.viewport({ width: r.u(), height: r.u(), bar: r.u(), zoom: r.u(), ratio: r.u() });
      case Op.insert: return this.#insert(r, k === 1);
      case Op.remove: return r.set().forEach((id) => this.#remove(id));
      case Op.move: return this.#move(r, k === 1);
      case Op.text: return this.#text(r, k);
      case Op.attr: return this.#attr(r, k);
      case Op.unset: return this.#unset(r.ref(), r.attrName());
      case Op.value: return this.#value(r, k);
      case Op.state: return this.#state(r.ref(), r.u());
      case Op.scroll: return this.#wantScroll(r.ref(), r.z(), r.z());
      case Op.focus: return this.#focus(r.ref(), k === 1);
      case Op.hover: return this.#mark('kohe-hover', r.ref(), true);
      case Op.sheet: return this.#sheet(r);
      case Op.rule: return this.#rule(r, k);
      case Op.adopt: return this.#adopt(r);
      case Op.freeze: return this.host.frozen(k === 1);
      default: throw new RangeError(`page message: unknown operation ${code}`);
    }
  }

  // Structure.

  #parent(id: number): Parent | null {
    const node = this.#nodes.get(id);
    if (!node || node.nodeType === 3) return null;
    return node as Parent;
  }

  /** The place after a sibling, or the first. A sibling that is not there any more means the last. */
  #after(parent: Parent, after: number): Node | null {
    if (after === 0) return parent.nodeType === 9 ? ((parent as Document).doctype?.nextSibling ?? parent.firstElementChild) : parent.firstChild;
    const sibling = this.#nodes.get(after);
    return sibling?.parentNode === parent ? sibling.nextSibling : null;
  }

  #insert(r: Reader, explicit: boolean): void {
    const parent = this.#parent(r.ref());
    const after = r.ref();
    const ids = { next: r.ref(), explicit };
    const fragment = this.#doc.createDocumentFragment();
    this.#depth = 0;
    this.#forest(r, fragment, ids, parent, parent?.nodeType === 1 ? (parent as Element) : null, after);
  }

  /** Reads siblings up to the end mark into `into`; at the top they go into the document as runs. */
  #forest(r: Reader, into: Node, ids: { next: number; explicit: boolean }, top: Parent | null, host: Element | null, after = 0): void {
    if (++this.#depth > Limit.depth + 2) throw new RangeError('page message: too deep');
    let last = after;
    for (;;) {
      const h = r.u();
      const kind = h & 3;
      const code = Math.floor(h / 4);
      if (kind === 3 && code === Special.end) break;
      if (kind === 3 && code === Special.existing) {
        const id = r.u();
        const node = this.#nodes.get(id);
        if (node && node.nodeType !== 9 && node.nodeType !== 11) {
          if (into.nodeType === 11 && top && this.#depth === 1) {
            this.#place(top, node, this.#after(top, last));
            last = id;
          } else if (!node.contains(into)) into.appendChild(node);
        }
        continue;
      }
      if (ids.explicit) ids.next += r.z();
      const id = ids.next++;
      if (kind === 3) {
        this.#shadow(r, id, code, host, ids);
        continue;
      }
      const node = kind === 0 ? this.#textNode(r.text(h), into, top) : this.#element(r, code);
      this.#register(id, node);
      if (kind === 2) this.#forest(r, node, ids, null, node as Element);
      if (this.#depth > 1) into.appendChild(node);
      else if (top) {
        this.#place(top, node, this.#after(top, last));
        last = id;
      }
    }
    this.#depth--;
  }

  #shadow(r: Reader, id: number, code: number, host: Element | null, ids: { next: number; explicit: boolean }): void {
    if (code !== Special.shadow && code !== Special.shadowManual) throw new RangeError('page message: unknown kind of node');
    let root: ShadowRoot | DocumentFragment;
    try {
      root = (host as Element).attachShadow({ mode: 'open', slotAssignment: code === Special.shadowManual ? 'manual' : 'named' });
      this.#sheets?.adopt(root as ShadowRoot, []);
    } catch {
      root = host?.shadowRoot ?? this.#doc.createDocumentFragment(); // this browser gives the element none
    }
    this.#register(id, root);
    this.#forest(r, root, ids, null, null);
  }

  #register(id: number, node: Node): void {
    if (this.#nodes.has(id) || id <= DOCUMENT) return;
    this.#nodes.set(id, node);
    (node as Stamped)[key] = id;
  }

  #textNode(text: string, into: Node, top: Parent | null): Text {
    const parent = this.#depth === 1 ? top : into;
    const node = this.#doc.createTextNode('');
    this.#setText(node, text, parent !== null && parent.nodeName.toLowerCase() === 'style');
    return node;
  }

  #element(r: Reader, code: number): Element {
    const tag = safeTag(r.tag(code));
    const el = this.#create(tag);
    this.#tags.set(el, tag);
    const n = r.u();
    const list: [string, string][] = [];
    for (let i = 0; i < n; i++) list.push([r.attrName(), r.str()]);
    const rel = list.find(([name]) => name === 'rel')?.[1] ?? '';
    for (const [name, value] of list) this.#setAttribute(el, tag, name, value, rel);
    if (tag === 'iframe') el.setAttribute('sandbox', '');
    return el;
  }

  #create(tag: string): Element {
    const [, prefix, local] = /^(svg|math|html):(.+)$/s.exec(tag) ?? [null, 'html', tag];
    try {
      return this.#doc.createElementNS(namespaces[prefix as string] ?? HTML, local as string);
    } catch {
      return this.#doc.createElement('kohe-x');
    }
  }

  #place(parent: Parent, node: Node, before: Node | null): void {
    if (node.contains(parent) || before === node) return;
    for (const p of [node.parentNode, parent]) this.#restyled(p);
    if (parent.nodeType === 9 && node.nodeType === 1 && (parent as Document).documentElement !== node) {
      (parent as Document).documentElement?.remove(); // there is room for one; the old one's removal follows
      before = null;
    }
    try {
      const movable = parent as Parent & { moveBefore?: (node: Node, before: Node | null) => void };
      if (node.isConnected && parent.isConnected && movable.moveBefore) movable.moveBefore(node, before);
      else parent.insertBefore(node, before);
    } catch {
      try {
        parent.insertBefore(node, before);
      } catch {
        // the DOM refuses it there (a second root element, say): it stays out of sight
      }
    }
  }

  #move(r: Reader, sorted: boolean): void {
    const parent = this.#parent(r.ref());
    let after = r.ref();
    for (const id of sorted ? readPermutation(r) : readList(r)) {
      const node = this.#nodes.get(id);
      if (!parent || !node || node.nodeType === 9 || node.nodeType === 11 || id === after) continue;
      const before = this.#after(parent, after);
      if (before !== node) this.#place(parent, node, before);
      after = id;
    }
  }

  #remove(id: number): void {
    const node = this.#nodes.get(id);
    if (!node || id === DOCUMENT) return;
    this.#restyled(node.parentNode);
    (node as ChildNode).remove?.();
    this.#forget(node);
  }

  /** The text of a style element changed: its sheet follows the text again. */
  #restyled(parent: Node | null): void {
    if (parent?.nodeName.toLowerCase() === 'style') this.#sheets?.forget((parent as Stamped)[key] ?? 0);
  }

  #forget(node: Node): void {
    const id = (node as Stamped)[key];
    if (id !== undefined) {
      this.#nodes.delete(id);
      this.#sheets?.forget(id);
    }
    for (const held of [this.#raw, this.#values, this.#scrolls]) held.delete(node);
    for (let child = node.firstChild; child; child = child.nextSibling) this.#forget(child);
    const root = (node as Element).shadowRoot;
    if (root) this.#forget(root);
  }

  // Content.

  #setText(node: Text, text: string, style: boolean): void {
    if (!style) {
      node.data = text;
      return;
    }
    this.#keep(node, '', text);
    node.data = safeCss(text) ? withStates(text) : '';
  }

  #text(r: Reader, k: number): void {
    const node = this.#nodes.get(r.ref());
    const edit = readSplice(r, k, false);
    if (node?.nodeType !== 3) return;
    const style = node.parentNode?.nodeName.toLowerCase() === 'style';
    const before = this.#raw.get(node)?.get('') ?? (node as Text).data;
    if (style || k === Splice.set) this.#setText(node as Text, edit(before), style);
    else (node as Text).data = edit(before);
    if (style) this.#restyled(node.parentNode);
  }

  #keep(node: Node, name: string, value: string): void {
    const raws = this.#raw.get(node);
    if (raws) raws.set(name, value);
    else this.#raw.set(node, new Map([[name, value]]));
  }

  #attr(r: Reader, k: number): void {
    const el = this.#nodes.get(r.ref());
    const name = r.attrName();
    const edit = readSplice(r, k, true);
    if (el?.nodeType !== 1) return;
    const before = this.#raw.get(el)?.get(name) ?? (el as Element).getAttribute(name) ?? '';
    this.#change(el as Element, name, edit(before));
  }

  #change(el: Element, name: string, value: string): void {
    const tag = this.#tags.get(el) ?? el.localName;
    const rel = name === 'rel' ? value : (el.getAttribute('rel') ?? '');
    this.#setAttribute(el, tag, name, value, rel);
    if (name !== 'rel') return;
    const href = this.#raw.get(el)?.get('href') ?? el.getAttribute('href');
    if (href !== null) this.#setAttribute(el, tag, 'href', href, rel);
  }

  #setAttribute(el: Element, tag: string, name: string, value: string, rel: string): void {
    const safe = name.startsWith('kohe-') ? null : safeAttribute(tag, name, value, rel);
    if (safe !== value) this.#keep(el, name, value);
    else this.#raw.get(el)?.delete(name);
    if (safe === null) {
      el.removeAttribute(name);
      return;
    }
    const prefix = /^(xlink|xml):/.exec(name)?.[1];
    try {
      if (prefix) el.setAttributeNS(attributeNamespaces[prefix] as string, name, safe);
      else if (name === 'xmlns' || name.startsWith('xmlns:')) el.setAttributeNS('http://www.w3.org/2000/xmlns/', name, safe);
      else el.setAttribute(name, safe);
    } catch {
      // a name that only a parser can make
    }
  }

  #unset(id: number, name: string): void {
    const el = this.#nodes.get(id);
    if (el?.nodeType !== 1) return;
    this.#raw.get(el)?.delete(name);
    (el as Element).removeAttribute(name);
    if (name === 'rel') (el as Element).removeAttribute('href');
  }

  // State.

  #value(r: Reader, k: number): void {
    const el = this.#nodes.get(r.ref());
    const edit = readSplice(r, k, false);
    if (!el || !isField(el)) return;
    const value = edit(this.#values.get(el) ?? '');
    this.#values.set(el, value);
    if (el.value !== value) el.value = value;
  }

  #state(id: number, bits: number): void {
    const node = this.#nodes.get(id);
    if (node?.nodeType !== 1) return;
    const el = node as Element;
    const on = (bit: number): boolean => (bits & bit) !== 0;
    switch (el.localName) {
      case 'input':
        (el as HTMLInputElement).checked = on(State.checked);
        (el as HTMLInputElement).indeterminate = on(State.indeterminate);
        break;
      case 'option':
        choose(el as HTMLOptionElement, on(State.selected));
        break;
      case 'dialog':
        modal(el as HTMLDialogElement, on(State.modal));
        break;
      case 'style':
      case 'link': {
        const sheet = (el as HTMLStyleElement).sheet;
        if (sheet) sheet.disabled = on(State.disabledSheet);
      }
    }
    el.toggleAttribute('kohe-user-invalid', on(State.userInvalid));
    if (el.hasAttribute('popover')) popover(el as HTMLElement, on(State.popover));
  }

  #wantScroll(id: number, x: number, y: number): void {
    const node = this.#nodes.get(id);
    if (node) this.#scrolls.set(node, [x, y]);
  }

  /** Scrolls to where the visitor is, as far as what is loaded by now allows. */
  scroll(): void {
    for (const [node, [x, y]] of this.#scrolls) {
      const el = node.nodeType === 9 ? (node as Document).scrollingElement : (node as Element);
      if (!el) continue;
      if (Math.abs(el.scrollLeft - x) >= 1) el.scrollLeft = x;
      if (Math.abs(el.scrollTop - y) >= 1) el.scrollTop = y;
    }
  }

  #focus(id: number, visible: boolean): void {
    this.#mark('kohe-focus', id, false);
    this.#mark('kohe-focus-within', id, true);
    this.#mark('kohe-focus-visible', visible ? id : 0, false);
  }

  /** Sets a state's attribute on an element, and on its ancestors if the state is theirs too. */
  #mark(state: string, id: number, ancestors: boolean): void {
    for (const el of this.#marked) if (el.hasAttribute(state)) el.removeAttribute(state);
    this.#marked = this.#marked.filter((el) => [...el.attributes].some((a) => a.name.startsWith('kohe-')));
    const node = this.#nodes.get(id);
    for (let n: Node | null = node ?? null; n; n = ancestors ? (n.parentNode ?? (n as ShadowRoot).host ?? null) : null) {
      if (n.nodeType !== 1) continue;
      (n as Element).setAttribute(state, '');
      this.#marked.push(n as Element);
    }
  }

  // Sheets.

  /** A link whose rules travel becomes a style element in its place. */
  #style(id: number): HTMLStyleElement | null {
    const node = this.#nodes.get(id);
    if (node?.nodeName !== 'LINK') return node?.nodeName === 'STYLE' ? (node as HTMLStyleElement) : null;
    const style = this.#doc.createElement('style');
    for (const { name, value } of (node as Element).attributes) if (name !== 'href' && name !== 'rel' && name !== 'type') style.setAttribute(name, value);
    (node as Element).replaceWith(style);
    this.#nodes.set(id, style);
    (style as Stamped)[key] = id;
    return style;
  }

  #sheet(r: Reader): void {
    const id = r.ref();
    const texts: string[] = [];
    for (let n = r.u(); n > 0; n--) texts.push(r.plain());
    this.#sheets?.replace(id, texts);
  }

  #rule(r: Reader, k: number): void {
    const id = r.ref();
    const index = r.u();
    this.#sheets?.change(id, k, index, k === Rule.delete ? '' : r.plain());
  }

  #adopt(r: Reader): void {
    const root = this.#nodes.get(r.ref());
    const ids = readList(r);
    if (root?.nodeType === 9 || (root?.nodeType === 11 && 'host' in root)) this.#sheets?.adopt(root as Document | ShadowRoot, ids);
  }
}

function readPage(r: Reader): Where {
  const flags = r.u();
  return { quirks: (flags & 1) === 1, url: r.plain(), title: r.plain() };
}

function readList(r: Reader): number[] {
  const ids: number[] = [];
  for (let n = r.u(); n > 0; n--) ids.push(r.ref());
  return ids;
}

function readPermutation(r: Reader): number[] {
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
function readSplice(r: Reader, k: number, tabled: boolean): (before: string) => string {
  if (k === Splice.set) {
    const text = tabled ? r.str() : r.plain();
    return () => text;
  }
  const start = k === Splice.at || k === Splice.insert ? r.u() : 0;
  const remove = k === Splice.at || k === Splice.tail ? r.u() : 0;
  const text = r.plain();
  return (before) => {
    const at = k === Splice.tail || k === Splice.append ? Math.max(0, before.length - remove) : start;
    return before.slice(0, at) + text + before.slice(at + remove);
  };
}

function isField(node: Node): node is HTMLInputElement | HTMLTextAreaElement {
  return node.nodeName === 'TEXTAREA' || (node.nodeName === 'INPUT' && (node as HTMLInputElement).type !== 'file');
}

function choose(option: HTMLOptionElement, on: boolean): void {
  option.selected = on;
  const select = option.closest('select');
  if (!on && select && !select.multiple && select.selectedOptions[0]) select.selectedIndex = -1; // or the first would be chosen
}

function modal(dialog: HTMLDialogElement, on: boolean): void {
  if (on === dialog.matches(':modal')) return;
  if (on) {
    dialog.removeAttribute('open');
    if (dialog.isConnected) dialog.showModal();
  } else {
    const open = dialog.hasAttribute('open');
    dialog.setAttribute('open', '');
    dialog.close();
    if (open) dialog.setAttribute('open', '');
  }
}

function popover(el: HTMLElement, on: boolean): void {
  try {
    if (on !== el.matches(':popover-open')) el.togglePopover(on);
  } catch {
    // a browser without popovers, or one that is not connected
  }
}
