// What the visitor does that is not in the document: scrolling, focus, hover,
// the size of the window, and the pointer.
import { maskText, Op, QUIRKS } from './format.ts';
import type { Ids } from './ids.ts';
import type { Part } from './part.ts';
import type { Patches } from './patches.ts';
import { isDocument, type Realm, rootIn } from './roots.ts';
import type { Writer } from './writer.ts';

/** One pointer record: place in CSS pixels of the viewport, the buttons held, the node under it. */
export function pointerRecord(w: Writer, event: PointerEvent, ids: Ids): Uint8Array {
  const target = event.composedPath()[0] as Node;
  let { clientX: x, clientY: y } = event;
  for (let frame = event.view?.frameElement; frame; frame = frame.ownerDocument.defaultView?.frameElement) {
    if (!ids.of(frame)) break; // of the page that this page itself is framed by
    const box = frame.getBoundingClientRect();
    x += box.left + frame.clientLeft;
    y += box.top + frame.clientTop;
  }
  w.reset();
  w.z(Math.round(x));
  w.z(Math.round(y));
  w.u(event.buttons);
  w.u(target ? ids.of(target) : 0);
  return w.bytes();
}

export class Signals implements Part {
  readonly #scrolled = new Set<Node>();
  #viewport = true;
  #sized = '';
  #focus = 0;
  #focused: Element | null = null;
  #hover = 0;
  #hovered: Node | null = null;
  #page = true; // the address or title may be another
  #url = '';
  #title = '';

  constructor(
    readonly ids: Ids,
    readonly signal: () => void,
  ) {}

  renew(): void {
    this.#scrolled.clear();
    this.#viewport = true;
    this.#sized = '';
    this.#focus = this.#hover = 0;
    this.#url = this.#title = '';
    this.#page = true;
    this.#focused = active();
  }

  /** A new element or document that may be scrolled already. */
  scroller(node: Node): void {
    if (placeOf(node).some((n) => n !== 0)) this.#scrolled.add(node);
  }

  patch(patches: Patches, view: Realm): void {
    if (view === window) patches.method(view.History.prototype, 'pushState replaceState', () => this.moved());
  }

  handle({ type }: Event, target: Node): void {
    switch (type) {
      case 'scroll':
        this.#scrolled.add(target === target.ownerDocument?.scrollingElement ? target.ownerDocument : target);
        break;
      case 'resize':
        this.#viewport = true;
        break;
      case 'pointerover':
        this.#hovered = target;
        break;
      case 'pointerleave':
      case 'mouseleave':
        this.#hovered = null;
        break;
      case 'focusin':
      case 'focusout':
        this.#focused = type === 'focusin' ? (target as Element) : null;
        break;
      case 'popstate':
      case 'hashchange':
        this.#page = true;
        break;
      default:
        return;
    }
    this.signal();
  }

  /** The address or the title may have changed. */
  moved(): void {
    this.#page = true;
    this.signal();
  }

  /** Where the page is; written when it changed, and at the head of a snapshot. */
  page(w: Writer): void {
    if (!this.#page) return;
    this.#page = false;
    const url = location.href;
    const title = document.title;
    if (url === this.#url && title === this.#title) return;
    this.#url = url;
    this.#title = title;
    w.op(Op.page);
    w.u(document.compatMode === 'BackCompat' ? QUIRKS : 0);
    w.plain(url.slice(0, 2048));
    w.plain((this.#titleMasked() ? maskText(title) : title).slice(0, 200));
  }

  #titleMasked(): boolean {
    const el = document.querySelector('title');
    return el !== null && this.ids.masked(el);
  }

  viewport(w: Writer): void {
    if (!this.#viewport) return;
    this.#viewport = false;
    const bar = Math.max(0, innerWidth - document.documentElement.clientWidth);
    const numbers = [
      innerWidth,
      innerHeight,
      bar < 40 ? bar : 0,
      Math.round((visualViewport?.scale ?? 1) * 100),
      Math.round(devicePixelRatio * 100),
    ];
    const sized = numbers.join();
    if (sized === this.#sized) return;
    this.#sized = sized;
    w.op(Op.viewport);
    for (const n of numbers) w.u(n);
  }

  write(w: Writer): void {
    this.page(w);
    this.viewport(w);
    for (const node of this.#scrolled) {
      const id = this.ids.of(node);
      if (!id) continue;
      w.op(Op.scroll);
      w.ref(id);
      for (const n of placeOf(node)) w.z(n);
    }
    this.#scrolled.clear();
    const focus = this.#focused ? this.ids.of(this.#focused) : 0;
    if (focus !== this.#focus) {
      this.#focus = focus;
      w.op(Op.focus, focus && this.#focused?.matches(':focus-visible') ? 1 : 0);
      w.ref(focus);
    }
    const hover = this.#hovered ? this.ids.of(this.#hovered) : 0;
    if (hover !== this.#hover) {
      this.#hover = hover;
      w.op(Op.hover);
      w.ref(hover);
    }
  }
}

/** Where a scroller is scrolled to, in CSS pixels. */
function placeOf(node: Node): number[] {
  const { scrollingElement } = node as Partial<Document>;
  const el = isDocument(node) ? scrollingElement : (node as Element);
  return [Math.round(el?.scrollLeft ?? 0), Math.round(el?.scrollTop ?? 0)];
}

/** The focused element, through shadow roots and frames. */
function active(): Element | null {
  let el = document.activeElement;
  for (let inner = el; inner; inner = rootIn(inner)?.activeElement ?? null) el = inner;
  return el && /^(?:html|body|iframe)$/.test(el.localName) ? null : el;
}
