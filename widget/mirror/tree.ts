import { DOCUMENT, FORMAT, Head, Limit, Op, Rule, Special } from '../capture/format.ts';
import { Animations } from './animations.ts';
import { type Check, sumOf, unitsOf } from './check.ts';
import { Contents, isStyle } from './contents.ts';
import { Frames } from './frames.ts';
import { Marks } from './marks.ts';
import { Ranges } from './ranges.ts';
import { type Reader, readList, readPage, readPermutation, readSplice, type Where } from './reader.ts';
import { Scrolls } from './scrolls.ts';
import { Sheets } from './sheets.ts';
import { isField, setState } from './state.ts';

const key: unique symbol = Symbol('kohe');
type Stamped = Node & { [key]?: number };
type Parent = Document | ShadowRoot | Element;

export interface Viewport {
  width: number;
  height: number;
  bar: number;
  zoom: number;
  ratio: number;
}

/** What a message says about the page as a whole. */
export interface Host {
  /** A snapshot begins: gives an empty document of the wanted mode. */
  blank(where: Where): Document;
  viewport(v: Viewport): void;
  page(where: Where): void;
  frozen(on: boolean): void;
  /** The page is not what a message's check says. */
  diverged(): void;
}

/** The visitor's page as nodes of the mirror's document. Applies messages; never trusts them. */
export class Tree {
  #nodes = new Map<number, Node>();
  #contents = new Contents();
  #values = new Map<Node, string>();
  #scrolls = this.#newScrolls();
  #sheets: Sheets | null = null;
  #frames: Frames;
  #marks: Marks;
  #ranges = new Ranges();
  #animations = new Animations();
  #doc: Document;
  #depth = 0;
  version = 0;

  constructor(
    readonly host: Host,
    doc: Document,
  ) {
    this.#doc = doc;
    this.#marks = new Marks(doc);
    this.#frames = this.#newFrames();
  }

  #newScrolls(): Scrolls {
    return new Scrolls((id) => this.#nodes.get(id));
  }

