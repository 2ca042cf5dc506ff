// What is marked in text: the visitor's selection and the page's own highlights.
import { Op } from './format.ts';
import type { Page } from './more.ts';
import type { Part } from './part.ts';
import type { Patches } from './patches.ts';
import { isDocument, type Realm } from './roots.ts';
import type { Writer } from './writer.ts';

const most = 1000; // ranges under one name
const selection = ''; // its name

export class Ranges implements Part {
  readonly #said = new Map<string, string>();
  #dirty = true;

  constructor(readonly page: Page) {}

  renew(): void {
    this.#said.clear();
    this.#dirty = true;
  }

  patch(patches: Patches, view: Realm): void {
    for (const owner of [view.Highlight, view.HighlightRegistry])
      patches.method(owner?.prototype, 'set add delete clear', () => this.#changed());
  }

  handle({ type }: Event): void {
    if (type === 'selectionchange') this.#changed();
  }

  #changed(): void {
    this.#dirty = true;
    this.page.signal();
  }

  write(w: Writer): void {
    if (!this.#dirty) return;
    this.#dirty = false;
    const now = new Map<string, AbstractRange[]>();
    const add = (name: string, ranges: Iterable<AbstractRange>): unknown =>
      now.set(name, [...(now.get(name) ?? []), ...ranges]);
    for (const root of this.page.roots) {
      const view = isDocument(root) && (root.defaultView as Realm | null);
      if (!view) continue;
      const chosen = view.getSelection();
      if (chosen?.rangeCount && !chosen.isCollapsed) add(selection, [chosen.getRangeAt(0)]);
      for (const [name, highlight] of view.CSS.highlights ?? [])
        add(name, highlight as unknown as Iterable<AbstractRange>);
    }
    for (const name of this.#said.keys()) add(name, []);
    for (const [name, ranges] of now) this.#write(w, name, ranges);
  }

  #write(w: Writer, name: string, ranges: AbstractRange[]): void {
    const { ids } = this.page;
    const ends = ranges
      .filter((r) => [r.startContainer, r.endContainer].every((n) => ids.of(n) && !ids.masked(n)))
      .slice(0, most)
      .map((r) => [ids.of(r.startContainer), r.startOffset, ids.of(r.endContainer), r.endOffset] as const);
    const said = ends.join();
    if (said === (this.#said.get(name) ?? '')) return;
    if (said) this.#said.set(name, said);
    else this.#said.delete(name);
    w.op(Op.range);
    w.str(name);
    w.u(ends.length);
    for (const [start, from, end, to] of ends) {
      w.ref(start);
      w.u(from);
      w.ref(end);
      w.u(to);
    }
  }
}
