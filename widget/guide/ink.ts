// Drawings on a page: each sticks to its element, whatever becomes of the page
// around it, and fades unless it is to stay.

import type { Draw, Shape } from '../wire/payload.ts';
import type { Anchor } from './anchor.ts';
import { type Drawn, type Layer, put } from './layer.ts';
import { type Point, pathOf } from './shapes.ts';
import { path, svg } from './svg.ts';

const shownFor = 8_000; // ms of a drawing that does not stay
const fading = 800; // ms at the end of that
const pointsMost = 128; // of one drawing
const strokesMost = 48; // on a page; the oldest goes

const shapes: readonly Shape[] = ['arrow', 'box', 'pen'];

class Stroke implements Drawn {
  readonly element: SVGSVGElement;
  readonly #until: number;
  #size = ''; // of the anchor's box, that the paths are for

  constructor(
    private readonly anchor: Anchor,
    private readonly shape: Shape,
    private readonly points: readonly Point[], // parts of the anchor's box
    stay: boolean,
    colour: number,
  ) {
    this.element = svg(1, 1, path(), path());
    this.element.setAttribute('class', 'ink');
    this.element.dataset.colour = `${colour}`;
    this.#until = stay ? Number.POSITIVE_INFINITY : performance.now() + shownFor;
  }

  place(now: number, x: number, y: number): boolean {
    if (now >= this.#until || this.anchor.gone) return false;
    const box = this.anchor.box();
    if (!box) this.element.style.visibility = 'hidden';
    if (!box) return true;
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
}

export class Ink {
  #strokes: Stroke[] = [];

  constructor(private readonly layer: Layer) {}

  /** Draws what belongs to an anchor. What is no drawing is not drawn. */
  draw({ shape, points = [], stay = false, colour = 0 }: Draw, anchor: Anchor): void {
    const pairs = points
      .slice(0, 2 * pointsMost)
      .flatMap((n, i): Point[] => (i % 2 ? [[(points[i - 1] ?? 0) / 10_000, n / 10_000]] : []));
    if (!shapes.includes(shape) || !pairs.flat().every(Number.isFinite)) return;
    const stroke = new Stroke(anchor, shape, pairs, stay, colour & 7);
    this.#strokes = this.#strokes.filter(({ element }) => element.isConnected);
    if (this.#strokes.length >= strokesMost) this.layer.remove(this.#strokes.shift() as Stroke);
    this.#strokes.push(stroke);
    this.layer.add(stroke);
  }

  clear(): void {
    for (const stroke of this.#strokes) this.layer.remove(stroke);
    this.#strokes = [];
  }
}
