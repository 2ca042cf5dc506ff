// A stroke that the agent draws over the mirror becomes a drawing that belongs
// to an element of the visitor's page.

import { type Point, simplified } from '../guide/shapes.ts';
import type { Draw, Shape } from '../wire/payload.ts';
import type { Mirror, Spot } from './edge.ts';
import type { Hidden } from './hidden.ts';

const leastLength = 6; // px; less is a click
const finest = 0.8; // px that a line may be off
const pointsMost = 128; // of a drawing (edge/draw.go)
const farthest = 1_000_000; // ten-thousandths of the element's box that a point may lie away
const beside = 12; // px
const covers = 0.6; // of a stroke's width and height, that its element has at least

/** Whether a stroke of points is more than a click. */
export function isStroke(stroke: readonly Point[]): boolean {
  const { width, height } = extent(stroke);
  return Math.hypot(width, height) >= leastLength;
}

/** Returns what a stroke of points on the agent's screen is on the page, and on which element; null if there is none that is not hidden. */
export function drawingOf(
  mirror: Mirror,
  shape: Exclude<Shape, 'clear'>,
  stroke: readonly Point[],
  hides: Hidden,
): { element: Element; draw: Pick<Draw, 'node' | 'shape' | 'points'> } | null {
  const points = shape === 'pen' ? fewer(stroke) : [stroke[0], stroke.at(-1)].filter((point) => point !== undefined);
  const { left, top, width, height } = extent(points);
  const tip = points.at(-1);
  if (!tip) return null;
  const suits = ({ box }: Spot): boolean =>
    (shape === 'arrow' || (box.width >= covers * width && box.height >= covers * height)) &&
    placed(box, points).every((n) => Math.abs(n) <= farthest);
  const [x, y] = shape === 'arrow' ? tip : [left + width / 2, top + height / 2];
  const near = shape === 'pen' ? [-beside, 0, beside] : [0]; // what is underlined is above the line
  const spots = near
    .map((dy) => innermost(mirror, mirror.at(x, y + dy), hides, suits))
    .filter((spot) => spot !== null)
    .sort((a, b) => a.box.width * a.box.height - b.box.width * b.box.height);
  const [spot] = spots;
  return spot ? { element: spot.element, draw: { node: spot.node, shape, points: placed(spot.box, points) } } : null;
}

function extent(points: readonly Point[]): DOMRect {
  const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)];
  const [left, top] = [Math.min(...xs), Math.min(...ys)];
  return new DOMRect(left, top, Math.max(...xs) - left, Math.max(...ys) - top);
}

/** The first spot from one on outwards that suits, the outermost if none does. */
function innermost(mirror: Mirror, from: Spot | null, hides: Hidden, suits: (spot: Spot) => boolean) {
  let spot = unmasked(mirror, from, hides);
  while (spot && !suits(spot)) {
    const around = unmasked(mirror, mirror.around(spot), hides);
    if (!around) break;
    spot = around;
  }
  return spot;
}

/** The points in ten-thousandths of a box, x and y in turn. */
function placed({ left, top, width, height }: DOMRect, points: readonly Point[]): number[] {
  return points.flatMap(([x, y]) => [
    Math.round(((x - left) / (width || 1)) * 10_000),
    Math.round(((y - top) / (height || 1)) * 10_000),
  ]);
}

/** As few points as the line needs, and no more than may be sent. */
function fewer(stroke: readonly Point[]): Point[] {
  let points = simplified(stroke, finest);
  for (let within = 2 * finest; points.length > pointsMost; within *= 2) points = simplified(stroke, within);
  return points;
}

/** The spot itself, or the same place in the first element around it whose content is not hidden from the agent. */
export function unmasked(mirror: Mirror, at: Spot | null, hides: Hidden): Spot | null {
  let spot = at;
  while (spot && hides.has(spot.element)) spot = mirror.around(spot);
  return spot;
}
