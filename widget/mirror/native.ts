// The DOM by its prototypes' own accessors and methods, taken once. A form
// answers with its fields, a document with its pictures, when it is asked by
// their names: a page could put `childNodes` or `setAttribute` of its own in
// place of what the mirror asks for. What is taken here it cannot reach. Other
// elements, texts, fragments and windows can be asked directly.

type Interface<T> = { readonly prototype: T };

/** An accessor's reader; where the browser has none, what it reads is not there. */
function getter<T extends object, K extends keyof T>({ prototype }: Interface<T>, name: K): (of: T) => T[K] {
  const get = Object.getOwnPropertyDescriptor(prototype, name)?.get as (() => T[K]) | undefined;
  return get ? (of) => get.call(of) : () => undefined as T[K];
}

function setter<T extends object, K extends keyof T>(
  { prototype }: Interface<T>,
  name: K,
): (of: T, value: T[K]) => void {
  const set = Object.getOwnPropertyDescriptor(prototype, name)?.set;
  return (of, value) => set?.call(of, value);
}

type Method<T, F> = F extends (...args: infer A) => infer R ? (of: T, ...args: A) => R : never;

/** A method of at most three arguments (a list of them would cost time); where the browser has none, calling it is a TypeError. */
function method<T extends object, K extends keyof T>({ prototype }: Interface<T>, name: K): Method<T, T[K]> {
  const call = prototype[name] as (...args: unknown[]) => unknown;
  return ((of: T, a: unknown, b: unknown, c: unknown) => call.call(of, a, b, c)) as Method<T, T[K]>;
}

const ELEMENT = 1;
const TEXT = 3;
const COMMENT = 8;
const PAGE = 9;

export const typeOf = getter(Node, 'nodeType');
export const isElement = (node: Node | null | undefined): node is Element => !!node && typeOf(node) === ELEMENT;
export const isText = (node: Node | null | undefined): node is Text => !!node && typeOf(node) === TEXT;
export const isDocument = (node: Node | null | undefined): node is Document => !!node && typeOf(node) === PAGE;
/** Whether a node stays where it is: a document, a shadow root. */
export const isRoot = (node: Node): boolean => typeOf(node) > COMMENT;

export const parentOf = getter(Node, 'parentNode');
export const childrenOf = getter(Node, 'childNodes');
export const firstOf = getter(Node, 'firstChild');
export const nextOf = getter(Node, 'nextSibling');
export const documentOf = getter(Node, 'ownerDocument');
export const isConnected = getter(Node, 'isConnected');
export const contains = method(Node, 'contains');
export const append = method(Node, 'appendChild');
export const insert = method(Node, 'insertBefore');
const removeChild = method(Node, 'removeChild');

export function remove(node: Node): void {
  const parent = parentOf(node);
  if (parent) removeChild(parent, node);
}

export const localNameOf = getter(Element, 'localName');
export const namespaceOf = getter(Element, 'namespaceURI');
export const shadowOf = getter(Element, 'shadowRoot');
export const attachShadow = method(Element, 'attachShadow');
export const attributeOf = method(Element, 'getAttribute');
export const hasAttribute = method(Element, 'hasAttribute');
export const setAttribute = method(Element, 'setAttribute');
export const setAttributeNS = method(Element, 'setAttributeNS');
export const removeAttribute = method(Element, 'removeAttribute');
export const toggleAttribute = method(Element, 'toggleAttribute');
export const matches = method(Element, 'matches');
export const animate = method(Element, 'animate');
export const togglePopover = method(HTMLElement, 'togglePopover');
export const leftOf = getter(Element, 'scrollLeft');
export const topOf = getter(Element, 'scrollTop');
export const widthOf = getter(Element, 'clientWidth');
export const heightOf = getter(Element, 'scrollHeight');
export const setLeft = setter(Element, 'scrollLeft');
export const setTop = setter(Element, 'scrollTop');

export const rootOf = getter(Document, 'documentElement');
export const doctypeOf = getter(Document, 'doctype');
export const viewOf = getter(Document, 'defaultView') as (of: Document) => (Window & typeof globalThis) | null;
export const scrollerOf = getter(Document, 'scrollingElement');
export const all = method(Document, 'querySelectorAll');
export const newElement = method(Document, 'createElement');
export const newElementNS = method(Document, 'createElementNS');
export const newText = method(Document, 'createTextNode');
export const newFragment = method(Document, 'createDocumentFragment');
export const newRange = method(Document, 'createRange');

/** Parses a document anew. */
export function rewrite(doc: Document, html: string): void {
  const { open, write, close } = Document.prototype;
  (open as () => Document).call(doc);
  write.call(doc, html);
  close.call(doc);
}

export const adopts = 'adoptedStyleSheets' in Document.prototype;
const setAdopted = setter(Document, 'adoptedStyleSheets');

export function adopt(root: Document | ShadowRoot, sheets: CSSStyleSheet[]): void {
  if (isDocument(root)) setAdopted(root, sheets);
  else root.adoptedStyleSheets = sheets;
}

const moveInElement: ((node: Node, before: Node | null) => void) | undefined = (
  Element.prototype as { moveBefore?: (node: Node, before: Node | null) => void }
).moveBefore;

/** Moves a node without resetting its state, where the browser can. */
export function move(parent: Node, node: Node, before: Node | null): void {
  if (moveInElement && isElement(parent) && isConnected(node) && isConnected(parent))
    moveInElement.call(parent, node, before);
  else insert(parent, node, before);
}
