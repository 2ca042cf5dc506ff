// What can be inside an element beside its children: a shadow root, the document
// of a frame of the same origin, what an SVG use draws out of a file.
import { localNameOf, parentOf, shadowOf, typeOf, viewOf } from '../native.ts';
import { hiddenRoots } from './early.ts';

export type Realm = Window & typeof globalThis;
export type Root = Document | ShadowRoot;

/** What the mirror has inside an element, or had. */
export const known = new WeakMap<Node, Root>();

/** The root inside an element, if there is one within reach. */
export function rootIn(el: Element): Root | null {
  return shadowOf(el) ?? hiddenRoots.get(el) ?? (isFrame(el) ? el.contentDocument : null);
}

export function isFrame(el: Element): el is HTMLIFrameElement | HTMLObjectElement {
  return /^(?:iframe|object)$/.test(localNameOf(el));
}

export function isDocument(node: Node): node is Document {
  return typeOf(node) === 9;
}

/** The window of a document; none of a shadow root. */
export const viewIn = (root: Node): Window | null => (isDocument(root) ? viewOf(root) : null);

/** The parent of a node, the element that a root is in; nothing for the page's own document. */
export function above(node: Node): Node | null | undefined {
  const frame = isDocument(node) && node !== document ? viewOf(node)?.frameElement : null;
  return frame ?? parentOf(node) ?? (node as Partial<ShadowRoot>).host;
}

/** How many nodes are above a node, roots and frames included. */
export function depth(node: Node): number {
  const parent = above(node);
  return parent ? depth(parent) + 1 : 0;
}
