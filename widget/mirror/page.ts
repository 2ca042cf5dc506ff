import { DOCUMENT, Op, State } from '../capture/format.ts';
import { heightOf, isElement, isRoot, isText, localNameOf, rootOf, setAttribute, viewOf, widthOf } from '../native.ts';
import { Animations } from './animations.ts';
import { type Check, sumOf, unitsOf } from './check.ts';
import { Contents } from './contents.ts';
import { barsOf } from './css.ts';
import { Forest } from './forest.ts';
import { Frames } from './frames.ts';
import { Marks } from './marks.ts';
import { Media } from './media.ts';
import { idOf, Nodes } from './nodes.ts';
import { idsInside, Places } from './places.ts';
import { Ranges } from './ranges.ts';
import { type Reader, readList, readPage } from './reader.ts';
import { Scrolls } from './scrolls.ts';
import { Sheets } from './sheets.ts';
import { setMedia, setState } from './state.ts';
import type { Host } from './tree.ts';
import { Uses } from './uses.ts';

/** The page that one snapshot began, as nodes of a document. Each operation goes to the part that it is for. */
export class Page {
  readonly #nodes = new Nodes();
  readonly #nodeOf = (id: number): Node | undefined => this.#nodes.get(id);
  readonly #media = new Media();
  readonly #contents = new Contents(this.#nodes, this.#media);
  readonly #sheets = new Sheets(this.#nodes, this.#media);
  readonly #ranges = new Ranges();
  readonly #animations = new Animations();
  readonly #frames: Frames;
  readonly #uses = new Uses();
  readonly scrolls: Scrolls;
  readonly #marks: Marks;
  readonly #places: Places;
  readonly #forest: Forest;

  #bar = 0; // width of the visitor's scroll bar, px
  #forced = false;

  constructor(
    readonly host: Host,
    readonly doc: Document,
  ) {
    this.#nodes.set(DOCUMENT, doc);
    this.scrolls = new Scrolls(this.#nodeOf, doc);
    this.#frames = new Frames((id, root) => {
      this.#nodes.set(id, root);
      this.#sheets.mounted(root);
    });
    const parts = {
      nodes: this.#nodes,
      contents: this.#contents,
      frames: this.#frames,
      uses: this.#uses,
      scrolls: this.scrolls,
      sheets: this.#sheets,
    };
    this.#marks = new Marks(doc);
    this.#places = new Places(parts);
    this.#forest = new Forest(doc, { ...parts, places: this.#places });
    this.#sheets.adopt(doc, []);
  }

  /** Reads one operation and applies it. */
  operation(r: Reader): void {
    const byte = r.byte();
    const apply = this.#operations[byte & 31];
    if (!apply) throw new RangeError(`page message: unknown operation ${byte & 31}`);
    apply(r, byte >> 5);
  }

  /** Puts back what the browser has reset while operations were applied. */
  mend(): void {
    this.#sheets.mend();
  }

  scroll(): void {
    if (!this.#forced) this.#fitBars();
    this.scrolls.apply();
  }

  /** Scroll bars take as much of the page as at the visitor's, also if this browser's are wider, or lie over the page. */
  #fitBars(): void {
    const view = viewOf(this.doc);
    const root = rootOf(this.doc);
    if (!view || !root) return;
    const bar = view.innerWidth - widthOf(root);
    if (bar === this.#bar || (bar === 0 && heightOf(root) <= view.innerHeight)) return; // or nothing overflows yet
    this.#forced = true;
    this.#sheets.extend(this.doc, barsOf(this.#bar));
  }

  element(id: number): Element | undefined {
    return this.#nodes.element(id);
  }

  /** Another page comes in its place. */
  close(): void {
    this.#uses.close();
  }

  /** Whether a node is what a message says. */
  passes({ id, sum }: Check): boolean {
    const node = this.#nodes.get(id);
    if (!node) return false;
    return (
      sumOf(
        isText(node) ? unitsOf(this.#contents.text(node)) : idsInside(node, { frames: this.#frames, uses: this.#uses }),
      ) === sum
    );
  }

  readonly #operations: Record<number, (r: Reader, k: number) => void> = {
    [Op.page]: (r) => this.host.page(readPage(r)),
    [Op.viewport]: (r, k) => this.#viewport(r, k === 1),
    [Op.insert]: (r, k) => this.#forest.insert(r, k === 1),
    [Op.remove]: (r) => {
      for (const id of r.set()) this.#places.remove(id);
    },
    [Op.move]: (r, k) => this.#places.move(r, k === 1),
    [Op.text]: (r, k) => this.#sheets.forget(idOf(this.#contents.readText(r, k))),
    [Op.attr]: (r, k) => this.#contents.readAttribute(r, k),
    [Op.alike]: (r) => this.#contents.readAlike(r),
    [Op.unset]: (r) => this.#contents.readUnset(r),
    [Op.value]: (r, k) => this.#contents.readValue(r, k),
    [Op.image]: (r) => this.#contents.readPicture(r),
    [Op.state]: (r) => {
      const el = this.#nodes.element(r.ref());
      const bits = r.u();
      if (!el) return;
      setState(el, bits);
      if (localNameOf(el) === 'select') this.host.listed(el, (bits & State.open) !== 0);
    },
    [Op.media]: (r) => setMedia(this.#nodes.element(r.ref()), r.u(), r.u(), r.u()),
    [Op.custom]: (r) => {
      const el = this.#nodes.element(r.ref());
      const states = r.str();
      if (el) setAttribute(el, 'kohe-state', states);
    },
    [Op.scroll]: (r) => this.scrolls.want(r.ref(), r.z(), r.z()),
    [Op.focus]: (r, k) => this.#marks.focus(this.#nodes.get(r.ref()) ?? null, k === 1),
    [Op.hover]: (r) => this.#marks.mark('kohe-hover', this.#nodes.get(r.ref()) ?? null, true),
    [Op.sheet]: (r, k) => this.#sheets.read(r, k),
    [Op.rule]: (r, k) => this.#sheets.readRule(r, k),
    [Op.adopt]: (r) => this.#adopt(r.ref(), readList(r)),
    [Op.freeze]: (_, k) => this.host.frozen(k === 1),
    [Op.range]: (r) => this.#ranges.apply(r, this.#nodeOf),
    [Op.animate]: (r) => this.#animations.apply(r, this.#nodes.get(r.ref())),
  };

  #viewport(r: Reader, answered: boolean): void {
    const [width, height, bar, zoom, ratio] = [r.u(), r.u(), r.u(), r.u(), r.u()];
    const answers = answered ? r.u() : -1;
    this.#bar = bar;
    if (this.#forced) this.#sheets.extend(this.doc, barsOf(bar));
    this.host.viewport({ width, height, bar, zoom, ratio, answers });
    if (!this.#media.update(answers, ratio)) return;
    this.#contents.again();
    this.#sheets.again();
  }

  /** Constructed sheets for a document or shadow root, nodes for a slot. */
  #adopt(id: number, ids: number[]): void {
    const node = this.#nodes.get(id);
    if (node && isRoot(node)) {
      this.#sheets.adopt(node as Document | ShadowRoot, ids);
    } else if (isElement(node) && localNameOf(node) === 'slot') {
      const nodes = ids.map((n) => this.#nodes.get(n)).filter((n) => isElement(n) || isText(n));
      (node as HTMLSlotElement).assign?.(...(nodes as Element[]));
    }
  }
}