  #newFrames(): Frames {
    return new Frames((id, root) => {
      this.#nodes.set(id, root);
      (root as Stamped)[key] = id;
      this.#sheets?.mounted(root);
    });
  }

  /** Applies one message. Returns false if messages before it are missing; throws a RangeError if it is malformed. */
  apply(r: Reader): boolean {
    const first = r.byte();
    const head = first & Head.short ? 0 : first & ~Head.column;
    if (head & ~(Head.snapshot | Head.partial | Head.span | Head.hash))
      throw new RangeError('page message: unknown head');
    const [from, to] = this.#versions(r, first);
    if (head & Head.snapshot) {
      if (r.byte() !== FORMAT) throw new RangeError('page message: unknown format');
    } else if (from !== this.version) return false;
    const check = head & Head.hash ? { id: r.word(), sum: r.word() } : null;
    if (first & Head.column) r.column();
    let fresh = (head & Head.snapshot) !== 0;
    while (!r.done) {
      const op = r.byte();
      if (fresh) this.#blank(r, op);
      else this.#op(r, op & 31, op >> 5);
      fresh = false;
    }
    this.version = to;
    this.#sheets?.mend();
    if (check && this.#fails(check)) this.host.diverged();
    return true;
  }

  #fails({ id, sum }: Check): boolean {
    const node = this.#nodes.get(id);
    if (!node) return true;
    if (node.nodeType === 3) return sumOf(unitsOf(this.#contents.text(node as Text))) !== sum;
    const inside = (node as Element).shadowRoot ?? this.#frames.rootOf(node);
    const ids = [...(inside ? [inside] : []), ...node.childNodes].map((n) => (n as Stamped)[key] ?? 0);
    return sumOf(ids.filter((n) => n !== 0)) !== sum; // what an agent's extension put there has no id
  }

  #versions(r: Reader, head: number): [number, number] {
    const next = this.version + 1;
    const short = head & Head.short;
    if (!short && head & Head.span) return [r.u(), r.u()];
    const said = short ? (head ^ next) & (Head.short - 1) : r.byte() ^ (next & 255);
    return said === 0 ? [this.version, next] : [-1, next];
  }

  /** A snapshot begins with the page operation, which says what document it needs. */
  #blank(r: Reader, op: number): void {
    if ((op & 31) !== Op.page) throw new RangeError('page message: a snapshot begins with page');
    const where = readPage(r);
    const doc = this.host.blank(where);
    this.#doc = doc;
    this.#nodes = new Map([[DOCUMENT, doc]]);
    this.#contents = new Contents();
    this.#values = new Map();
    this.#scrolls = this.#newScrolls();
    this.#marks = new Marks(doc);
    this.#frames = this.#newFrames();
    this.#ranges = new Ranges();
    this.#sheets = 'adoptedStyleSheets' in doc ? new Sheets((id) => this.#style(id)) : null;
    this.#sheets?.adopt(doc, []);
    this.host.page(where);
  }

  #op(r: Reader, code: number, k: number): void {
    const apply = this.#ops[code];
    if (!apply) throw new RangeError(`page message: unknown operation ${code}`);
    apply(r, k);
  }

  readonly #ops: Record<number, (r: Reader, k: number) => void> = {
    [Op.page]: (r) => this.host.page(readPage(r)),
    [Op.viewport]: (r) => this.host.viewport({ width: r.u(), height: r.u(), bar: r.u(), zoom: r.u(), ratio: r.u() }),
    [Op.insert]: (r, k) => this.#insert(r, k === 1),
    [Op.remove]: (r) => {
      for (const id of r.set()) this.#remove(id);
    },
    [Op.move]: (r, k) => this.#move(r, k === 1),
    [Op.text]: (r, k) => this.#text(r, k),
    [Op.attr]: (r, k) => this.#attr(r, k),
    [Op.unset]: (r) => this.#unset(r.ref(), r.attrName()),
    [Op.value]: (r, k) => this.#value(r, k),
    [Op.state]: (r) => this.#state(r.ref(), r.u()),
    [Op.scroll]: (r) => this.#scrolls.want(r.ref(), r.z(), r.z()),
    [Op.focus]: (r, k) => this.#marks.focus(this.#node(r), k === 1),
    [Op.hover]: (r) => this.#marks.mark('kohe-hover', this.#node(r), true),
    [Op.sheet]: (r, k) => this.#sheet(r, k),
    [Op.rule]: (r, k) => this.#rule(r, k),
    [Op.adopt]: (r) => this.#adopt(r),
    [Op.freeze]: (_, k) => this.host.frozen(k === 1),
    [Op.range]: (r) => this.#ranges.apply(r, (id) => this.#nodes.get(id)),
    [Op.animate]: (r) => this.#animations.apply(r, this.#nodes.get(r.ref())),
    [Op.image]: (r) => this.#image(r.ref(), r.u(), r.plain()),
    [Op.alike]: (r) => this.#alike(r.attrName(), r.str(), r.set()),
    [Op.custom]: (r) => this.#custom(r.ref(), r.str()),
  };

  #node(r: Reader): Node | null {
    return this.#nodes.get(r.ref()) ?? null;
  }

  // Structure.

  #parent(id: number): Parent | null {
    const node = this.#nodes.get(id);
    if (!node || node.nodeType === 3) return null;
    return node as Parent;
  }

  /** The place after a sibling, or the first. A sibling that is not there any more means the last. */
  #after(parent: Parent, after: number): Node | null {
    if (after === 0)
      return parent.nodeType === 9
        ? ((parent as Document).doctype?.nextSibling ?? parent.firstElementChild)
        : parent.firstChild;
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
    this.#frames.mount();
  }

  /** Reads siblings up to the end mark into `into`; at the top they go into the document as runs. */
  #forest(
    r: Reader,
    into: Node,
    ids: { next: number; explicit: boolean },
    top: Parent | null,
    host: Element | null,
    after = 0,
  ): void {
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
        this.#root(r, id, code, host, ids);
        continue;
      }
      const node = kind === 0 ? this.#textNode(r.plain(), into, top) : this.#element(r, code);
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

  /** Reads what is inside an element: a shadow root, or the document of a frame. */
  #root(r: Reader, id: number, code: number, host: Element | null, ids: { next: number; explicit: boolean }): void {
    const root =
      code === Special.document || code === Special.quirksDocument
        ? this.#frame(host, id, code === Special.quirksDocument)
        : this.#shadow(host, code);
    this.#register(id, root);
    this.#forest(r, root, ids, null, null);
  }

  #frame(host: Element | null, id: number, quirks: boolean): DocumentFragment {
    if (host?.localName !== 'iframe' || this.#frames.rootOf(host)) return this.#doc.createDocumentFragment();
    return this.#frames.add(host as HTMLIFrameElement, id, quirks);
  }

  #shadow(host: Element | null, code: number): ShadowRoot | DocumentFragment {
    if (code !== Special.shadow && code !== Special.shadowManual)
      throw new RangeError('page message: unknown kind of node');
    try {
      const root = (host as Element).attachShadow({
        mode: 'open',
        slotAssignment: code === Special.shadowManual ? 'manual' : 'named',
      });
      this.#sheets?.adopt(root, []);
      return root;
    } catch {
      return host?.shadowRoot ?? this.#doc.createDocumentFragment(); // this browser gives the element none
    }
  }

  #register(id: number, node: Node): void {
    if (this.#nodes.has(id) || id <= DOCUMENT) return;
    this.#nodes.set(id, node);
    (node as Stamped)[key] = id;
  }

  #textNode(text: string, into: Node, top: Parent | null): Text {
    const parent = this.#depth === 1 ? top : into;
    const node = this.#doc.createTextNode('');
    this.#contents.setText(node, text, isStyle(parent));
    return node;
  }

  #element(r: Reader, code: number): Element {
    const tag = r.tag(code);
    const list: [string, string][] = [];
    for (let n = r.u(); n > 0; n--) list.push([r.attrName(), r.str()]);
    return this.#contents.create(this.#doc, tag, list);
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
    this.#frames.mount();
  }

  #remove(id: number): void {
    const node = this.#nodes.get(id);
    if (!node || id === DOCUMENT) return;
    this.#restyled(node.parentNode);
    (node as ChildNode).remove?.();
    this.#forget(node);
    this.#frames.clear(id);
  }

  /** The text of a style element changed: its sheet follows the text again. */
  #restyled(parent: Node | null): void {
    if (isStyle(parent)) this.#sheets?.forget((parent as Stamped)[key] ?? 0);
  }

  #forget(node: Node): void {
    const id = (node as Stamped)[key];
    if (id !== undefined) {
      this.#nodes.delete(id);
      this.#sheets?.forget(id);
    }
    this.#values.delete(node);
    this.#scrolls.forget(id ?? 0);
    for (let child = node.firstChild; child; child = child.nextSibling) this.#forget(child);
    const root = (node as Element).shadowRoot ?? this.#frames.rootOf(node);
    if (root) this.#forget(root);
    this.#frames.forget(node);
  }

  // Content.

  #text(r: Reader, k: number): void {
    const node = this.#nodes.get(r.ref());
    const edit = readSplice(r, k, false);
    if (node?.nodeType !== 3) return;
    const style = isStyle(node.parentNode);
    this.#contents.setText(node as Text, edit(this.#contents.text(node as Text)), style);
    if (style) this.#restyled(node.parentNode);
  }

  #attr(r: Reader, k: number): void {
    const el = this.#nodes.get(r.ref());
    const name = r.attrName();
    const edit = readSplice(r, k, true);
    if (el?.nodeType !== 1) return;
    this.#contents.set(el as Element, name, edit(this.#contents.attribute(el as Element, name)));
  }

  #alike(name: string, value: string, ids: number[]): void {
    for (const id of ids) {
      const el = this.#nodes.get(id);
      if (el?.nodeType === 1) this.#contents.set(el as Element, name, value);
    }
  }

  #unset(id: number, name: string): void {
    const el = this.#nodes.get(id);
    if (el?.nodeType === 1) this.#contents.unset(el as Element, name);
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
    if (node?.nodeType === 1) setState(node as Element, bits);
  }

  #custom(id: number, states: string): void {
    const node = this.#nodes.get(id);
    if (node?.nodeType === 1) (node as Element).setAttribute('kohe-state', states);
  }

  #image(id: number, percent: number, url: string): void {
    const node = this.#nodes.get(id);
    if (node?.nodeType === 1) this.#contents.picture(node as Element, percent, url);
  }

  /** Scrolls to where the visitor is, as far as what is loaded by now allows. */
  scroll(): void {
    this.#scrolls.apply();
  }

  // Sheets.

  /** A link whose rules travel becomes a style element in its place. */
  #style(id: number): HTMLStyleElement | null {
    const node = this.#nodes.get(id);
    if (node?.nodeName !== 'LINK') return node?.nodeName === 'STYLE' ? (node as HTMLStyleElement) : null;
    const style = this.#doc.createElement('style');
    for (const { name, value } of (node as Element).attributes)
      if (name !== 'href' && name !== 'rel' && name !== 'type') style.setAttribute(name, value);
    (node as Element).replaceWith(style);
    this.#nodes.set(id, style);
    (style as Stamped)[key] = id;
    return style;
  }

  #sheet(r: Reader, k: number): void {
    const id = r.ref();
    if (k === 1) {
      const style = this.#style(id);
      this.#sheets?.forget(id);
      style?.appendChild(this.#doc.createTextNode('')).remove(); // has the browser read its text again
      return;
    }
    const texts: string[] = [];
    for (let n = r.u(); n > 0; n--) texts.push(r.plain());
    this.#sheets?.replace(id, texts);
  }

  #rule(r: Reader, k: number): void {
    const id = r.ref();
    const index = r.u();
    this.#sheets?.change(id, k, index, k === Rule.delete ? '' : r.plain());
  }

  /** Constructed sheets for a document or shadow root, nodes for a slot. */
  #adopt(r: Reader): void {
    const node = this.#nodes.get(r.ref());
    const ids = readList(r);
    if (node?.nodeName === 'SLOT') {
      const nodes = ids.map((id) => this.#nodes.get(id)).filter((n) => n?.nodeType === 1 || n?.nodeType === 3);
      (node as HTMLSlotElement).assign?.(...(nodes as Element[]));
    } else if (node?.nodeType === 9 || node?.nodeType === 11) {
      this.#sheets?.adopt(node as Document | ShadowRoot, ids);
    }
  }
}
