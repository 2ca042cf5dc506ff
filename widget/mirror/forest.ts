// Reads the nodes of an insert and puts them into the document.
import { Limit, Special } from '../capture/format.ts';
import {
  append,
  attachShadow,
  contains,
  isElement,
  isRoot,
  localNameOf,
  newFragment,
  newText,
  shadowOf,
} from '../native.ts';
import { type Contents, isStyle } from './contents.ts';
import type { Frames } from './frames.ts';
import type { Nodes } from './nodes.ts';
import type { Places } from './places.ts';
import type { Reader } from './reader.ts';
import type { Sheets } from './sheets.ts';
import { isUse, type Uses } from './uses.ts';

interface Parts {
  nodes: Nodes;
  contents: Contents;
  frames: Frames;
  places: Places;
  sheets: Sheets;
  uses: Uses;
}

interface Ids {
  next: number;
  explicit: boolean;
}

export class Forest {
  #depth = 0;

  constructor(
    readonly doc: Document,
    readonly parts: Parts,
  ) {}

  insert(r: Reader, explicit: boolean): void {
    const { nodes, places, frames } = this.parts;
    const parent = nodes.parent(r.ref());
    let last = r.ref();
    const ids = { next: r.ref(), explicit };
    this.#depth = 0;
    const held = newFragment(this.doc); // for what has no place
    this.#siblings(r, ids, parent ?? held, (node, id) => {
      if (!parent) append(held, node);
      else places.put(parent, node, places.after(parent, last));
      last = id;
    });
    frames.mount();
  }

  /** Reads siblings up to the end mark; `put` gives each its place. */
  #siblings(r: Reader, ids: Ids, parent: Node, put: (node: Node, id: number) => unknown): void {
    if (++this.#depth > Limit.depth + 2) throw new RangeError('page message: too deep');
    for (;;) {
      const h = r.u();
      const kind = h & 3;
      const code = Math.floor(h / 4);
      if (kind === 3 && code === Special.end) break;
      if (kind === 3 && code === Special.existing) {
        const id = r.u();
        const node = this.parts.nodes.get(id);
        if (node && !isRoot(node) && !contains(node, parent)) put(node, id);
        continue;
      }
      if (ids.explicit) ids.next += r.z();
      const id = ids.next++;
      if (kind === 3) this.#root(r, ids, id, code, isElement(parent) ? parent : null);
      else put(this.#node(r, ids, id, h, parent), id);
    }
    this.#depth--;
  }

  /** Reads a text, or an element with all that is in it. */
  #node(r: Reader, ids: Ids, id: number, h: number, parent: Node): Node {
    const { nodes, contents } = this.parts;
    if ((h & 3) === 0) {
      const text = newText(this.doc, '');
      contents.setText(text, r.plain(), isStyle(parent));
      nodes.add(id, text);
      return text;
    }
    const tag = r.tag(Math.floor(h / 4));
    const attributes: [string, string][] = [];
    for (let n = r.u(); n > 0; n--) attributes.push([r.attrName(), r.str()]);
    const el = contents.create(this.doc, tag, attributes);
    nodes.add(id, el);
    if ((h & 3) === 2) this.#inside(r, ids, el);
    return el;
  }

  #inside(r: Reader, ids: Ids, parent: Node): void {
    this.#siblings(r, ids, parent, (node) => append(parent, node));
  }

  /** Reads what is inside an element: a shadow root, the document of a frame, what a use draws. */
  #root(r: Reader, ids: Ids, id: number, code: number, host: Element | null): void {
    const root =
      code === Special.document || code === Special.quirksDocument
        ? this.#frame(host, id, code === Special.quirksDocument)
        : this.#shadow(host, code);
    this.parts.nodes.add(id, root);
    this.#inside(r, ids, root);
    if (host) this.parts.uses.draw(host);
  }

  #frame(host: Element | null, id: number, quirks: boolean): DocumentFragment {
    const { frames } = this.parts;
    if (!host || localNameOf(host) !== 'iframe' || frames.rootOf(host)) return newFragment(this.doc);
    return frames.add(host as HTMLIFrameElement, id, quirks);
  }

  #shadow(host: Element | null, code: number): DocumentFragment {
    if (code !== Special.shadow && code !== Special.shadowManual)
      throw new RangeError('page message: unknown kind of node');
    if (!host) return newFragment(this.doc);
    if (isUse(host)) return this.parts.uses.add(host);
    try {
      const slotAssignment = code === Special.shadowManual ? 'manual' : 'named';
      const root = attachShadow(host, { mode: 'open', slotAssignment });
      this.parts.sheets.adopt(root, []);
      return root;
    } catch {
      return shadowOf(host) ?? newFragment(this.doc); // this browser gives the element none
    }
  }
}
