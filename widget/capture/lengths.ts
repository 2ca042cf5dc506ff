// SVG values that scripts write through the DOM (`circle.cx.baseVal.value = 5`):
// no MutationObserver hears of them. Who reads such a property may write to it.
import type { Page } from './more.ts';
import type { Part } from './part.ts';
import type { Patches } from './patches.ts';
import type { Realm } from './roots.ts';

const animated = 'cx cy r rx ry x y x1 y1 x2 y2 width height points transform viewBox href';

export class Lengths implements Part {
  /** Elements that somebody took hold of, and their attributes then. */
  readonly #held = new Map<Element, string>();

  constructor(readonly page: Page) {}

  renew(): void {
    this.#held.clear();
  }

  patch(patches: Patches, view: Realm): void {
    const owners = view as unknown as Record<string, { prototype?: object } | undefined>;
    for (const name of Object.getOwnPropertyNames(view)) {
      if (/^SVG\w+Element$/.test(name))
        patches.getter(owners[name]?.prototype, animated, (el: Element) => this.#hold(el));
    }
  }

  #hold(el: Element): void {
    if (this.#held.has(el) || !this.page.ids.of(el)) return;
    this.#held.set(el, valuesOf(el));
    queueMicrotask(this.page.signal);
  }

  write(): void {
    for (const [el, was] of this.#held) if (valuesOf(el) !== was) this.page.again(el);
    this.#held.clear();
  }
}

function valuesOf(el: Element): string {
  return Array.from(el.attributes, (a) => a.value).join('\0');
}
