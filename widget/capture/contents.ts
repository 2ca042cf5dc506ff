// What known nodes hold: text and attributes. Changes are sent as splices, what
// came under a mask is sent again, masked, and long strings go in pieces.
import { Limit, Op, Splice } from './format.ts';
import type { Ids } from './ids.ts';
import type { Masks } from './masks.ts';
import type { Serializer } from './serializer.ts';
import { change, type Writer, writeChange } from './writer.ts';

/** A string longer than a message should carry: what of it has been sent. Name '' is a node's text. */
interface Long {
  node: Node;
  name: string;
  sent: string;
}

const alike = 200; // UTF-16 units of a value that may be written for many elements at once

export class Contents {
  #long: Long[] = [];
  readonly #alike = new Map<string, [Element, string | null][]>(); // name and new value → elements, and their old values
  readonly #again = new Set<Node>(); // known nodes that are to be sent again, because they came under a mask, say

  constructor(
    readonly w: Writer,
    readonly ids: Ids,
    readonly masks: Masks,
    readonly serializer: Serializer,
    readonly signal: () => void,
    /** Called for elements whose value has to be sent again, masked. */
    readonly remaskedElement: (el: Element) => void,
  ) {}

  renew(): void {
    this.#long = [];
    this.#again.clear();
  }

  /** Whether long strings are still on their way. */
  get pending(): boolean {
    return this.#long.length > 0;
  }

  /** A new node's string was cut: the rest follows. */
  cut(node: Node, name: string, sent: string): void {
    this.#long.push({ node, name, sent });
  }

  attributes(el: Element, former: readonly (string | null)[]): void {
    if (this.#again.has(el)) return;
    for (let i = 0; i < former.length; i += 2) {
      const name = former[i] as string;
      const before = this.#sent(el, name) ?? this.#now(el, name, former[i + 1] ?? null);
      const now = this.#now(el, name, el.getAttribute(name));
      if (now === before) continue;
      if (now === null || now.length > alike) {
        this.#write(el, name, before, now);
        continue;
      }
      const key = `${name}\0${now}`;
      const same = this.#alike.get(key);
      if (same) same.push([el, before]);
      else this.#alike.set(key, [[el, before]]);
    }
  }

  /** Writes the attributes of this frame, of many elements at once where they have the same value now. */
  writeAlike(): void {
    const { w, ids } = this;
    for (const [key, list] of this.#alike) {
      const [name, now] = key.split('\0', 2) as [string, string];
      if (list.length < 3) for (const [el, before] of list) this.#write(el, name, before, now);
      else {
        w.op(Op.alike);
        w.attrName(name);
        w.str(now);
        w.set(list.map(([el]) => ids.of(el)).sort((a, b) => a - b));
      }
    }
    this.#alike.clear();
  }

  text(node: CharacterData, was: string): void {
    if (this.#again.has(node)) return;
    const before = this.#sent(node, '') ?? this.#now(node, '', was);
    const now = this.#now(node, '', node.data);
    if (now !== before) this.#write(node, '', before, now);
  }

  /** What the mirror has of a long string that is on its way. */
  #sent(node: Node, name: string): string | undefined {
    return this.pending ? this.#long.find((l) => l.node === node && l.name === name)?.sent : undefined;
  }

  /** Text (name '') or an attribute as it leaves. */
  #now(node: Node, name: string, value: string | null): string | null {
    if (value === null) return null;
    const masked = this.ids.masked(node);
    return name === ''
      ? this.serializer.textOf(node as CharacterData, value, masked)
      : this.serializer.attributeOf(node as Element, name, value, masked);
  }

  #write(node: Node, name: string, before: string | null, now: string | null): void {
    const { w } = this;
    const id = this.ids.of(node);
    if (now === null) {
      w.op(Op.unset);
      w.ref(id);
      w.attrName(name);
      return;
    }
    const c = change(before ?? '', now);
    if (c.insert.length > Limit.inline) {
      if (this.#sent(node, name) === undefined) this.cut(node, name, before ?? '');
      return;
    }
    const k = before === null ? Splice.set : c.k;
    w.op(name === '' ? Op.text : Op.attr, k);
    w.ref(id);
    if (name !== '') w.attrName(name);
    if (k !== Splice.set) writeChange(w, c);
    else if (name === '') w.plain(now);
    else w.str(now);
  }

  /** Asks the rules about a known subtree and marks at once what is masked now; remask sends it. */
  mask(node: Node, inherited: boolean): void {
    const { ids } = this;
    const masked =
      inherited || ids.masked(node) || (node.nodeType === 1 && this.masks.self(node as Element, null, null));
    if (masked && !ids.masked(node)) {
      ids.mask(node);
      this.#again.add(node);
    }
    for (let child = node.firstChild; child; child = child.nextSibling) if (ids.of(child)) this.mask(child, masked);
    const root = this.serializer.roots.get(node as Element);
    if (root && ids.of(root)) this.mask(root, masked);
  }

  /** Has an element's attributes sent again. */
  again(el: Element): void {
    this.#again.add(el);
    this.signal();
  }

  /** Sends again what has to be. */
  rewrite(): void {
    for (const node of this.#again) {
      if (!this.ids.of(node)) continue;
      if (node.nodeType === 3) this.#write(node, '', null, this.#now(node, '', (node as Text).data));
      if (node.nodeType !== 1) continue;
      for (const { name, value } of [...(node as Element).attributes]) {
        this.#write(node, name, null, this.#now(node, name, value));
      }
      this.remaskedElement(node as Element);
    }
    this.#again.clear();
  }

  /** Goes on with long strings until the message has so many bytes. */
  rest(full: number): void {
    const list = this.#long;
    this.#long = [];
    for (const long of list) {
      const { node, name, sent } = long;
      if (!this.ids.of(node) || this.#again.has(node)) continue;
      const value = name === '' ? (node as CharacterData).data : (node as Element).getAttribute(name);
      const whole = this.#now(node, name, value);
      if (whole === null || whole === sent) continue;
      if (this.w.length > full) {
        this.#long.push(long);
        continue;
      }
      const c = change(sent, whole);
      const end = c.start + Limit.inline;
      const pair = (whole.charCodeAt(end - 1) & 0xfc00) === 0xd800; // not to be cut
      const to = c.insert.length <= Limit.inline ? whole : whole.slice(0, pair ? end - 1 : end);
      this.#write(node, name, sent, to);
      if (to !== whole) this.#long.push({ node, name, sent: to });
    }
  }
}
