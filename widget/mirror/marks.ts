// States that the visitor's page has and the mirror's cannot have (css.ts), as
// attributes of the elements concerned.
import { isDocument, isElement, parentOf, removeAttribute, setAttribute, viewOf } from '../native.ts';

export class Marks {
  readonly #marked = new Map<string, Element[]>();

  constructor(readonly page: Document) {}

  /** Sets a state's attribute on an element, and on its ancestors if the state is theirs too; on nothing else. */
  mark(state: string, node: Node | null, ancestors: boolean): void {
    for (const el of this.#marked.get(state) ?? []) removeAttribute(el, state);
    const marked: Element[] = [];
    for (let n = node; n && n !== this.page; n = ancestors ? above(n) : null) {
      if (!isElement(n)) continue;
      setAttribute(n, state, '');
      marked.push(n);
    }
    this.#marked.set(state, marked);
  }

  focus(node: Node | null, visible: boolean): void {
    this.mark('kohe-focus', node, false);
    this.mark('kohe-focus-within', node, true);
    this.mark('kohe-focus-visible', visible ? node : null, false);
  }
}

/** The parent, the host of a shadow root, the frame of a document. */
function above(node: Node): Node | null {
  if (isDocument(node)) return viewOf(node)?.frameElement ?? null;
  return parentOf(node) ?? (isElement(node) ? null : ((node as Partial<ShadowRoot>).host ?? null));
}
