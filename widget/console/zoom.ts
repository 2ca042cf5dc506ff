// How large the visitor's page is drawn, and what kind of device it is on.

import type { Viewport } from './edge.ts';

/** As wide as its pane at most, or so many percent of what the visitor has. */
export type PageSize = 'fit' | number;

const steps = [25, 33, 50, 67, 75, 90, 100, 110, 125, 150, 175, 200]; // percent

/** What was kept in the browser as a size. */
export function readSize(kept: unknown): PageSize {
  return steps.find((step) => step === kept) ?? 'fit';
}

/** The next step from a size in percent, larger or smaller; the last one where there is no other. */
export function zoomed(percent: number, way: 1 | -1): number {
  const larger = steps.find((step) => step > percent + 0.5) ?? Math.max(...steps);
  const smaller = steps.findLast((step) => step < percent - 0.5) ?? Math.min(...steps);
  return way > 0 ? larger : smaller;
}

/** The size that a key with Ctrl or Cmd asks for, null for another key. */
export function sizeByKey(key: string, percent: number): PageSize | null {
  if (key === '+' || key === '=') return zoomed(percent, 1);
  if (key === '-') return zoomed(percent, -1);
  return key === '0' ? 'fit' : null;
}

export type Device = 'phone' | 'tablet' | 'computer';

const coarse = 32; // of Viewport.answers: the first pointer is a finger (dom/FORMAT.md)
const phoneMost = 560; // CSS px of a phone's shorter side

/** What the visitor's browser runs on, as far as its viewport tells. */
export function deviceOf({ width, height, answers }: Viewport): Device {
  if (answers >= 0 && (answers & coarse) === 0) return 'computer';
  if (Math.min(width, height) <= phoneMost) return 'phone';
  return answers < 0 ? 'computer' : 'tablet';
}
