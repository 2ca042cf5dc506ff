// Whose text is in a field: a frame around it, the agent's name, and a button
// that takes the text back. It covers nothing of the field, takes no focus, and
// goes when the agent has been done with the field for a while.

import { boxIn } from './anchor.ts';

const shownFor = 8_000; // ms
const gap = 4; // px around the field

const style = `
.filled{position:fixed;left:0;top:0;pointer-events:none;z-index:2;box-sizing:border-box;border:2px solid var(--accent);
border-radius:8px;box-shadow:0 0 0 1px #fff}
.filled-by{position:absolute;inset-inline-end:-2px;bottom:100%;display:flex;align-items:center;gap:6px;margin-bottom:3px;padding:2px 3px 2px 10px;
border-radius:12px;font:600 12px/20px system-ui,sans-serif;color:var(--on-accent);background:var(--accent);white-space:nowrap;
box-shadow:0 1px 4px #0004;pointer-events:auto}
.filled-by.below{bottom:auto;top:100%;margin:3px 0 0}
.filled-by button{min-height:24px;margin:0;padding:0 9px;border:0;border-radius:10px;font:inherit;color:var(--ink);background:var(--surface);cursor:pointer}
.filled-by button:focus-visible{outline:2px solid var(--on-accent);outline-offset:1px}
@media(forced-colors:active){.filled,.filled-by{border:2px solid Highlight}}`;

export class NameTag {
  readonly #box = document.createElement('div');
  readonly #label = document.createElement('div');
  readonly #name = document.createElement('span');
  #at: Element | null = null;
  #until = 0; // ms, by performance.now
  #following = 0; // animation frame; 0: none

  constructor(frame: HTMLElement, undo: string, takeBack: (el: Element) => void) {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(style);
    const root = frame.getRootNode() as ShadowRoot;
    root.adoptedStyleSheets = [...root.adoptedStyleSheets, sheet];
    const button = document.createElement('button');
    button.type = 'button';
    button.textContent = undo;
    button.addEventListener('pointerdown', (event) => event.preventDefault()); // the focus stays where it is
    button.addEventListener('click', () => {
      const el = this.#at;
      this.hide();
      if (el) takeBack(el);
    });
    this.#name.setAttribute('role', 'status');
    this.#label.className = 'filled-by';
    this.#label.append(this.#name, button);
    this.#box.className = 'filled';
    this.#box.hidden = true;
    this.#box.append(this.#label);
    frame.append(this.#box);
  }

  isAt(el: Element): boolean {
    return this.#at === el;
  }

  show(el: Element, name: string): void {
    this.#at = el;
    this.#until = performance.now() + shownFor;
    if (this.#name.textContent !== name) this.#name.textContent = name;
    this.#box.hidden = false;
    this.#place(el);
    this.#following ||= requestAnimationFrame(() => this.#follow());
  }

  hide(): void {
    this.#at = null;
    this.#box.hidden = true;
  }

  #follow(): void {
    this.#following = 0;
    const el = this.#at;
    if (this.#box.matches(':hover, :focus-within')) this.#until = performance.now() + shownFor;
    if (!el?.isConnected || performance.now() > this.#until) {
      this.hide();
      return;
    }
    this.#place(el);
    this.#following = requestAnimationFrame(() => this.#follow());
  }

  #place(el: Element): void {
    const { left, top, width, height } = boxIn(el, document);
    const { style } = this.#box;
    style.transform = `translate(${left - gap}px,${top - gap}px)`;
    style.width = `${width + 2 * gap}px`;
    style.height = `${height + 2 * gap}px`;
    this.#label.classList.toggle('below', top < 40);
  }
}
