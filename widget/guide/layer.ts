// The layer over a page that hands, drawings and lights are in. Whatever is on
// it is put in its place in every frame, for as long as there is anything.

const style = `
.layer{position:fixed;inset:0;overflow:hidden;pointer-events:none;
--hand-1:#b42318;--hand-2:#175cd3;--hand-3:#067647;--hand-4:#6941c6;--hand-5:#b93815;--hand-6:#0e7090;--hand-7:#a11d6f}
[data-colour]{--ink:var(--accent);--on-ink:var(--on-accent)}
${[1, 2, 3, 4, 5, 6, 7].map((n) => `[data-colour="${n}"]{--ink:var(--hand-${n});--on-ink:#fff}`).join('')}
.layer>*{position:absolute;left:0;top:0;visibility:hidden}
.layer svg{display:block;overflow:visible}
.hand>svg{filter:drop-shadow(0 1px 2px #0007)}
.hand>svg path{fill:var(--ink);stroke:#fff;stroke-width:1.5;stroke-linejoin:round}
.hand[data-held] svg{scale:.85;transform-origin:0 0}
.who-points{position:absolute;left:15px;top:17px;max-width:200px;padding:2px 9px;border-radius:10px;overflow:hidden;text-overflow:ellipsis;
font:600 12px/17px system-ui,sans-serif;color:var(--on-ink);background:var(--ink);white-space:nowrap;box-shadow:0 1px 4px #0004}
.lit{border:3px solid var(--ink);border-radius:8px;box-shadow:0 0 0 2px #fff,0 4px 18px #0003;box-sizing:border-box}
.lit .who-points{left:auto;right:-3px;top:auto;bottom:calc(100% + 4px)}
.ink{filter:drop-shadow(0 0 1px #000a)}
.ink path{fill:none;stroke:var(--ink);stroke-width:4;stroke-linecap:round;stroke-linejoin:round}
.ink path:first-child{stroke:#fff;stroke-width:8}
.trail path{fill:none;stroke:var(--ink);stroke-width:6;stroke-linecap:round;stroke-linejoin:round;opacity:.85}
.trail path:first-child{opacity:.35}
@media(prefers-reduced-motion:no-preference){.lit{animation:lit .25s ease-out}@keyframes lit{from{opacity:0;scale:1.06}}}`;

/** Something on the layer. */
export interface Drawn {
  readonly element: Element;
  /** Puts it in its place; false if it is over. x and y are where the layer begins. */
  place(now: number, x: number, y: number): boolean;
}

export class Layer {
  readonly element = document.createElement('div');
  readonly #drawn = new Set<Drawn>();
  readonly #root: ShadowRoot | Document;
  readonly #sheet = new CSSStyleSheet();
  #frame = 0; // animation frame; 0: none

  constructor(host: HTMLElement) {
    this.#sheet.replaceSync(style);
    this.#root = host.getRootNode() as ShadowRoot | Document;
    this.#root.adoptedStyleSheets = [...this.#root.adoptedStyleSheets, this.#sheet];
    this.element.className = 'layer';
    this.element.setAttribute('aria-hidden', 'true');
    host.prepend(this.element); // under what else is there: nobody draws over the visitor's own buttons
  }

  /** Puts something on the layer, if it is not there yet, and in its place. */
  add(what: Drawn): void {
    if (!this.#drawn.has(what)) {
      this.#drawn.add(what);
      this.element.append(what.element);
    }
    this.#frame ||= requestAnimationFrame(() => this.#place());
  }

  remove(what: Drawn): void {
    if (this.#drawn.delete(what)) what.element.remove();
  }

  close(): void {
    cancelAnimationFrame(this.#frame);
    for (const what of this.#drawn) this.remove(what);
    this.element.remove();
    this.#root.adoptedStyleSheets = this.#root.adoptedStyleSheets.filter((sheet) => sheet !== this.#sheet);
  }

  #place(): void {
    const now = performance.now();
    const { left, top } = this.element.getBoundingClientRect();
    this.#frame = requestAnimationFrame(() => this.#place()); // also if the page makes one of them fail
    for (const what of this.#drawn) if (!what.place(now, left, top)) this.remove(what);
    if (this.#drawn.size > 0) return;
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
  }
}

/** Puts an element at a place of the layer. Before that it is not shown. */
export function put(element: HTMLElement | SVGElement, x: number, y: number): void {
  element.style.visibility = 'visible';
  element.style.transform = `translate(${x}px,${y}px)`;
}
