// Which node of the page is under a point of the agent's screen, and where a
// node is on it.
import { type Anchor, above, boxIn, ElementAnchor } from '../guide/anchor.ts';
import { boxOf, elementAt, localNameOf, shadowOf } from '../native.ts';
import { onScreen } from './box.ts';
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
  const page = frame.contentDocument;
  const element = page && innermostAt(page, ...inPage(frame, clientX, clientY));
  return element ? spotIn(frame, element, clientX, clientY) : null;
}

/** The same place in the element around a spot's own. */
export function spotAround(frame: HTMLIFrameElement, { element, box, x, y }: Spot): Spot | null {
  const parent = above(element, frame.contentDocument as Document);
  const [clientX, clientY] = [box.left + (x / 10_000) * box.width, box.top + (y / 10_000) * box.height];
  return parent && spotIn(frame, parent, clientX, clientY);
}

function spotIn(frame: HTMLIFrameElement, inner: Element, clientX: number, clientY: number): Spot | null {
  const page = frame.contentDocument as Document;
  let element: Element | null = inner;
  while (element && !idOf(element)) element = above(element, page);
  if (!element) return null;
  const box = onScreen(frame, boxIn(element, page));
  const part = (n: number, of: number): number => Math.round(Math.min(1, Math.max(0, n / (of || 1))) * 10_000);
  return {
    node: idOf(element),
    x: part(clientX - box.left, box.width),
    y: part(clientY - box.top, box.height),
    element,
    box,
  };
}

function innermostAt(page: Document, x: number, y: number): Element | null {
  let root: Document | ShadowRoot | null = page;
  let element: Element | null = null;
  let [left, top] = [0, 0]; // of the innermost frame, in the page
  while (root) {
    const inner: Element | null = elementAt(root, x - left, y - top);
    if (!inner || inner === element) break;
    element = inner;
    root = shadowOf(inner) ?? null;
    if (!root && localNameOf(inner) === 'iframe') {
      const box = boxOf(inner);
      left += box.left + inner.clientLeft;
      top += box.top + inner.clientTop;
      root = (inner as HTMLIFrameElement).contentDocument;
    }
  }
  return element;
}

/** A point of the agent's screen as it is in the page's viewport. */
function inPage(frame: HTMLIFrameElement, clientX: number, clientY: number): [x: number, y: number] {
  const outer = boxOf(frame);
  const scale = outer.width / frame.offsetWidth;
  return [(clientX - outer.left) / scale, (clientY - outer.top) / scale];
}

/** An element of the mirrored page, where it is on the agent's screen. */
export function anchorOn(frame: HTMLIFrameElement, element: Element): Anchor {
  const inner = new ElementAnchor(element, frame.contentDocument as Document);
  return {
    get gone() {
      return inner.gone;
    },
    box() {
      const box = inner.box();
      return box && onScreen(frame, box);
    },
    covered: (clientX, clientY) => inner.covered(...inPage(frame, clientX, clientY)),
  };
}
