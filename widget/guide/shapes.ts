// Shapes as SVG paths, and the fewest points that a line needs.

import type { Shape } from '../wire/payload.ts';

export type Point = readonly [x: number, y: number];

const corner = 8; // px, the radius of a box
const head = { least: 10, most: 24, part: 0.25, angle: 0.5 }; // of an arrow: px, part of its length, radians

const at = (x: number, y: number): string => `${round(x)} ${round(y)}`;
const round = (n: number): number => Math.round(n * 10) / 10;

/** The path of a shape through points in px. */
export function pathOf(shape: Shape, points: readonly Point[]): string {
  const [from, to] = [points[0], points.at(-1)];
  if (!from || !to) return '';
  if (shape === 'arrow') return arrow(from, to);
  if (shape === 'box') return box(from, to);
  return line(points);
}

/** A line through the middles between points, so that it has no corners where the hand made none. */
function line(points: readonly Point[]): string {
  const [first = [0, 0] as Point, ...rest] = points;
  let path = `M${at(...first)}`;
  for (const [i, [x, y]] of rest.entries()) {
    const next = rest[i + 1];
    path += next ? `Q${at(x, y)} ${at((x + next[0]) / 2, (y + next[1]) / 2)}` : `L${at(x, y)}`;
  }
  return rest.length > 0 ? path : `${path}h.1`;
}

function arrow([x1, y1]: Point, [x2, y2]: Point): string {
  const way = Math.atan2(y2 - y1, x2 - x1);
  const size = Math.min(head.most, Math.max(head.least, head.part * Math.hypot(x2 - x1, y2 - y1)));
  const barb = (turn: number): string => at(x2 - size * Math.cos(way + turn), y2 - size * Math.sin(way + turn));
  return `M${at(x1, y1)}L${at(x2, y2)}M${barb(head.angle)}L${at(x2, y2)}L${barb(-head.angle)}`;
}

function box([x1, y1]: Point, [x2, y2]: Point): string {
  const [left, top, width, height] = [Math.min(x1, x2), Math.min(y1, y2), Math.abs(x2 - x1), Math.abs(y2 - y1)];
  const r = Math.min(corner, width / 2, height / 2);
  const turn = (x: number, y: number): string => `a${r} ${r} 0 0 1 ${at(x, y)}`;
  return `M${at(left + r, top)}h${round(width - 2 * r)}${turn(r, r)}v${round(height - 2 * r)}${turn(-r, r)}h${round(2 * r - width)}${turn(-r, -r)}v${round(2 * r - height)}${turn(r, -r)}z`;
}

/** The points that a line through all of them needs to stay within a distance of them (Ramer, Douglas, Peucker). */
export function simplified(points: readonly Point[], within: number): Point[] {
  const [from, to] = [points[0], points.at(-1)];
  if (!from || !to || points.length < 3) return [...points];
  let worst = 0;
  let most = within;
  for (let i = 1; i < points.length - 1; i++) {
    const off = distance(points[i] as Point, from, to);
    if (off <= most) continue;
    worst = i;
    most = off;
  }
  if (worst === 0) return [from, to];
  return [...simplified(points.slice(0, worst + 1), within).slice(0, -1), ...simplified(points.slice(worst), within)];
}

/** How far a point is from a line between two others. */
function distance([x, y]: Point, [x1, y1]: Point, [x2, y2]: Point): number {
  const length = Math.hypot(x2 - x1, y2 - y1);
  if (length === 0) return Math.hypot(x - x1, y - y1);
  return Math.abs((x2 - x1) * (y1 - y) - (x1 - x) * (y2 - y1)) / length;
}
