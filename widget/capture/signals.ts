// What the visitor does that is not in the document: scrolling, focus, hover,
// the size of the window, and the pointer.
import { DOCUMENT, Op } from './format.ts';
import type { Ids } from './ids.ts';
import type { Writer } from './writer.ts';

/** One pointer record: place in CSS pixels of the viewport, the buttons held, the node under it. */
export function pointerRecord(w: Writer, x: number, y: number, buttons: number, target: number): Uint8Array {
  w.reset();
  w.z(Math.round(x));
  w.z(Math.round(y));
  w.u(buttons);
  w.u(target);
  return w.bytes();
}

export class Signals {
  readonly #scrolled = new Set<Node>();
  #viewport = true;
  #sized = '';
  #focus = 0;
  #focused: Element | null = null;
  #hover = 0;
  #hovered: Node | null = null;
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
    this.#focused = active();
    if (scrollX || scrollY) this.#scrolled.add(document);
  }

  /** A new element: it may be scrolled already. */
  arrived(el: Element): void {
    if (el.scrollTop || el.scrollLeft) this.#scrolled.add(el);
  }

  handle(event: Event): void {
    const target = event.composedPath()[0] as Node;
    switch (event.type) {
      case 'scroll':
        this.#scrolled.add(target === document.scrollingElement ? document : target);
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
      default: // focusin, focusout
        this.#focused = event.type === 'focusin' ? (target as Element) : null;
    }
    this.signal();
  }

  /** Where the page is; written when it changed, and at the head of a snapshot. */
  page(w: Writer, titleMasked: (title: string) => string): void {
    const url = location.href;
    const title = document.title;
    if (url === this.#url && title === this.#title) return;
    this.#url = url;
    this.#title = title;
    w.op(Op.page);
    w.u(document.compatMode === 'BackCompat' ? 1 : 0);
    w.plain(url.slice(0, 2048));
    w.plain(titleMasked(title).slice(0, 200));
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
    this.viewport(w);
    for (const node of this.#scrolled) {
      const id = this.ids.of(node);
      if (!id) continue;
      const el = node as Element;
      w.op(Op.scroll);
      w.ref(id);
      w.z(Math.round(id === DOCUMENT ? scrollX : el.scrollLeft));
      w.z(Math.round(id === DOCUMENT ? scrollY : el.scrollTop));
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

/** The focused element, through shadow roots. */
function active(): Element | null {
  let el = document.activeElement;
  while (el?.shadowRoot?.activeElement) el = el.shadowRoot.activeElement;
  return el === document.body || el === document.documentElement ? null : el;
}
