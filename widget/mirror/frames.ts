// Documents inside the page's frames: blank documents of the mirror's own, filled
// like the page itself. A browser throws a frame's document away when the frame
// moves; its nodes then go on in the new one.
import { append, childrenOf, documentOf, newFragment, remove, rewrite, rootOf } from '../native.ts';

interface Frame {
  id: number;
  quirks: boolean;
  root: Document | DocumentFragment; // where its nodes are now
}

export class Frames {
  readonly #frames = new Map<HTMLIFrameElement, Frame>();

  constructor(
    /** A frame's root is another node from now on. */
    readonly mounted: (id: number, root: Document) => void,
  ) {}

  /** A new document in a frame, held in a fragment until the frame is in the page. */
  add(host: HTMLIFrameElement, id: number, quirks: boolean): DocumentFragment {
    const root = newFragment(documentOf(host) as Document);
    this.#frames.set(host, { id, quirks, root });
    host.addEventListener('load', () => this.mount()); // some browsers put a blank document in a little later
    return root;
  }

  rootOf(host: Node): Document | DocumentFragment | undefined {
    return this.#frames.get(host as HTMLIFrameElement)?.root;
  }

  /** The frame's document is gone: it shows nothing. */
  clear(id: number): void {
    for (const [host, frame] of this.#frames) {
      if (frame.id !== id) continue;
      for (const node of [...childrenOf(frame.root)]) remove(node);
      this.#frames.delete(host);
    }
  }

  forget(host: Node): void {
    this.#frames.delete(host as HTMLIFrameElement);
  }

  /** Moves what is held elsewhere into the documents that frames have now. */
  mount(): void {
    for (const [host, frame] of this.#frames) {
      const doc = host.contentDocument;
      if (!doc || doc === frame.root) continue;
      const nodes = [...childrenOf(frame.root)].filter((n) => n.nodeType !== 10);
      frame.root = doc; // before it is blanked: that may load it, and lead here again
      blank(doc, frame.quirks);
      for (const node of nodes) append(doc, node);
      this.mounted(frame.id, doc);
    }
  }
}

/** Empties a document and gives it the wanted mode. Its CSP stays. */
export function blank(doc: Document, quirks: boolean): void {
  rewrite(doc, quirks ? '<html></html>' : '<!doctype html><html></html>');
  const root = rootOf(doc);
  if (root) remove(root);
}
