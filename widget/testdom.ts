// A document of jsdom for tests: native.ts takes the DOM from the window that it is loaded in.
import { JSDOM } from 'jsdom';

const { EventTarget, Node, Element, HTMLElement, HTMLFormElement, Document } = new JSDOM('').window;
Object.assign(globalThis, { EventTarget, Node, Element, HTMLElement, HTMLFormElement, Document });

/** An empty document. */
export function emptyDocument(): Document {
  const { document } = new JSDOM('').window;
  document.documentElement.remove();
  return document;
}
