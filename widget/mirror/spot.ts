// Which node of the page is under a point of the agent's screen.
import { shadowOf } from '../native.ts';
import { idOf } from './nodes.ts';

/** A place on the visitor's page: a node, and where in its box, in ten-thousandths. */
export interface Spot {
  node: number;
  x: number;
  y: number;
  element: Element;
  /** The element's box on the agent's screen. */
  box: DOMRect;
}

/** Looks through shadow roots and frames. The frame must not be inert then. */
export function spotAt(frame: HTMLIFrameElement, clientX: number, clientY: number): Spot | null {
  const outer = frame.getBoundingClientRect();
  const scale = outer.width / frame.offsetWidth;
  const at = { x: (clientX - outer.left) / scale, y: (clientY - outer.top) / scale };
  const origin = { x: 0, y: 0 }; // of the innermost frame, in the page
  let root: Document | ShadowRoot | null = frame.contentDocument;
  let element: Element | null = null;
  while (root) {
    const inner: Element | null = root.elementFromPoint(at.x - origin.x, at.y - origin.y);
    if (!inner || inner === element) break;
    element = inner;
    root = shadowOf(inner) ?? null;
    if (!root && inner.localName === 'iframe') {
      const box = inner.getBoundingClientRect();
      origin.x += box.left + inner.clientLeft;
      origin.y += box.top + inner.clientTop;
      root = (inner as HTMLIFrameElement).contentDocument;
    }
  }
  while (element && !idOf(element)) element = element.parentElement;
  if (!element) return null;
  const { left, top, width, height } = element.getBoundingClientRect();
  const part = (n: number, of: number): number => Math.round(Math.min(1, Math.max(0, n / (of || 1))) * 10_000);
  return {
    node: idOf(element),
    x: part(at.x - origin.x - left, width),
    y: part(at.y - origin.y - top, height),
    element,
    box: new DOMRect(
      outer.left + (left + origin.x) * scale,
      outer.top + (top + origin.y) * scale,
      width * scale,
      height * scale,
    ),
  };
}
