// What cannot be asked of a page afterwards: closed shadow roots, whose custom
// states a set holds, what a font was made of, what was opened above what. It is remembered from the moment
// capture's module runs (in a frame: from the moment its document is seen).
import { patch } from './patches.ts';
import type { Realm } from './roots.ts';

/** Roots that their hosts do not tell of: closed shadow roots, and what `use` draws out of a file. */
export const hiddenRoots = new WeakMap<Element, ShadowRoot>();
/** Elements that have internals. */
export const internalsOf = new WeakMap<Element, ElementInternals>();
/** The elements of sets of custom states. */
export const stateHosts = new WeakMap<object, Element>();
/** The src of fonts made by script: CSS text, or the font itself. */
export const fontSources = new WeakMap<FontFace, string | BufferSource>();

/** What was opened above the page, the latest last; some of it is closed again. */
export const risen = new Set<Element>();

/** An element is opened, or was until now. */
export function rise(el: Element): void {
  risen.delete(el);
  for (const other of risen) if (!other.isConnected) risen.delete(other);
  risen.add(el);
}

const seen = new WeakSet<object>(); // realms, by their Element

export function remember(view: Realm): void {
  if (seen.has(view.Element)) return;
  seen.add(view.Element);
  const stay: [] = []; // for the life of the page
  patch(
    view,
    'Element attachShadow',
    (host, [init], root) => init.mode === 'closed' && hiddenRoots.set(host, root),
    'set',
    stay,
  );
  patch(
    view,
    'HTMLElement attachInternals',
    (el, _, internals) => {
      internalsOf.set(el, internals);
      if (internals.states) stateHosts.set(internals.states, el);
    },
    'set',
    stay,
  );
  patch(view, 'HTMLDialogElement showModal HTMLElement showPopover togglePopover', rise, 'set', stay);
  if (!view.FontFace) return;
  view.FontFace = new Proxy(view.FontFace, {
    construct(target, args: ConstructorParameters<typeof FontFace>, self) {
      const font = Reflect.construct(target, args, self);
      fontSources.set(font, args[1]);
      return font;
    },
  });
}
