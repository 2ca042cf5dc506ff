import type { Reader } from './reader.ts';

const arrow = 'M1 1l5 14 2.6-5.6L14 7z';
const SVG = 'http://www.w3.org/2000/svg';

/** The visitor's pointer, drawn over the page. */
export class Cursor {
  readonly element = document.createElement('div');
  readonly #arrow = document.createElementNS(SVG, 'svg');
  readonly #label = document.createElement('span');
  #offset = { left: 0, top: 0, scale: 1 };
  #at = { x: 0, y: 0 };
  #further = 0; // px of the page that the visitor is further down than the mirror

  constructor() {
    const { element } = this;
    element.setAttribute('aria-hidden', 'true');
    element.className = 'kohe-cursor';
    element.style.cssText = 'position:absolute;left:0;top:0;pointer-events:none;display:none;will-change:transform';
    const svg = this.#arrow;
    svg.setAttribute('width', '18');
    svg.setAttribute('height', '20');
    svg.style.cssText = 'display:block;overflow:visible;filter:drop-shadow(0 1px 2px #0006)';
    const path = document.createElementNS(SVG, 'path');
    path.setAttribute('d', arrow);
    path.style.cssText = 'fill:var(--kohe-cursor,#5b5bd6);stroke:#fff;stroke-width:1.5;stroke-linejoin:round';
    svg.append(path);
    this.#label.style.cssText =
      'display:none;position:absolute;left:14px;top:16px;padding:1px 7px;border-radius:9px;font:600 11px/16px system-ui,sans-serif;color:#fff;background:var(--kohe-cursor,#5b5bd6);white-space:nowrap';
    element.append(svg, this.#label);
  }

  name(name: string): void {
    this.#label.textContent = name;
    this.#label.style.display = name ? 'block' : 'none';
  }

  /** Where the page lies in the container, and its scale. */
  place(left: number, top: number, scale: number): void {
    this.#offset = { left, top, scale };
    this.#draw();
  }

  /** How much further down the visitor is than the mirror, px of the page. */
  ahead(y: number): void {
    if (y === this.#further) return;
    this.#further = y;
    this.#draw();
  }

  /** Reads a pointer record (dom/FORMAT.md); one that cannot be read is not drawn. */
  show(r: Reader): void {
    try {
      const x = r.z();
      const y = r.z();
      const pressed = r.u() !== 0;
      this.#at = { x, y };
      this.element.style.display = 'block';
      this.#arrow.style.opacity = pressed ? '1' : '.9';
      this.#draw();
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
    }
  }

  #draw(): void {
    const { left, top, scale } = this.#offset;
    this.element.style.transform = `translate(${left + this.#at.x * scale}px,${top + (this.#at.y + this.#further) * scale}px)`;
  }
}
