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

const longestAlike = 200; // UTF-16 units of a value that may be written for many elements at once

/** Elements whose attribute has the same value now: each, and then its value before. */
interface Alike {
  name: string;
  value: string;
  members: (Element | string | null)[];
}

export class Contents {
  #long: Long[] = [];
  readonly #alike = new Map<string, Alike[]>(); // by the value
  #last: Alike | null = null; // the group found last
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
      const value = el.getAttribute(name);
      const was = former[i + 1] ?? null;
      if (value === was && !this.pending) continue;
      const before = this.#sent(el, name) ?? this.#now(el, name, was);
      const now = this.#now(el, name, value);
      if (now === before) continue;
      if (now === null || now.length > longestAlike) this.#write(el, name, before, now);
      else this.#group(name, now).push(el, before);
    }
  }

  /** The group of an attribute's name and new value. */
  #group(name: string, value: string): Alike['members'] {
    let group = this.#last;
    if (group?.name === name && group.value === value) return group.members;
    const groups = this.#alike.get(value) ?? [];
    group = groups.find((g) => g.name === name) ?? { name, value, members: [] };
    if (group.members.length === 0) this.#alike.set(value, [...groups, group]);
    this.#last = group;
    return group.members;
  }

  /** Writes the attributes of this frame, of many elements at once where they have the same value now. */
  writeAlike(): void {
    const { w, ids } = this;
    for (const groups of this.#alike.values()) {
      for (const { name, value, members } of groups) {
        if (members.length > 4) {
          w.op(Op.alike);
          w.attrName(name);
          w.str(value);
          w.set(members.flatMap((el, i) => (i % 2 ? [] : ids.of(el as Element))).sort((a, b) => a - b));
        } else {
          for (let i = 0; i < members.length; i += 2)
            this.#write(members[i] as Element, name, members[i + 1] as string | null, value);
        }
      }
    }
    if (this.#last) this.#alike.clear();
    this.#last = null;
  }

  text(node: CharacterData, was: string): void {
    if (this.#again.has(node) || (was === node.data && !this.pending)) return;
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
      if (this.w.size > full) {
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
