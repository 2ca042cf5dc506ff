// What is drawn over the visitor's page: an agent's hand, and elements that
// light up. Both stay with their elements while the page scrolls or is laid out
// anew.

/** How long an element is lit, and a hand stays that does not move, ms. */
const litFor = 4_000;
const handFor = 3_000;
const SVG = 'http://www.w3.org/2000/svg';

const style = `
.hand,.lit{position:fixed;left:0;top:0;pointer-events:none;z-index:2;will-change:transform}
.hand svg{display:block;filter:drop-shadow(0 1px 2px #0007)}
.hand path{fill:var(--accent);stroke:#fff;stroke-width:1.5;stroke-linejoin:round}
.hand[data-pressed] svg{transform:scale(.85);transform-origin:0 0}
.who-points{position:absolute;left:15px;top:17px;padding:2px 9px;border-radius:10px;font:600 12px/17px system-ui,sans-serif;
color:var(--on-accent);background:var(--accent);white-space:nowrap;box-shadow:0 1px 4px #0004}
.lit{border:3px solid var(--accent);border-radius:8px;box-shadow:0 0 0 2px #fff,0 0 0 9999px #0000,0 4px 18px #0003;box-sizing:border-box}
.lit .who-points{left:auto;right:-3px;top:auto;bottom:calc(100% + 4px)}
@media(prefers-reduced-motion:no-preference){.lit{animation:lit .25s ease-out}@keyframes lit{from{opacity:0;scale:1.06}}}`;

interface Drawn {
  readonly element: HTMLElement;
  target: Element | null;
  until: number; // ms, by performance.now
}

export class Spotlight {
  readonly #hand = drawn('hand');
  readonly #lit = drawn('lit');
  readonly #handName = named(this.#hand.element);
  readonly #litName = named(this.#lit.element);
  #at = { x: 0, y: 0 }; // of the hand, as parts of its target's box
  #following = 0; // animation frame; 0: none

  constructor(frame: HTMLElement) {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(style);
    const root = frame.getRootNode() as ShadowRoot;
    root.adoptedStyleSheets = [...root.adoptedStyleSheets, sheet];
    const svg = document.createElementNS(SVG, 'svg');
    svg.setAttribute('width', '22');
    svg.setAttribute('height', '24');
    svg.setAttribute('viewBox', '0 0 18 20');
    const path = document.createElementNS(SVG, 'path');
    path.setAttribute('d', 'M1 1l5 14 2.6-5.6L14 7z');
    svg.append(path);
    this.#hand.element.prepend(svg);
    frame.append(this.#lit.element, this.#hand.element);
  }

  /** Shows a hand at a place of an element. */
  point(el: Element, x: number, y: number, pressed: boolean, name: string): void {
    this.#at = { x, y };
    this.#handName.textContent = name;
    this.#hand.element.toggleAttribute('data-pressed', pressed);
    this.#show(this.#hand, el, handFor);
  }

  away(): void {
    this.#hide(this.#hand);
  }

  /** Lights an element up, with the name of who does. */
  light(el: Element, name: string): void {
    this.#litName.textContent = name;
    this.#show(this.#lit, el, litFor);
  }

  /** Brings an element into view, gently, if it is not there. */
  bring(el: Element): void {
    const { top, bottom, left, right } = boxOf(el);
    if (top >= 0 && left >= 0 && bottom <= innerHeight && right <= innerWidth) return;
    const smooth = matchMedia('(prefers-reduced-motion: no-preference)').matches;
    el.scrollIntoView({ behavior: smooth ? 'smooth' : 'auto', block: 'center', inline: 'nearest' });
  }

  clear(): void {
    this.#hide(this.#hand);
    this.#hide(this.#lit);
  }

  #show(what: Drawn, el: Element, span: number): void {
    what.target = el;
    what.until = performance.now() + span;
    what.element.hidden = false;
    this.#place();
    this.#following ||= requestAnimationFrame(() => this.#follow());
  }

  #hide(what: Drawn): void {
    what.target = null;
    what.element.hidden = true;
  }

  /** Keeps what is drawn with its elements, for as long as anything is. */
  #follow(): void {
    const now = performance.now();
    for (const what of [this.#hand, this.#lit]) {
      if (what.target && (now > what.until || !what.target.isConnected)) this.#hide(what);
    }
    this.#place();
    const on = this.#hand.target ?? this.#lit.target;
    this.#following = on ? requestAnimationFrame(() => this.#follow()) : 0;
  }

  #place(): void {
    if (this.#hand.target) {
      const box = boxOf(this.#hand.target);
      const { x, y } = this.#at;
      move(this.#hand.element, box.left + x * box.width, box.top + y * box.height);
    }
    if (this.#lit.target) {
      const box = boxOf(this.#lit.target);
      const { element } = this.#lit;
      move(element, box.left - 5, box.top - 5);
      element.style.width = `${box.width + 10}px`;
      element.style.height = `${box.height + 10}px`;
    }
  }
}

/** An element's box in the page's own viewport, whatever frames it is in. */
function boxOf(el: Element): DOMRect {
  const box = el.getBoundingClientRect();
  for (
    let frame = el.ownerDocument.defaultView?.frameElement;
    frame;
    frame = frame.ownerDocument.defaultView?.frameElement
  ) {
    const outer = frame.getBoundingClientRect();
    box.x += outer.left + frame.clientLeft;
    box.y += outer.top + frame.clientTop;
    if (frame.ownerDocument === document) break;
  }
  return box;
}

function move(element: HTMLElement, x: number, y: number): void {
  element.style.transform = `translate(${x}px,${y}px)`;
}

function drawn(name: string): Drawn {
  const element = document.createElement('div');
  element.className = name;
  element.hidden = true;
  element.setAttribute('aria-hidden', 'true');
  return { element, target: null, until: 0 };
}

function named(element: HTMLElement): HTMLElement {
  const label = document.createElement('span');
  label.className = 'who-points';
  element.append(label);
  return label;
}
