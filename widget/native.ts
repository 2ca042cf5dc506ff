// The DOM by its prototypes' own accessors and methods, taken once. A form
// answers with its fields, a document with its pictures, when it is asked by
// their names: a page could put `childNodes` or `setAttribute` of its own in
// place of what we ask for. What is taken here it cannot reach. Other elements,
// texts, fragments and windows can be asked directly.

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

export const typeOf = /* @__PURE__ */ getter(Node, 'nodeType');
export const isElement = (node: Node | null | undefined): node is Element => !!node && typeOf(node) === ELEMENT;
export const isText = (node: Node | null | undefined): node is Text => !!node && typeOf(node) === TEXT;
export const isDocument = (node: Node | null | undefined): node is Document => !!node && typeOf(node) === PAGE;
/** Whether a node stays where it is: a document, a shadow root. */
export const isRoot = (node: Node): boolean => typeOf(node) > COMMENT;

export const parentOf = /* @__PURE__ */ getter(Node, 'parentNode');
export const childrenOf = /* @__PURE__ */ getter(Node, 'childNodes');
export const firstOf = /* @__PURE__ */ getter(Node, 'firstChild');
export const previousOf = /* @__PURE__ */ getter(Node, 'previousSibling');
export const nextOf = /* @__PURE__ */ getter(Node, 'nextSibling');
export const documentOf = /* @__PURE__ */ getter(Node, 'ownerDocument');
export const isConnected = /* @__PURE__ */ getter(Node, 'isConnected');
export const rootNodeOf = /* @__PURE__ */ method(Node, 'getRootNode');
export const textOf = /* @__PURE__ */ getter(Node, 'textContent');
export const dispatch = /* @__PURE__ */ method(EventTarget, 'dispatchEvent');
export const contains = /* @__PURE__ */ method(Node, 'contains');
export const append = /* @__PURE__ */ method(Node, 'appendChild');
export const insert = /* @__PURE__ */ method(Node, 'insertBefore');
const removeChild = /* @__PURE__ */ method(Node, 'removeChild');

export function remove(node: Node): void {
  const parent = parentOf(node);
  if (parent) removeChild(parent, node);
}

export const nodeNameOf = /* @__PURE__ */ getter(Node, 'nodeName');
export const localNameOf = /* @__PURE__ */ getter(Element, 'localName');
/** An element's local name, '' for another node. */
export const tagOf = (node: Node | null): string => (isElement(node) ? localNameOf(node) : '');
export const namespaceOf = /* @__PURE__ */ getter(Element, 'namespaceURI');
export const shadowOf = /* @__PURE__ */ getter(Element, 'shadowRoot');
export const attachShadow = /* @__PURE__ */ method(Element, 'attachShadow');
export const attributeOf = /* @__PURE__ */ method(Element, 'getAttribute');
export const attributeNames = /* @__PURE__ */ method(Element, 'getAttributeNames');
export const hasAttribute = /* @__PURE__ */ method(Element, 'hasAttribute');
export const setAttribute = /* @__PURE__ */ method(Element, 'setAttribute');
export const setAttributeNS = /* @__PURE__ */ method(Element, 'setAttributeNS');
export const removeAttribute = /* @__PURE__ */ method(Element, 'removeAttribute');
export const toggleAttribute = /* @__PURE__ */ method(Element, 'toggleAttribute');
export const closest = /* @__PURE__ */ method(Element, 'closest');
export const matches = /* @__PURE__ */ method(Element, 'matches');
export const animate = /* @__PURE__ */ method(Element, 'animate');
export const togglePopover = /* @__PURE__ */ method(HTMLElement, 'togglePopover');
export const leftOf = /* @__PURE__ */ getter(Element, 'scrollLeft');
export const topOf = /* @__PURE__ */ getter(Element, 'scrollTop');
export const isVisible = /* @__PURE__ */ method(Element, 'checkVisibility');
export const bringIntoView = /* @__PURE__ */ method(Element, 'scrollIntoView');
export const boxOf = /* @__PURE__ */ method(Element, 'getBoundingClientRect');
export const shownHeightOf = /* @__PURE__ */ getter(Element, 'clientHeight');
export const wholeWidthOf = /* @__PURE__ */ getter(Element, 'scrollWidth');
export const widthOf = /* @__PURE__ */ getter(Element, 'clientWidth');
export const heightOf = /* @__PURE__ */ getter(Element, 'scrollHeight');
export const setLeft = /* @__PURE__ */ setter(Element, 'scrollLeft');
export const setTop = /* @__PURE__ */ setter(Element, 'scrollTop');

export const fieldsOf = /* @__PURE__ */ getter(HTMLFormElement, 'elements');

export const rootOf = /* @__PURE__ */ getter(Document, 'documentElement');
export const titleOf = /* @__PURE__ */ getter(Document, 'title');
export const doctypeOf = /* @__PURE__ */ getter(Document, 'doctype');
export const viewOf = /* @__PURE__ */ getter(Document, 'defaultView') as (
  of: Document,
) => (Window & typeof globalThis) | null;
export const scrollerOf = /* @__PURE__ */ getter(Document, 'scrollingElement');
export const all = /* @__PURE__ */ method(Document, 'querySelectorAll');
export const newElement = /* @__PURE__ */ method(Document, 'createElement');
export const newElementNS = /* @__PURE__ */ method(Document, 'createElementNS');
export const newText = /* @__PURE__ */ method(Document, 'createTextNode');
export const newFragment = /* @__PURE__ */ method(Document, 'createDocumentFragment');
export const newRange = /* @__PURE__ */ method(Document, 'createRange');

const atPoint = /* @__PURE__ */ method(Document, 'elementFromPoint');
const allAtPoint = /* @__PURE__ */ method(Document, 'elementsFromPoint');
const byId = /* @__PURE__ */ method(Document, 'getElementById');

export const elementAt = (root: Document | ShadowRoot, x: number, y: number): Element | null =>
  isDocument(root) ? atPoint(root, x, y) : root.elementFromPoint(x, y);
export const elementsAt = (root: Document | ShadowRoot, x: number, y: number): Element[] =>
  isDocument(root) ? allAtPoint(root, x, y) : root.elementsFromPoint(x, y);
const activeInPage = /* @__PURE__ */ getter(Document, 'activeElement');

/** The element that has the focus in a document or shadow root. */
export const activeIn = (root: Node): Element | null =>
  isDocument(root) ? activeInPage(root) : ((root as Partial<ShadowRoot>).activeElement ?? null);
export const elementById = (root: Document | ShadowRoot, id: string): Element | null =>
  isDocument(root) ? byId(root, id) : root.getElementById(id);

/** Parses a document anew. */
export function rewrite(doc: Document, html: string): void {
  const { open, write, close } = Document.prototype;
  (open as () => Document).call(doc);
  write.call(doc, html);
  close.call(doc);
}

export const adopts = 'adoptedStyleSheets' in Document.prototype;
const setAdopted = /* @__PURE__ */ setter(Document, 'adoptedStyleSheets');

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
