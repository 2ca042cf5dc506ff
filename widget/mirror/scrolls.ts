import { isDocument, leftOf, scrollerOf, setLeft, setTop, topOf } from '../native.ts';

/** Where scrollers are to be, by their ids: a frame's document may be another node later. */
export class Scrolls {
  readonly #places = new Map<number, [number, number]>();

  constructor(readonly nodeOf: (id: number) => Node | undefined) {}

  want(id: number, x: number, y: number): void {
    if (this.nodeOf(id)) this.#places.set(id, [x, y]);
  }

  forget(id: number): void {
    this.#places.delete(id);
  }

  /** Scrolls to where the visitor is, as far as what is loaded by now allows. */
  apply(): void {
    for (const [id, [x, y]] of this.#places) {
      const node = this.nodeOf(id);
      const el = isDocument(node) ? scrollerOf(node) : (node as Element | undefined);
      if (!el) continue;
      if (Math.abs(leftOf(el) - x) >= 1) setLeft(el, x);
      if (Math.abs(topOf(el) - y) >= 1) setTop(el, y);
    }
  }
}
