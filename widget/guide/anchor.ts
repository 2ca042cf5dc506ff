// Where an element is on the screen, and whether it can be seen there: what is
// drawn over a page belongs to its elements, not to places of the window.

import {
  boxOf,
  contains,
  documentOf,
  elementAt,
  isConnected,
  isElement,
  localNameOf,
  parentOf,
  viewOf,
} from '../native.ts';

/** What something drawn belongs to. */
export interface Anchor {
  /** It is no longer in the page. */
  readonly gone: boolean;
  /** Its box on the screen, null while it cannot be seen there. */
  box(): DOMRect | null;
  /** Whether something that stays while the page scrolls, a header say, lies over it at a point of the screen. */
  covered(x: number, y: number): boolean;
}

/** An element's box in the viewport of a document, whatever frames of it the element is in. */
export function boxIn(el: Element, top: Document): DOMRect {
  const box = boxOf(el);
  for (let frame = frameOf(el, top); frame; frame = frameOf(frame, top)) {
    const outer = boxOf(frame);
    box.x += outer.left + frame.clientLeft;
    box.y += outer.top + frame.clientTop;
  }
  return box;
}

/** The frame that an element is in, null in the document itself. */
function frameOf(el: Element, top: Document): Element | null {
  const doc = documentOf(el);
  return doc && doc !== top ? (viewOf(doc)?.frameElement ?? null) : null;
}

/** An element of a document, or of a frame in it. */
export class ElementAnchor implements Anchor {
  readonly #clips: Element[]; // what cuts off that which is outside it

  constructor(
    readonly element: Element,
    private readonly top: Document,
  ) {
    this.#clips = clipsOf(element, top);
  }

  get gone(): boolean {
    return !isConnected(this.element);
  }

  box(): DOMRect | null {
    const box = boxIn(this.element, this.top);
    if (box.width === 0 && box.height === 0) return null;
    const [x, y] = [box.left + box.width / 2, box.top + box.height / 2];
    const seen = this.#clips.every((clip) => {
      const { left, top, right, bottom } = boxIn(clip, this.top);
      return x >= left && x <= right && y >= top && y <= bottom; // its middle: a drawing may reach over the edge
    });
    return seen ? box : null;
  }

  covered(x: number, y: number): boolean {
    for (let at = elementAt(this.top, x, y); at && !contains(at, this.element); at = above(at, this.top)) {
      if (/fixed|sticky/.test(styleOf(at)?.position ?? '')) return true;
    }
    return false;
  }
}

function styleOf(el: Element): CSSStyleDeclaration | undefined {
  return viewOf(documentOf(el) as Document)?.getComputedStyle(el);
}

function clipsOf(el: Element, top: Document): Element[] {
  const clips: Element[] = [];
  for (let at = above(el, top); at; at = above(at, top)) {
    const tag = localNameOf(at);
    if (tag === 'html' || tag === 'body') continue; // what they cut off the window does too
    if ((styleOf(at)?.overflow ?? 'visible') !== 'visible') clips.push(at);
  }
  return clips;
}

/** The parent, the host of a shadow root, the frame of a document. */
export function above(el: Element, top: Document): Element | null {
  const parent = parentOf(el);
  if (isElement(parent)) return parent;
  return (parent as Partial<ShadowRoot> | null)?.host ?? frameOf(el, top);
}
