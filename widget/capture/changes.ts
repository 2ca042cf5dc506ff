// One frame's mutation records, boiled down to what is different at its end.
// A node that came and went is not mentioned; an attribute set a hundred times
// is compared once, with what it was when the frame began.
import { Op } from './format.ts';
import type { Ids } from './ids.ts';
import { above } from './roots.ts';
import type { Serializer } from './serializer.ts';
import type { Writer } from './writer.ts';

/** A node's name and former value pairs, in the order of their first change. */
type Former = (string | null)[];

export class Changes {
  readonly touched = new Set<Node>(); // came, went or moved
  readonly attributes = new Map<Element, Former>();
  readonly texts = new Map<CharacterData, string>();

  constructor(
    readonly ids: Ids,
    readonly serializer: Serializer,
  ) {}

  clear(): void {
    for (const held of [this.touched, this.attributes, this.texts]) if (held.size > 0) held.clear();
  }

  read(records: readonly MutationRecord[]): void {
    const { ids } = this;
    for (const record of records) {
      const { type, target } = record;
      if (type === 'attributes') {
        if (ids.of(target)) this.#attribute(record, target as Element);
      } else if (type === 'characterData') {
        if (ids.of(target) && !this.texts.has(target as Text)) this.texts.set(target as Text, record.oldValue ?? '');
      } else {
        this.#children(record);
      }
    }
  }

  #attribute(record: MutationRecord, el: Element): void {
    let name = record.attributeName as string;
    const ns = record.attributeNamespace;
    if (ns) name = el.getAttributeNodeNS(ns, name)?.name ?? (ns.endsWith('xlink') ? `xlink:${name}` : name);
    const former = this.attributes.get(el);
    if (!former) this.attributes.set(el, [name, record.oldValue]);
    else if (!hasName(former, name)) former.push(name, record.oldValue);
  }

  #children(record: MutationRecord): void {
    const removed = record.removedNodes;
    const added = record.addedNodes;
    const { touched, ids } = this;
    const gone = removed.length;
    const come = added.length;
    if (gone === 1 && come === 1 && this.#takeOver(removed[0] as Node, added[0] as Node)) return;
    for (let i = 0; i < gone; i++) {
      const node = removed[i] as Node;
      if (ids.of(node)) touched.add(node);
    }
    if (come > 0 && ids.of(record.target)) for (let i = 0; i < come; i++) touched.add(added[i] as Node);
  }

  /** textContent = … makes a new text node in the old one's place: to the mirror it is the old one, changed. */
  #takeOver(from: Node, to: Node): boolean {
    const { ids, texts, touched } = this;
    if (from.nodeType !== 3 || to.nodeType !== 3 || !ids.of(from) || ids.of(to)) return false;
    const data = texts.get(from as Text) ?? (from as Text).data;
    ids.pass(from, to);
    texts.delete(from as Text);
    texts.set(to as Text, data);
    if (touched.delete(from)) touched.add(to);
    return true;
  }
}

function hasName(former: Former, name: string): boolean {
  for (let i = 0; i < former.length; i += 2) if (former[i] === name) return true;
  return false;
}

/** Writes where the touched nodes are now. */
export class Placer {
  #touched: Set<Node> = new Set();
  #done: Set<Node> = new Set();

  constructor(
    readonly w: Writer,
    readonly ids: Ids,
    readonly serializer: Serializer,
    /** Called before a known node is placed under a parent that is masked while the node is not. */
    readonly remask: (node: Node) => void,
  ) {}

