// The hands of agents over a page: each where it points, in a colour of its own,
// with a trail of light while a button is held, or with what it draws.

import type { Shape } from '../wire/payload.ts';
import type { Anchor } from './anchor.ts';
import { type Drawn, type Layer, put } from './layer.ts';
import { type HandAt, Held } from './record.ts';
import { type Point, pathOf } from './shapes.ts';
import { path, svg } from './svg.ts';

const glide = 16; // ms, a frame: a hand is where it was told to be at the second paint after it was told
const restFor = 3_000; // ms that a hand stays which does not move
const trailFor = 700; // ms
const drawnFor = 1_500; // ms that what was drawn waits for the drawing that replaces it
const leftFor = 10_000; // ms that what is being drawn stays when nothing more is heard of it
const marksMost = 300; // places of a trail

const shapes: Partial<Record<Held, Shape>> = { [Held.pen]: 'pen', [Held.arrow]: 'arrow', [Held.box]: 'box' };

/** A place of an element: its parts of the element's box. */
interface Mark {
  anchor: Anchor;
  x: number;
  y: number;
  at: number; // ms, by performance.now
}

const placeOf = ({ anchor, x, y }: Mark): Point | null => {
  const box = anchor.box();
  return box && [box.left + x * box.width, box.top + y * box.height];
};

class Hand implements Drawn {
  readonly element = document.createElement('div');
  readonly trail: Trail;
  #name = document.createElement('span');
  #mark: Mark | null = null;
  #shown: Point | null = null; // where it was drawn last
  #behind: Point = [0, 0]; // px from where it is to be, when it was told
  #until = 0;

  constructor(colour: number) {
    this.trail = new Trail(colour);
    this.element.className = 'hand';
    this.element.dataset.colour = `${colour}`;
    this.#name.className = 'who-points';
    const arrow = svg(22, 24, path('M1 1l5 14 2.6-5.6L14 7z'));
    arrow.setAttribute('viewBox', '0 0 18 20');
    this.element.append(arrow, this.#name);
  }

  point(mark: Mark, held: Held, name: string): void {
    if (this.#name.textContent !== name) this.#name.textContent = name;
    this.element.toggleAttribute('data-held', held !== Held.nothing);
    const to = placeOf(mark);
    this.#behind = to && this.#shown ? [this.#shown[0] - to[0], this.#shown[1] - to[1]] : [0, 0];
    this.#mark = mark;
    this.#until = mark.at + restFor;
    this.trail.add(mark, held);
  }

  away(): void {
    this.#until = 0;
  }

  place(now: number, x: number, y: number): boolean {
    const mark = this.#mark;
    const on = mark && now < this.#until && !mark.anchor.gone;
    const to = on ? placeOf(mark) : null;
    if (!to) this.element.style.visibility = 'hidden';
    this.#shown = null;
    if (!on || !to) return Boolean(on);
    const left = Math.max(0, 1 - (now - mark.at) / glide);
    this.#shown = [to[0] + left * this.#behind[0], to[1] + left * this.#behind[1]];
    put(this.element, this.#shown[0] - x, this.#shown[1] - y);
    return true;
  }
}

/** What a hand leaves behind while something is held: light that fades, or the shape that it draws. */
class Trail implements Drawn {
  readonly element = svg(1, 1, path(), path());
  #marks: Mark[] = [];
  #held: Held = Held.nothing; // last
  #open = false; // it is still held
  #until = 0;

  constructor(colour: number) {
    this.element.dataset.colour = `${colour}`;
  }

  add(mark: Mark, held: Held): void {
    if (held === Held.nothing) {
      if (this.#open) this.#until = mark.at + drawnFor;
      this.#open = false;
      return;
    }
    if (!this.#open || held !== this.#held) this.#marks = [];
    this.#open = true;
    this.#held = held;
    this.#until = mark.at + leftFor;
    this.#marks.push(mark);
    if (this.#marks.length > marksMost) this.#marks.shift();
  }

  /** What was drawn is there. */
  done(): void {
    this.#marks = [];
  }

  place(now: number, x: number, y: number): boolean {
    const shape = shapes[this.#held];
    this.#marks = this.#marks.filter(({ at, anchor }) => !anchor.gone && (shape || now - at < trailFor));
    if (now > this.#until) this.done();
    const points = this.#marks.map(placeOf).filter((point) => point !== null);
    const young = this.#marks.findIndex(({ at }) => now - at < trailFor / 2);
    this.element.setAttribute('class', shape ? 'ink' : 'trail');
    const [whole, newest] = this.element.children;
    whole?.setAttribute('d', pathOf(shape ?? 'pen', points));
    newest?.setAttribute('d', shape ? pathOf(shape, points) : young < 0 ? '' : pathOf('pen', points.slice(young)));
    put(this.element, -x, -y);
    return points.length > 0;
  }
}

export class Hands {
  readonly #hands = new Map<number, Hand>(); // by colour, of which there are eight

  constructor(private readonly layer: Layer) {}

  /** Shows a hand where it points; without an anchor it is taken away. */
  point(hand: HandAt, anchor: Anchor | null): void {
    const { colour, name, x, y, held } = hand;
    let shown = this.#hands.get(colour);
    if (!anchor) {
      shown?.away();
      return;
    }
    if (!shown) {
      shown = new Hand(colour);
      this.#hands.set(colour, shown);
    }
    shown.point({ anchor, x, y, at: performance.now() }, held, name);
    if (held !== Held.nothing) this.layer.add(shown.trail);
    this.layer.add(shown);
  }

  /** What a hand of a colour drew is there. */
  drew(colour: number): void {
    this.#hands.get(colour)?.trail.done();
  }

  clear(): void {
    for (const hand of this.#hands.values()) {
      this.layer.remove(hand);
      this.layer.remove(hand.trail);
    }
    this.#hands.clear();
  }
}
