// What a page's roots have to say: mutations, events, and what scripts do to the
// prototypes of their realms.
import { parts, told } from './core.ts';
import { remember } from './early.ts';
import { patch } from './patches.ts';
import { isDocument, type Realm, type Root, viewIn } from './roots.ts';

const observed: MutationObserverInit = {
  subtree: true,
  childList: true,
  attributes: true,
  attributeOldValue: true,
  characterData: true,
  characterDataOldValue: true,
};
export const pointerEvents = 'pointermove pointerdown pointerup';
const events = `click keydown focusin focusout pointerover pointerleave mouseleave invalid reset toggle close selectionchange ${pointerEvents}`;
const everywhere = 'scroll input change load loadeddata play pause seeked volumechange ratechange timeupdate'; // in shadow roots too
const windowEvents = 'resize popstate hashchange';

/** Whose nodes are watched. */
export const roots = new Set<Root>();
/** The realms that are patched, by their Element. */
const realms = new Set<object>();

const observer = new MutationObserver((records) => told.mutated(records));
const happened = (event: Event): void => told.happened(event);

/** Watches a new root. */
export function watchRoot(root: Root): void {
  roots.add(root);
  observer.observe(root, observed);
  listen(root, true);
  for (const part of parts) part.rooted?.(root);
  const view = viewIn(root) as Realm | null;
  if (view) for (const step of patchesOf(view)) step();
}

/** What is to be done to a realm's prototypes, once. */
export function patchesOf(view: Realm): (() => void)[] {
  if (realms.has(view.Element)) return [];
  realms.add(view.Element);
  remember(view);
  return [
    () => patch(view, 'Element attachShadow', (host) => told.rerooted(host)),
    ...parts.map((part) => () => part.patch?.(view)),
  ];
}

/** Mutations that were not told yet. */
export function takeRecords(): MutationRecord[] {
  return observer.takeRecords();
}

/** Watches nothing any more. */
export function unwatch(): void {
  observer.disconnect();
  for (const root of roots) listen(root, false);
  roots.clear();
}

/** Patches are undone: a realm is patched again when it is watched again. */
export function forgetRealms(): void {
  realms.clear();
}

/** Listens to a root, or no longer. To listen twice is to listen once. */
export function listen(root: Root, on: boolean): void {
  const to = (target: EventTarget | null | undefined, types: string): void => {
    for (const type of types.split(' '))
      target?.[on ? 'addEventListener' : 'removeEventListener'](type, happened, { capture: true, passive: true });
  };
  to(root, everywhere);
  if (isDocument(root)) {
    to(root, events);
    to(root.fonts, 'loadingdone');
  }
  if (root !== document) return;
  to(window, windowEvents);
  to(visualViewport, 'resize');
}
