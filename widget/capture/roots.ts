// What can be inside an element beside its children: a shadow root, or the
// document of a frame of the same origin.
import { closedRoots } from './early.ts';

export type Realm = Window & typeof globalThis;
export type Root = Document | ShadowRoot;

/** The root inside an element, if there is one within reach. */
export function rootIn(el: Element): Root | null {
  return el.shadowRoot ?? closedRoots.get(el) ?? (isFrame(el) ? el.contentDocument : null);
}

export function isFrame(el: Element): el is HTMLIFrameElement | HTMLObjectElement {
  return el.localName === 'iframe' || el.localName === 'object';
}

export function isDocument(node: Node): node is Document {
  return node.nodeType === 9;
}

/** The element that a node's root is in, the parent of any other node; null for the page's own document. */
export function above(node: Node): Node | null {
  if (node === document) return null;
  if (isDocument(node)) return node.defaultView?.frameElement ?? null;
  return node.parentNode ?? (node as Partial<ShadowRoot>).host ?? null;
}
