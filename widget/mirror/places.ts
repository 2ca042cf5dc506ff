// Where nodes are: insertion, moves, removal.
import { DOCUMENT } from '../capture/format.ts';
import {
  childrenOf,
  contains,
  doctypeOf,
  firstOf,
  insert,
  isDocument,
  isElement,
  isRoot,
  move,
  nextOf,
  parentOf,
  remove,
  rootOf,
  shadowOf,
} from '../native.ts';
import { isStyle } from './contents.ts';
import type { Frames } from './frames.ts';
import { idOf, type Nodes, type Parent } from './nodes.ts';
import { type Reader, readList, readPermutation } from './reader.ts';
import type { Scrolls } from './scrolls.ts';
import type { Sheets } from './sheets.ts';
import type { Uses } from './uses.ts';

interface Roots {
  frames: Frames;
  uses: Uses;
}

interface Parts extends Roots {
  nodes: Nodes;
  scrolls: Scrolls;
  sheets: Sheets;
}

export class Places {
  constructor(readonly parts: Parts) {}

  /** The place after a sibling, or the first. A sibling that is not there any more means the last. */
  after(parent: Parent, id: number): Node | null {
    if (id === 0) return isDocument(parent) ? first(parent) : firstOf(parent);
    const sibling = this.parts.nodes.get(id);
    return sibling && parentOf(sibling) === parent ? nextOf(sibling) : null;
  }

  put(parent: Parent, node: Node, before: Node | null): void {
    if (before === node || contains(node, parent)) return;
    this.#restyled(parentOf(node));
    this.#restyled(parent);
    if (isDocument(parent) && isElement(node)) {
      const root = rootOf(parent);
      if (root && root !== node) {
        remove(root); // there is room for one; the old one's removal follows
        before = null;
      }
    }
    try {
      move(parent, node, before);
    } catch {
      try {
        insert(parent, node, before);
      } catch {
        // the DOM refuses it there (a second root element, say): it stays out of sight
      }
    }
  }

  move(r: Reader, sorted: boolean): void {
    const { nodes, frames } = this.parts;
    const parent = nodes.parent(r.ref());
    let after = r.ref();
    for (const id of sorted ? readPermutation(r) : readList(r)) {
      const node = nodes.get(id);
      if (!parent || !node || isRoot(node) || id === after) continue;
      this.put(parent, node, this.after(parent, after));
      after = id;
    }
    frames.mount();
  }

  remove(id: number): void {
    const node = this.parts.nodes.get(id);
    if (!node || id === DOCUMENT) return;
    this.#restyled(parentOf(node));
    remove(node);
    this.#forget(node);
    this.parts.frames.clear(id);
    this.parts.uses.clear(node);
  }

  /** The text of a style element changed: its sheet follows the text again. */
  #restyled(parent: Node | null): void {
    if (isStyle(parent)) this.parts.sheets.forget(idOf(parent));
  }

  #forget(node: Node): void {
    const { nodes, frames, scrolls, sheets, uses } = this.parts;
    const id = idOf(node);
    if (id !== 0) {
      nodes.delete(id);
      sheets.forget(id);
      scrolls.forget(id);
    }
    for (let child = firstOf(node); child; child = nextOf(child)) this.#forget(child);
    const inside = rootIn(node, this.parts);
    if (inside) this.#forget(inside);
    frames.forget(node);
    uses.forget(node);
  }
}

/** The first place in a document, behind its doctype. */
function first(doc: Document): Node | null {
  const doctype = doctypeOf(doc);
  return doctype ? nextOf(doctype) : rootOf(doc);
}

/** The root inside a node, if there is one. */
function rootIn(node: Node, { frames, uses }: Roots): Node | undefined {
  return isElement(node) ? (shadowOf(node) ?? frames.rootOf(node) ?? uses.rootOf(node)) : undefined;
}

/** The ids of what is directly inside a node. */
export function idsInside(node: Node, roots: Roots): number[] {
  const inside = rootIn(node, roots);
  const ids = [...(inside ? [inside] : []), ...childrenOf(node)].map(idOf);
  return ids.filter((id) => id !== 0);
}
