// What is marked in the page's text: the visitor's selection, and highlights by
// their names.
import { childrenOf, documentOf, isText, newRange, viewOf } from '../native.ts';
import type { Reader } from './reader.ts';

const most = 1000; // ranges under one name

export class Ranges {
  #documents = new Map<string, Set<Document>>(); // where a name has ranges

  /** Reads the ranges of one name and shows them instead of its former ones. */
  apply(r: Reader, nodeOf: (id: number) => Node | undefined): void {
    const name = r.str();
    const ranges = new Map<Document, StaticRange[]>();
    for (let n = r.u(); n > 0; n--) {
      const [startContainer, startOffset, endContainer, endOffset] = [nodeOf(r.ref()), r.u(), nodeOf(r.ref()), r.u()];
      const doc = startContainer && documentOf(startContainer);
      if (!startContainer || !endContainer || !doc || !viewOf(doc) || doc !== documentOf(endContainer)) continue;
      const list = ranges.get(doc) ?? [];
      ranges.set(doc, list);
      if (list.length < most)
        list.push({
          startContainer,
          startOffset: Math.min(startOffset, lengthOf(startContainer)),
          endContainer,
          endOffset: Math.min(endOffset, lengthOf(endContainer)),
          collapsed: false,
        });
    }
    for (const doc of this.#documents.get(name) ?? []) if (!ranges.has(doc)) show(doc, name, []);
    for (const [doc, list] of ranges) show(doc, name, list);
    this.#documents.set(name, new Set(ranges.keys()));
  }
}

function lengthOf(node: Node): number {
  return isText(node) ? node.length : childrenOf(node).length;
}

function show(doc: Document, name: string, ranges: StaticRange[]): void {
  const view = viewOf(doc);
  if (!view) return; // a frame that is gone
  if (name === '') {
    const selection = view.getSelection();
    selection?.removeAllRanges();
    for (const r of ranges.slice(0, 1))
      selection?.setBaseAndExtent(r.startContainer, r.startOffset, r.endContainer, r.endOffset);
    return;
  }
  const live = ranges.map((r) => {
    const range = newRange(doc);
    range.setStart(r.startContainer, r.startOffset);
    range.setEnd(r.endContainer, r.endOffset);
    return range;
  });
  if (live.length > 0) view.CSS?.highlights?.set(name, new view.Highlight(...live));
  else view.CSS?.highlights?.delete(name);
}
