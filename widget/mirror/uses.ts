// What SVG's `use` draws out of a file came as nodes inside it. Browsers draw only
// what is in the page or in a file of its own origin, so the nodes, stripped like
// all others, become such a file: no rule of the page reaches into it, nor out of
// it. The first of them is what is shown.
import {
  attributeOf,
  childrenOf,
  documentOf,
  isElement,
  localNameOf,
  namespaceOf,
  newFragment,
  setAttribute,
} from '../native.ts';
import { drawingOf, SVG } from './drawing.ts';

export const isUse = (el: Element): boolean => localNameOf(el) === 'use' && namespaceOf(el) === SVG;

export class Uses {
  readonly #roots = new Map<Node, DocumentFragment>();
  readonly #files = new Map<Node, string>(); // blob: addresses

  add(host: Element): DocumentFragment {
    const root = newFragment(documentOf(host) as Document);
    this.#roots.set(host, root);
    return root;
  }

  rootOf(host: Node): DocumentFragment | undefined {
    return this.#roots.get(host);
  }

  /** All of an element's nodes are there: it shows them. */
  draw(host: Element): void {
    const root = this.#roots.get(host);
    if (!root) return;
    const url = URL.createObjectURL(new Blob([drawingOf(childrenOf(root))], { type: 'image/svg+xml' }));
    this.#revoke(host);
    this.#files.set(host, url);
    const [shown] = childrenOf(root);
    setAttribute(host, 'href', `${url}#${isElement(shown) ? encodeURIComponent(attributeOf(shown, 'id') ?? '') : ''}`);
  }

  /** A root is gone. */
  clear(root: Node): void {
    for (const [host, its] of this.#roots) if (its === root) this.forget(host);
  }

  forget(host: Node): void {
    this.#revoke(host);
    this.#roots.delete(host);
  }

  close(): void {
    for (const host of this.#files.keys()) this.#revoke(host);
  }

  #revoke(host: Node): void {
    const url = this.#files.get(host);
    if (url) URL.revokeObjectURL(url);
    this.#files.delete(host);
  }
}
