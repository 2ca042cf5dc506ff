// Brings the visitor to a place of their page. Their page scrolls by itself only
// if they let the agent scroll, and not while they scroll or type themselves:
// otherwise a hint at the edge of the window says that there is something, and a
// press on it goes there.

import { type Language, languages, translator } from '../i18n/index.ts';
import { boxIn } from './anchor.ts';
import { type GuideText, texts } from './texts.ts';

const hintFor = 15_000; // ms
const lookEvery = 200; // ms between two looks whether the place is in the window by now
const busyFor = 1_500; // ms after the visitor last scrolled or typed
const busyWith = ['wheel', 'touchmove', 'keydown', 'input'] as const;

const arrows: Record<GuideText, string> = { above: '↑', below: '↓', before: '←', after: '→', elsewhere: '→' };

const style = `
.hint{position:fixed;inset-inline:0;margin:auto;z-index:2;display:flex;align-items:center;gap:8px;inline-size:fit-content;
max-inline-size:min(420px,100vw - 32px);min-block-size:44px;padding:8px 18px 8px 14px;border:2px solid var(--surface);border-radius:24px;
background:var(--accent);color:var(--on-accent);font:600 15px/1.3 system-ui,sans-serif;text-align:start;
box-shadow:0 2px 6px var(--shadow),0 10px 30px var(--shadow);pointer-events:auto;cursor:pointer}
.hint:hover{background:var(--accent-hover)}
.hint[data-at=above]{inset-block-start:max(20px,env(safe-area-inset-top))}
.hint:not([data-at=above]){inset-block-end:calc(24px + env(safe-area-inset-bottom))}
.hint[data-at=before]{inset-inline:20px auto}
.hint[data-at=after]{inset-inline:auto 20px}
.hint[data-at=before],.hint[data-at=after]{inset-block:0;block-size:fit-content}
.hint span{font-size:20px;line-height:1}
@media(max-width:479.98px){.hint:not([data-at=above]){inset-block-end:calc(148px + env(safe-area-inset-bottom))}}
@media(prefers-reduced-motion:no-preference){.hint span{animation:nod .7s ease-in-out 4 alternate}@keyframes nod{to{translate:0 3px}}}`;

export class Hint {
  readonly element = document.createElement('div'); // a live region, so that the hint is heard too
  readonly #button = document.createElement('button');
  readonly #arrow = document.createElement('span');
  readonly #text = document.createElement('b');
  readonly #t;
  #to: Element | null = null;
  #name = '';
  #until = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #busyUntil = 0;

  constructor(private readonly frame: HTMLElement) {
    this.#t = translator(texts, languages.find((language) => language === frame.lang) ?? ('en' satisfies Language));
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(style);
    const root = frame.getRootNode() as ShadowRoot;
    root.adoptedStyleSheets = [...root.adoptedStyleSheets, sheet];
    this.element.setAttribute('role', 'status');
    this.#button.type = 'button';
    this.#button.className = 'hint';
    this.#arrow.setAttribute('aria-hidden', 'true');
    this.#button.append(this.#arrow, this.#text);
    this.#button.addEventListener('click', () => {
      if (this.#to) scrollTo(this.#to);
    });
    frame.append(this.element);
    const busy = (event: Event): void => {
      if (event.isTrusted) this.#busyUntil = performance.now() + busyFor;
    };
    for (const type of busyWith) addEventListener(type, busy, { capture: true, passive: true });
  }

  /** Brings the visitor to an element. */
  bring(el: Element, name: string, may: boolean): void {
    const there = whereIs(el, this.#bottom) === null;
    const scrolls = !there && may && performance.now() > this.#busyUntil;
    if (scrolls) scrollTo(el);
    if (there || scrolls) {
      this.clear();
      return;
    }
    clearTimeout(this.#timer);
    this.#to = el;
    this.#name = name;
    this.#until = performance.now() + hintFor;
    this.#look();
  }

  /** Where the bar begins that the chat leaves at the bottom of a small screen, else the window's end, px. */
  get #bottom(): number {
    return this.frame.querySelector('.aside:not([hidden])')?.getBoundingClientRect().top ?? innerHeight;
  }

  clear(): void {
    clearTimeout(this.#timer);
    this.#to = null;
    this.#button.remove();
  }

  #look(): void {
    const where = this.#to?.isConnected && performance.now() < this.#until ? whereIs(this.#to, this.#bottom) : null;
    if (!where) {
      this.clear();
      return;
    }
    this.#button.dataset.at = where;
    this.#arrow.textContent = arrows[where];
    const text = this.#t(where, { name: this.#name });
    if (this.#text.textContent !== text) this.#text.textContent = text;
    if (!this.#button.isConnected) this.element.append(this.#button);
    this.#timer = setTimeout(() => this.#look(), lookEvery);
  }
}

/** Which way an element is out of the window, which ends at `end`; null if enough of it is in it. */
function whereIs(el: Element, end: number): GuideText | null {
  const { left, top, right, bottom, width, height } = boxIn(el, document);
  if (width === 0 && height === 0) return 'elsewhere';
  const [x, y] = [(left + right) / 2, (top + bottom) / 2];
  if (height <= innerHeight ? y < 0 : bottom < innerHeight / 2) return 'above';
  if (height <= innerHeight ? y > end : top > innerHeight / 2) return 'below';
  if (width <= innerWidth ? x < 0 : right < 0) return 'before';
  if (width <= innerWidth ? x > innerWidth : left > innerWidth) return 'after';
  return null;
}

/** Gently, where the visitor has nothing against movement. */
function scrollTo(el: Element): void {
  const smooth = matchMedia('(prefers-reduced-motion: no-preference)').matches;
  el.scrollIntoView({ behavior: smooth ? 'smooth' : 'auto', block: 'center', inline: 'nearest' });
}
