// Drawings on a page: each sticks to its element, whatever becomes of the page
// around it, and fades unless it is to stay.

import type { Draw, Shape } from '../wire/payload.ts';
import type { Anchor } from './anchor.ts';
import { type Drawn, type Layer, put } from './layer.ts';
import { type Point, pathOf } from './shapes.ts';
import { path, svg } from './svg.ts';

const shownFor = 8_000; // ms of a drawing that does not stay
const fading = 800; // ms at the end of that
const lookEvery = 100; // ms
const pointsMost = 128; // of one drawing
const strokesMost = 48; // on a page; the oldest goes

const shapes: readonly Shape[] = ['arrow', 'box', 'pen'];

class Stroke implements Drawn {
  readonly element: SVGSVGElement;
  readonly #until: number;
  #lookAt = 0; // ms, by performance.now
  #under = false;
  #size = ''; // of the anchor's box, that the paths are for

  constructor(
    private readonly anchor: Anchor,
    private readonly shape: Shape,
    private readonly points: readonly Point[], // parts of the anchor's box
    readonly drawing: Draw,
  ) {
    const { stay = false, colour = 0 } = drawing;
    this.element = svg(1, 1, path(), path());
    this.element.setAttribute('class', 'ink');
    this.element.dataset.colour = `${colour & 7}`;
    this.#until = stay ? Number.POSITIVE_INFINITY : performance.now() + shownFor;
  }

  place(now: number, x: number, y: number): boolean {
    if (now >= this.#until || this.anchor.gone) return false;
    const box = this.anchor.box();
    if (!box || this.#covered(box, now)) {
      this.element.style.visibility = 'hidden';
      return true;
    }
    this.element.style.opacity = `${Math.min(1, (this.#until - now) / fading)}`;
    put(this.element, box.left - x, box.top - y);
    const size = `${box.width} ${box.height}`;
    if (size === this.#size) return true;
    this.#size = size;
    const d = pathOf(
      this.shape,
      this.points.map(([px, py]) => [px * box.width, py * box.height]),
    );
    for (const line of this.element.children) line.setAttribute('d', d);
    return true;
  }

  /** Whether its tip, or its middle, is under something; looked at once in a while. */
  #covered(box: DOMRect, now: number): boolean {
    if (now < this.#lookAt) return this.#under;
    this.#lookAt = now + lookEvery;
    const [first = [0, 0] as Point, last = first] = [this.points[0], this.points.at(-1)];
    const [x, y] = this.shape === 'arrow' ? last : [(first[0] + last[0]) / 2, (first[1] + last[1]) / 2];
    this.#under = this.anchor.covered(box.left + x * box.width, box.top + y * box.height);
    return this.#under;
  }
}

export class Ink {
  #strokes: Stroke[] = [];

  constructor(private readonly layer: Layer) {}

  /** Draws what belongs to an anchor. What is no drawing is not drawn. */
  draw(drawing: Draw, anchor: Anchor): void {
    const { shape, points = [] } = drawing;
    const pairs = points
      .slice(0, 2 * pointsMost)
      .flatMap((n, i): Point[] => (i % 2 ? [[(points[i - 1] ?? 0) / 10_000, n / 10_000]] : []));
    if (!shapes.includes(shape) || !pairs.flat().every(Number.isFinite)) return;
    const stroke = new Stroke(anchor, shape, pairs, drawing);
    this.#strokes = this.#strokes.filter(({ element }) => element.isConnected);
    if (this.#strokes.length >= strokesMost) this.layer.remove(this.#strokes.shift() as Stroke);
    this.#strokes.push(stroke);
    this.layer.add(stroke);
  }

  remove(id: string): void {
    for (const stroke of this.#strokes) if (stroke.drawing.id === id) this.layer.remove(stroke);
  }

  clear(): void {
    for (const stroke of this.#strokes) this.layer.remove(stroke);
    this.#strokes = [];
  }
}