  place(touched: Set<Node>): void {
    if (touched.size === 0) return;
    this.#touched = touched;
    this.#done = new Set();
    const { ids, serializer } = this;
    const removed: Node[] = [];
    const parents = new Map<Node, Node[]>();
    let moved = 0;
    for (const node of touched) {
      const parent = node.isConnected ? node.parentNode : null;
      const known = ids.of(node) !== 0;
      if (parent && ids.of(parent) && !serializer.opaque(parent)) {
        if (known) moved++;
        const list = parents.get(parent);
        if (list) list.push(node);
        else parents.set(parent, [node]);
      } else if (known) {
        removed.push(node);
      }
    }
    // A node may only go under a parent that is in its final place already: shallow ones first.
    const order = moved > 0 && parents.size > 1 ? [...parents].sort(([a], [b]) => depth(a) - depth(b)) : parents;
    for (const [parent, nodes] of order) for (const node of nodes) if (!this.#done.has(node)) this.#run(parent, node);
    this.#remove(removed);
  }

  /** Places the longest run of touched siblings around a node. */
  #run(parent: Node, node: Node): void {
    const { ids, serializer } = this;
    let head = node;
    let before = node.previousSibling;
    while (before && this.#touched.has(before)) {
      head = before;
      before = before.previousSibling;
    }
    if (serializer.pending.has(parent) && before && !ids.of(before) && serializer.travels(before) && !ids.of(node)) {
      this.#done.add(node); // its turn comes with the siblings before it
      return;
    }
    while (before && !ids.of(before)) before = before.previousSibling;
    let after = before ? ids.of(before) : 0;
    const masked = ids.masked(parent);
    for (let n: Node | null = head; n && this.#touched.has(n); ) {
      if (ids.of(n)) {
        const moves: number[] = [];
        for (; n && this.#touched.has(n) && ids.of(n); n = n.nextSibling) {
          if (masked && !ids.masked(n)) this.remask(n);
          this.#done.add(n);
          moves.push(ids.of(n));
        }
        this.#move(ids.of(parent), after, moves);
        after = moves.at(-1) as number;
      } else {
        [n, after] = this.#insert(parent, after, n, masked);
      }
    }
  }

  /** Inserts the unknown nodes from `first` on; returns what follows them and the id of the last one placed. */
  #insert(parent: Node, after: number, first: Node, masked: boolean): [Node | null, number] {
    const { ids, serializer } = this;
    let n: Node | null = first;
    let open = false;
    for (; n && this.#touched.has(n) && !ids.of(n); n = n.nextSibling) {
      this.#done.add(n);
      if (!serializer.travels(n)) continue;
      if (serializer.spent()) {
        serializer.pending.set(parent, null); // from the first child again: what is known is passed over quickly
        break;
      }
      if (!open) serializer.open(ids.of(parent), after);
      open = true;
      serializer.node(n, masked);
      after = ids.of(n);
    }
    if (open) serializer.close();
    while (n && this.#touched.has(n) && !ids.of(n)) {
      this.#done.add(n);
      n = n.nextSibling;
    }
    return [n, after];
  }

  #move(parent: number, after: number, moves: number[]): void {
    const { w } = this;
    const sorted = moves.length > 8 ? [...moves].sort((a, b) => a - b) : null;
    w.op(Op.move, sorted ? 1 : 0);
    w.ref(parent);
    w.ref(after);
    if (!sorted) {
      w.u(moves.length);
      for (const id of moves) w.ref(id);
      return;
    }
    w.set(sorted);
    const rank = new Map(sorted.map((id, i) => [id, i]));
    let expected = 0;
    for (let i = 0; i < moves.length; ) {
      const first = rank.get(moves[i] as number) as number;
      let n = 1;
      while (i + n < moves.length && rank.get(moves[i + n] as number) === first + n) n++;
      const d = first - expected;
      w.u(((((d << 1) ^ (d >> 31)) << 1) | (n > 1 ? 1 : 0)) >>> 0);
      if (n > 1) w.u(n - 2);
      expected = first + n;
      i += n;
    }
  }

  #remove(nodes: Node[]): void {
    const gone: number[] = [];
    for (const node of nodes) {
      if (!this.ids.of(node)) continue; // went with an ancestor, or was placed inside a new one
      if (node.isConnected && this.ids.of(node) && this.#placed(node)) continue;
      gone.push(this.ids.of(node));
      this.serializer.forget(node);
    }
    if (gone.length === 0) return;
    this.w.op(Op.remove);
    this.w.set(gone.sort((a, b) => a - b));
  }

  /** Whether a node's present parent is known: then an insert has taken it along. */
  #placed(node: Node): boolean {
    const parent = node.parentNode;
    return parent !== null && this.ids.of(parent) !== 0 && !this.serializer.opaque(parent);
  }
}

function depth(node: Node): number {
  let n = 0;
  for (let p: Node | null = node; p; p = above(p)) n++;
  return n;
}
