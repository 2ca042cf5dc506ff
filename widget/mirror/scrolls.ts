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
      const el = node?.nodeType === 9 ? (node as Document).scrollingElement : (node as Element | undefined);
      if (!el) continue;
      if (Math.abs(el.scrollLeft - x) >= 1) el.scrollLeft = x;
      if (Math.abs(el.scrollTop - y) >= 1) el.scrollTop = y;
    }
  }
}
