// Where the page is scrolled to: where the visitor is, or, while the agent looks
// around on their own, where they have scrolled it.

import { DOCUMENT } from '../capture/format.ts';
import { above } from '../guide/anchor.ts';
import {
  documentOf,
  heightOf,
  isConnected,
  isDocument,
  isElement,
  leftOf,
  scrollerOf,
  setLeft,
  setTop,
  shownHeightOf,
  topOf,
  viewOf,
  wholeWidthOf,
  widthOf,
} from '../native.ts';

/** How the page and what is seen of it lie, in px of the page from its top. */
export interface Overview {
  height: number; // of the whole page
  shown: number; // of what is seen of it at once
  visitor: number; // where the visitor is
  agent: number; // where the mirror is
}

export class Scrolls {
  /** Where the visitor's scrollers are, by their ids: a frame's document may be another node later. */
  readonly #places = new Map<number, [number, number]>();
  /** Where scrollers were before the agent moved them. */
  readonly #moved = new Map<Element, [number, number]>();
  #following = true;

  constructor(
    readonly nodeOf: (id: number) => Node | undefined,
    readonly page: Document,
  ) {}

  want(id: number, x: number, y: number): void {
    if (this.nodeOf(id)) this.#places.set(id, [x, y]);
  }

  forget(id: number): void {
    this.#places.delete(id);
  }

  /** Scrolls with the visitor, or only with the agent. */
  follow(on: boolean): void {
    if (on === this.#following) return;
    this.#following = on;
    if (!on) return;
    for (const [el, [x, y]] of this.#moved) put(el, x, y);
    this.#moved.clear();
    this.apply();
  }

  /** Scrolls to where the visitor is, as far as what is loaded by now allows. */
  apply(): void {
    if (!this.#following) return;
    for (const [id, [x, y]] of this.#places) {
      const el = this.#scroller(id);
      if (el) put(el, x, y);
    }
  }

  overview(): Overview | null {
    const [el, id] = this.#main();
    if (!el) return null;
    return {
      height: heightOf(el),
      shown: shownHeightOf(el),
      visitor: this.#places.get(id)?.[1] ?? 0,
      agent: topOf(el),
    };
  }

  /** Scrolls the innermost of what an element is in that can go further that way; false if nothing can. */
  by(from: Element | null, x: number, y: number): boolean {
    if (this.#following) return false;
    for (let el = from; el; el = above(el, this.page)) if (this.#move(el, x, y)) return true;
    const page = scrollerOf(this.page);
    return page !== null && this.#move(page, x, y);
  }

  /** Scrolls the page to a place of it. */
  to(top: number): void {
    const [el] = this.#main();
    if (!el || this.#following) return;
    this.#keep(el);
    setTop(el, top);
  }

  #move(el: Element, x: number, y: number): boolean {
    const [left, top] = [leftOf(el), topOf(el)];
    const goes = (by: number, at: number, end: number): boolean => (by < 0 ? at > 0 : by > 0 && at < end - 1);
    const goesDown = goes(y, top, heightOf(el) - shownHeightOf(el));
    const goesAside = goes(x, left, wholeWidthOf(el) - widthOf(el));
    if (!(goesDown || goesAside) || !scrolls(el)) return false;
    this.#keep(el);
    put(el, left + x, top + y);
    return true;
  }

  #keep(el: Element): void {
    if (!this.#moved.has(el)) this.#moved.set(el, [leftOf(el), topOf(el)]);
  }

  #scroller(id: number): Element | null {
    const node = this.nodeOf(id);
    return isDocument(node) ? scrollerOf(node) : isElement(node) ? node : null;
  }

  /** What the visitor scrolls to see more of the page: the page, or the largest scroller in it. */
  #main(): [Element | null, number] {
    const page = scrollerOf(this.page);
    if (page && heightOf(page) > shownHeightOf(page) + 1) return [page, DOCUMENT];
    let best: [Element | null, number] = [page, DOCUMENT];
    let most = 0;
    for (const id of this.#places.keys()) {
      const el = this.#scroller(id);
      const size = el && isConnected(el) ? shownHeightOf(el) * widthOf(el) : 0;
      if (el && size > most) [best, most] = [[el, id], size];
    }
    return best;
  }
}

function put(el: Element, x: number, y: number): void {
  if (Math.abs(leftOf(el) - x) >= 1) setLeft(el, x);
  if (Math.abs(topOf(el) - y) >= 1) setTop(el, y);
}

/** Whether a visitor could scroll it. */
function scrolls(el: Element): boolean {
  const doc = documentOf(el);
  if (!doc || scrollerOf(doc) === el) return true;
  return /auto|scroll/.test(viewOf(doc)?.getComputedStyle(el).overflow ?? '');
}
