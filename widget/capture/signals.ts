// What the visitor does that is not in the document: scrolling, focus, hover,
// the size of the window, and the pointer.
import { documentOf, leftOf, matches, rootOf, topOf, viewOf, widthOf } from '../native.ts';
import { idOf, news, signal } from './core.ts';
import { Op, QUIRKS } from './format.ts';
import * as masks from './masks.ts';
import type { Part } from './part.ts';
import { patch } from './patches.ts';
import { isDocument, rootIn } from './roots.ts';
import { message, op, plain, ref, reset, u, z } from './writer.ts';

const scrolled = new Set<Node>();
let page = true; // the address or title may be another
let sized = true; // the window may be
let focused: Element | null = null;
let hovered: Element | null = null;

/** What the visitor's browser is asked: bit i of the answers belongs to the question at place i (dom/FORMAT.md). */
const questions = `prefers-color-scheme:dark prefers-reduced-motion:reduce prefers-contrast:more hover pointer:fine
pointer:coarse any-hover any-pointer:fine any-pointer:coarse`
  .split(/\s/)
  .map((question) => matchMedia(`(${question})`));

/** One pointer record: place in CSS pixels of the viewport, the buttons held, the node under it. */
export function pointerRecord(event: PointerEvent): Uint8Array {
  const target = event.composedPath()[0] as Node;
  let { clientX: x, clientY: y } = event;
  for (let frame = event.view?.frameElement; frame; frame = viewOf(documentOf(frame) as Document)?.frameElement) {
    if (!idOf(frame)) break; // of the page that this page itself is framed by
    const box = frame.getBoundingClientRect();
    x += box.left + frame.clientLeft;
    y += box.top + frame.clientTop;
  }
  reset();
  z(Math.round(x));
  z(Math.round(y));
  u(event.buttons);
  u(target ? idOf(target) : 0);
  return message([]);
}

/** The address or the title may have changed. */
export function moved(): void {
  page = true;
  signal();
}

/** The window has another size, or the visitor's system is set otherwise. */
function resized(): void {
  sized = true;
  signal();
}

/** A new element or document that may be scrolled already. */
export function scroller(node: Node): void {
  if (placeOf(node).some(Boolean)) scrolled.add(node);
}

/** Where the page is; written when it changed, and at the head of a snapshot. */
export function writePage(): void {
  if (!page) return;
  page = false;
  const [url, title] = masks.page();
  if (!news(window, Op.page, `${url} ${title}`)) return;
  op(Op.page);
  u(document.compatMode === 'BackCompat' ? QUIRKS : 0);
  plain(url.slice(0, 2048));
  plain(title.slice(0, 200));
}

export const signals: Part = {
  renew() {
    scrolled.clear();
    page = sized = true;
    focused = active();
  },

  patch(view) {
    if (view !== window) return;
    patch(view, 'History pushState replaceState', moved);
    for (const question of questions) question.onchange = resized;
  },

  handle(type, target) {
    if (type === 'scroll') {
      const doc = target.ownerDocument;
      scrolled.add(target === doc?.scrollingElement ? doc : target);
    } else if (type === 'resize') resized();
    else if (type === 'pointerover') hovered = target;
    else if (/leave$/.test(type)) hovered = null;
    else if (/^focus/.test(type)) focused = type === 'focusin' ? target : null;
    else if (/^(?:popstate|hashchange)$/.test(type)) page = true;
    else return;
    signal();
  },

  write() {
    writePage();
    if (sized) viewport();
    for (const node of scrolled) {
      if (!idOf(node)) continue;
      op(Op.scroll, 0, idOf(node));
      placeOf(node).forEach(z);
    }
    if (scrolled.size > 0) scrolled.clear();
    at(Op.focus, focused);
    at(Op.hover, hovered);
  },
};

/** Where the focus is, or the pointer. */
function at(what: Op, el: Element | null): void {
  const id = el ? idOf(el) : 0;
  if (!news(window, what, id, 0)) return;
  op(what, +(what === Op.focus && id > 0 && matches(el as Element, ':focus-visible')));
  ref(id);
}

function viewport(): void {
  sized = false;
  const bar = Math.max(0, innerWidth - widthOf(rootOf(document)));
  const { scale } = visualViewport ?? { scale: 1 };
  const answers = questions.reduce((bits, question, i) => bits | (+question.matches << i), 0);
  const sizes = [innerWidth, innerHeight, bar < 40 ? bar : 0, scale * 100, devicePixelRatio * 100];
  const numbers = [...sizes, answers].map(Math.round);
  if (!news(window, Op.viewport, `${numbers}`)) return;
  op(Op.viewport, 1);
  for (const n of numbers) u(n);
}

/** Where a scroller is scrolled to, in CSS pixels. */
function placeOf(node: Node): number[] {
  const el = isDocument(node) ? node.scrollingElement : (node as Element);
  return el ? [leftOf(el), topOf(el)].map(Math.round) : [0, 0];
}

/** The focused element, through shadow roots and frames. */
function active(): Element | null {
  let el = document.activeElement;
  for (let inner = el; inner; inner = rootIn(inner)?.activeElement ?? null) el = inner;
  return el && /^(?:html|body|iframe)$/.test(el.localName) ? null : el;
}
