// SVG values that scripts write through the DOM (`circle.cx.baseVal.value = 5`):
// no MutationObserver hears of them. Who reads such a property may write to it.
import { again, idOf, signal } from './core.ts';
import type { Part } from './part.ts';
import { patch } from './patches.ts';

const place = 'x y width height';
const animated = {
  Graphics: 'transform',
  SVG: `${place} viewBox`,
  Use: `${place} href`,
  Image: `${place} href`,
  Rect: `${place} rx ry`,
  Circle: 'cx cy r',
  Ellipse: 'cx cy rx ry',
  Line: 'x1 y1 x2 y2',
  Polygon: 'points',
  Polyline: 'points',
  TextPositioning: 'x y dx dy',
};

/** Elements that somebody took hold of, and their attributes then. */
const held = new Map<Element, string>();

const valuesOf = (el: Element): string => Array.from(el.attributes, (a) => a.value).join('\0');

function hold(el: Element): void {
  if (held.has(el) || !idOf(el)) return;
  held.set(el, valuesOf(el));
  queueMicrotask(signal);
}

export const lengths: Part = {
  renew: () => held.clear(),

  patch(view) {
    const owners = view as unknown as Record<string, { prototype?: object }>;
    for (const [name, members] of Object.entries(animated))
      patch(owners[`SVG${name}Element`]?.prototype, 'get', members, hold);
  },

  write() {
    for (const [el, was] of held) if (valuesOf(el) !== was) again(el);
    held.clear();
  },
};
