// SVG values that scripts write through the DOM (`circle.cx.baseVal.value = 5`):
// no MutationObserver hears of them. Who reads such a property may write to it.
import { again, idOf, signal } from './core.ts';
import type { Part } from './part.ts';
import { patch } from './patches.ts';

const animated = `SVGGraphicsElement transform SVGSVGElement x y width height viewBox SVGUseElement x y width height href
SVGImageElement x y width height href SVGRectElement x y width height rx ry SVGCircleElement cx cy r
SVGEllipseElement cx cy rx ry SVGLineElement x1 y1 x2 y2 SVGPolygonElement points SVGPolylineElement points
SVGTextPositioningElement x y dx dy`;

/** Elements that somebody took hold of, and their attributes then. */
const held = new Map<Element, string>();

const valuesOf = (el: Element): string => (el.cloneNode() as Element).outerHTML;

function hold(el: Element): void {
  if (held.has(el) || !idOf(el)) return;
  held.set(el, valuesOf(el));
  queueMicrotask(signal);
}

export const lengths: Part = {
  renew: () => held.clear(),

  patch(view) {
    patch(view, animated, hold, 'get');
  },

  write() {
    for (const [el, was] of held) if (valuesOf(el) !== was) again(el);
    held.clear();
  },
};
