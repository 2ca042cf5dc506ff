// Where an element is on the screen, and whether it can be seen there: what is
// drawn over a page belongs to its elements, not to places of the window.

/** What something drawn belongs to. */
export interface Anchor {
  /** It is no longer in the page. */
  readonly gone: boolean;
  /** Its box on the screen, null while it cannot be seen there. */
  box(): DOMRect | null;
}

// A page's form answers with its fields when it is asked by their names.
const boxOf = Element.prototype.getBoundingClientRect;

/** An element's box in the viewport of a document, whatever frames of it the element is in. */
export function boxIn(el: Element, top: Document): DOMRect {
  const box = boxOf.call(el);
  let doc = el.ownerDocument;
  while (doc !== top) {
    const frame = doc.defaultView?.frameElement;
    if (!frame) break;
    const outer = boxOf.call(frame);
    box.x += outer.left + frame.clientLeft;
    box.y += outer.top + frame.clientTop;
    doc = frame.ownerDocument;
  }
  return box;
}

/** An element of a document, or of a frame in it. */
export class ElementAnchor implements Anchor {
  readonly #clips: Element[]; // what cuts off that which is outside it

  constructor(
    readonly element: Element,
    private readonly top: Document,
  ) {
    this.#clips = clipsOf(element);
  }

  get gone(): boolean {
    return !this.element.isConnected;
  }

  box(): DOMRect | null {
    const box = boxIn(this.element, this.top);
    if (box.width === 0 && box.height === 0) return null;
    const [x, y] = [box.left + box.width / 2, box.top + box.height / 2];
    const seen = this.#clips.every((clip) => {
      const { left, top, right, bottom } = boxIn(clip, this.top);
      // As wide as the page, an element passes its own edges; so its middle counts.
      return x >= left && x <= right && y >= top && y <= bottom;
    });
    return seen ? box : null;
  }
}

function clipsOf(el: Element): Element[] {
  const clips: Element[] = [];
  for (let at = above(el); at; at = above(at)) {
    const doc = at.ownerDocument;
    if (at === doc.documentElement || at === doc.body) continue; // what they cut off the window does too
    const style = doc.defaultView?.getComputedStyle(at);
    if (style && style.overflow !== 'visible') clips.push(at);
  }
  return clips;
}

/** The parent, the host of a shadow root, the frame of a document. */
function above(el: Element): Element | null {
  if (el.parentElement) return el.parentElement;
  const root = el.getRootNode();
  if (root instanceof ShadowRoot) return root.host;
  return el.ownerDocument.defaultView?.frameElement ?? null;
}
