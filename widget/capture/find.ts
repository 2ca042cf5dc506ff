// What a node's id stands for: an agent acts on the page by ids. Captured nodes
// know their ids, not the other way round, so that capture costs nothing more;
// looking one up walks the page once, and knows it from then on.

import { idOf, isMasked } from './core.ts';
import { DOCUMENT } from './format.ts';
import * as masks from './masks.ts';
import { above, rootIn } from './roots.ts';

const found = new Map<number, WeakRef<Node>>();
const keep = 200; // ids

/** The element that the mirror knows by an id; null if it is gone, or its content is masked. */
export function find(id: number): Element | null {
  const known = found.get(id)?.deref();
  const node = known?.isConnected && idOf(known) === id ? known : id > DOCUMENT ? search(document, id) : null;
  if (!(node && node.nodeType === 1) || hidden(node as Element)) return null;
  if (found.size >= keep) found.clear();
  found.set(id, new WeakRef(node));
  return node as Element;
}

/** Whether an element is masked now, whatever the mirror was told of it. */
export function hidden(el: Element): boolean {
  if (isMasked(el)) return true;
  for (let n: Node | null | undefined = el; n; n = above(n)) {
    if (n.nodeType === 1 && masks.ruled(n as Element)) return true;
  }
  return false;
}

function search(root: Document | ShadowRoot, id: number): Element | null {
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_ELEMENT);
  while (walker.nextNode()) {
    const el = walker.currentNode as Element;
    if (idOf(el) === id) return el;
    const inner = rootIn(el);
    const within = inner && search(inner, id);
    if (within) return within;
  }
  return null;
}
