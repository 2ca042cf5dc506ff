import { remember } from './early.ts';
import type { Part } from './part.ts';
import { Patches } from './patches.ts';
import { isDocument, type Realm, type Root } from './roots.ts';

const observed: MutationObserverInit = {
  subtree: true,
  childList: true,
  attributes: true,
  attributeOldValue: true,
  characterData: true,
  characterDataOldValue: true,
};
const events =
  'scroll focusin focusout pointerover pointerleave mouseleave input change invalid reset load toggle close selectionchange';
export const pointerEvents = 'pointermove pointerdown pointerup';
const windowEvents = 'resize popstate hashchange';

/** What a page's roots have to say: mutations, events, and what scripts do to the prototypes of their realms. */
export interface Watcher {
  mutated(records: MutationRecord[]): void;
  happened(event: Event): void;
  /** An element may have another root than before. */
  rerooted(host: Element): void;
}

export class Watch {
  readonly roots = new Set<Root>();
  readonly #realms = new Map<object, Realm>(); // patched, by their Element
  readonly #patches = new Patches();
  readonly #observer: MutationObserver;
  readonly #event: (event: Event) => void;

  constructor(
    readonly watcher: Watcher,
    readonly parts: Part[],
    /** Whether to listen to the pointer. */
    readonly pointer: boolean,
  ) {
    this.#observer = new MutationObserver((records) => watcher.mutated(records));
    this.#event = (event) => watcher.happened(event);
  }

  /** Takes in parts that were loaded late. */
  extend(parts: Part[]): void {
    this.parts.push(...parts);
    for (const part of parts) {
      for (const view of this.#realms.values()) part.patch?.(this.#patches, view);
      for (const root of this.roots) part.rooted?.(root);
    }
  }

  /** Watches a new root. */
  add(root: Root): void {
    this.roots.add(root);
    this.#observer.observe(root, observed);
    this.listen(root, true);
    for (const part of this.parts) part.rooted?.(root);
    if (isDocument(root) && root.defaultView) this.#patch(root.defaultView as Realm);
  }

  /** Mutations that were not told yet. */
  take(): MutationRecord[] {
    return this.#observer.takeRecords();
  }

  /** Watches nothing any more. */
  clear(): void {
    this.#observer.disconnect();
    for (const root of this.roots) this.listen(root, false);
    this.roots.clear();
  }

  /** Puts back what was patched. */
  undo(): void {
    this.#patches.undo();
  }

  /** Patches a realm's prototypes, once. */
  #patch(view: Realm): void {
    if (this.#realms.has(view.Element)) return;
    this.#realms.set(view.Element, view);
    remember(view);
    this.#patches.method(view.Element.prototype, 'attachShadow', (host: Element) => this.watcher.rerooted(host));
    for (const part of this.parts) part.patch?.(this.#patches, view);
  }

  /** Listens to a root, or no longer. To listen twice is to listen once. */
  listen(root: Root, on: boolean): void {
    const of = (target: EventTarget | null, types: string): void => {
      for (const type of types.split(' '))
        target?.[on ? 'addEventListener' : 'removeEventListener'](type, this.#event, { capture: true, passive: true });
    };
    if (!isDocument(root)) of(root, 'scroll change input load');
    else {
      of(root, events);
      if (this.pointer) of(root, pointerEvents);
    }
    if (root === document) {
      of(window, windowEvents);
      of(visualViewport, 'resize');
    }
  }
}
