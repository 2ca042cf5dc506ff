// What is marked in text: the visitor's selection and the page's own highlights.
import { idOf, isMasked, signal } from './core.ts';
import { Op } from './format.ts';
import type { Part } from './part.ts';
import { patch } from './patches.ts';
import { type Realm, viewIn } from './roots.ts';
import { roots } from './watch.ts';
import { op, ref, str, u } from './writer.ts';

const most = 1000; // ranges under one name

const said = new Map<string, string>();
let dirty = true;

function changed(): void {
  dirty = true;
  signal();
}

export const ranges: Part = {
  renew() {
    said.clear();
    dirty = true;
  },

  patch(view) {
    patch(view, 'Highlight add delete clear HighlightRegistry set delete clear', changed);
  },

  handle(type) {
    if (type === 'selectionchange') changed();
  },

  write() {
    if (!dirty) return;
    dirty = false;
    const now = new Map<string, AbstractRange[]>();
    for (const name of ['', ...said.keys()]) now.set(name, []);
    for (const root of roots) {
      const view = viewIn(root) as Realm | null;
      const chosen = view?.getSelection();
      if (chosen?.rangeCount && !chosen.isCollapsed) now.get('')?.push(chosen.getRangeAt(0));
      for (const [name, highlight] of view?.CSS.highlights ?? [])
        now.set(name, [...(now.get(name) ?? []), ...(highlight as unknown as Iterable<AbstractRange>)]);
    }
    for (const [name, list] of now) write(name, list);
  },
};

/** Writes the ranges of a name, the empty one for the selection. */
function write(name: string, list: AbstractRange[]): void {
  const shown = list
    .filter((r) => [r.startContainer, r.endContainer].every((n) => idOf(n) && !isMasked(n)))
    .slice(0, most)
    .map((r) => [idOf(r.startContainer), r.startOffset, idOf(r.endContainer), r.endOffset] as const);
  if (`${shown}` === (said.get(name) ?? '')) return;
  if (shown.length > 0) said.set(name, `${shown}`);
  else said.delete(name);
  op(Op.range);
  str(name);
  u(shown.length);
  for (const [start, from, end, to] of shown) {
    ref(start);
    u(from);
    ref(end);
    u(to);
  }
}
