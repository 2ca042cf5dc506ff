// The messages of a frame of another origin (dom/FORMAT.md), written again as
// operations of the page that it is in: its ids become ids of the page, its
// document a document inside the frame's element. Its own head, address, size and
// versions do not travel. Nothing of it is trusted to be well made.
import type { Woven } from '../capture/capture.ts';
import { DOCUMENT, FORMAT, FrameLimit, Head, Op, Special, Splice } from '../capture/format.ts';
import { attrName, message, op, plain, ref, refs, reset, set, str, tag, u, z } from '../capture/writer.ts';
import { Reader, readList, readPage, readPermutation } from '../mirror/reader.ts';

export class Renumberer {
  readonly #ids = new Map<number, number>(); // the page's, by the frame's
  #root = 0; // the frame's document as the page knows it, 0: not at all
  #next = 0; // the first free id of the page
  #gone = 0; // ids that the message gives up

  /** The frame's message as one of the page; null while no snapshot has come. A RangeError if it cannot be read. */
  written(bytes: Uint8Array, frame: number, next: number): Woven | null {
    const r = new Reader(bytes);
    const snapshot = head(r);
    if (!snapshot && this.#ids.size === 0) return null;
    reset();
    this.#next = next;
    this.#gone = 0;
    if (snapshot) this.#begin(r, frame);
    while (!r.done) this.#operation(r);
    this.#root = this.#at(DOCUMENT);
    return { ids: this.#next - next, gone: this.#gone, message };
  }

  /** What takes the frame's document away; null if there is none. */
  ended(): Woven | null {
    reset();
    const there = this.#end();
    this.#root = 0;
    return there ? { ids: 0, gone: this.#gone, message } : null;
  }

  #end(): boolean {
    this.#gone = this.#ids.size;
    this.#ids.clear();
    if (!this.#root) return false;
    op(Op.remove);
    set([this.#root]);
    return true;
  }

  #begin(r: Reader, frame: number): void {
    this.#end();
    if ((r.byte() & 31) !== Op.page) throw new RangeError('page message: a snapshot begins with page');
    const { quirks } = readPage(r);
    op(Op.insert, 0, frame);
    ref(0);
    ref(this.#new(DOCUMENT));
    for (const special of [quirks ? Special.quirksDocument : Special.document, Special.end, Special.end])
      u((special << 2) | 3);
  }

  /** The page's id for one of the frame's; 0 if that is not there. */
  #at(id: number): number {
    return this.#ids.get(id) ?? 0;
  }

  #new(id: number): number {
    if (this.#ids.has(id) || this.#ids.size >= FrameLimit.nodes) throw new RangeError('page message: ids of a frame');
    this.#ids.set(id, this.#next);
    return this.#next++;
  }

  #known(ids: number[]): number[] {
    return ids.map((id) => this.#at(id)).filter(Boolean);
  }

  #operation(r: Reader): void {
    const byte = r.byte();
    const [code, k] = [byte & 31, byte >> 5];
    /** Begins the operation, on a node of the frame's. */
    const on = (): void => {
      op(code, k);
      ref(this.#at(r.ref()));
    };
    const numbers = (n: number): void => {
      for (let i = 0; i < n; i++) u(r.u());
    };
    switch (code) {
      case Op.page:
        readPage(r);
        break;
      case Op.viewport:
        for (let i = 0; i < 5 + +(k === 1); i++) r.u();
        break;
      case Op.freeze:
        break;
      case Op.insert:
        this.#insert(r, k);
        break;
      case Op.remove:
        op(code);
        set(this.#known(r.set()));
        break;
      case Op.move: {
        const parent = this.#at(r.ref());
        const after = this.#place(r.ref(), parent);
        const ids = this.#known(k === 1 ? readPermutation(r) : readList(r));
        op(code);
        ref(parent);
        ref(after);
        refs(ids);
        break;
      }
      case Op.text:
      case Op.value:
        on();
        splice(r, k, false);
        break;
      case Op.attr:
        on();
        attrName(r.attrName());
        splice(r, k, true);
        break;
      case Op.unset:
        on();
        attrName(r.attrName());
        break;
      case Op.alike:
        op(code);
        attrName(r.attrName());
        str(r.str());
        set(this.#known(r.set()));
        break;
      case Op.state:
        on();
        numbers(1);
        break;
      case Op.media:
        on();
        numbers(3);
        break;
      case Op.scroll:
        on();
        z(r.z());
        z(r.z());
        break;
      case Op.focus:
      case Op.hover: {
        const id = this.#at(r.ref());
        if (!id) break; // it is elsewhere in the page, which says so
        op(code, k);
        ref(id);
        break;
      }
      case Op.sheet: {
        const id = r.ref();
        op(code, k);
        ref(this.#at(id) || (k === 0 ? this.#new(id) : 0));
        if (k === 0) plains(r);
        break;
      }
      case Op.rule:
        on();
        numbers(1);
        if (k !== 1) plain(r.plain());
        break;
      case Op.adopt:
        on();
        refs(this.#known(readList(r)));
        break;
      case Op.range:
        this.#range(r);
        break;
      case Op.animate:
        on();
        for (let n = count(r); n > 0; n--) {
          numbers(3);
          for (let i = 0; i < 3; i++) z(r.z());
          plain(r.plain());
          plain(r.plain());
        }
        break;
      case Op.image:
        on();
        numbers(1);
        plain(r.plain());
        break;
      case Op.custom:
        on();
        str(r.str());
        break;
      default:
        throw new RangeError(`page message: unknown operation ${code}`);
    }
  }

  /** The sibling to come after. One that is gone means the last place, as its parent does, which is no sibling. */
  #place(after: number, parent: number): number {
    return after && (this.#at(after) || parent);
  }

  #insert(r: Reader, explicit: number): void {
    const parent = this.#at(r.ref());
    const after = this.#place(r.ref(), parent);
    const first = r.ref();
    if (!parent || explicit) throw new RangeError('page message: an insert into nothing');
    op(Op.insert);
    ref(parent);
    ref(after);
    ref(this.#next);
    this.#nodes(r, first, 0);
  }

  /** Writes siblings up to the end mark, and returns the frame's next id. */
  #nodes(r: Reader, first: number, depth: number): number {
    if (depth > FrameLimit.depth) throw new RangeError('page message: a frame is too deep');
    let next = first;
    for (;;) {
      const h = r.u();
      const kind = h & 3;
      const code = Math.floor(h / 4);
      if (kind === 3 && code === Special.existing) {
        const id = this.#at(r.u());
        if (id) {
          u(h);
          u(id);
        }
        continue;
      }
      if (kind !== 1 && kind !== 2) u(h);
      if (kind === 3 && code === Special.end) return next;
      this.#new(next++);
      if (kind === 0) plain(r.plain());
      else if (kind !== 3) {
        tag(r.tag(code), kind);
        for (let n = count(r); n > 0; n--) {
          attrName(r.attrName());
          str(r.str());
        }
      }
      if (kind > 1) next = this.#nodes(r, next, depth + 1);
    }
  }

  #range(r: Reader): void {
    const name = r.str();
    const list: number[][] = [];
    for (let n = r.u(); n > 0; n--) list.push([this.#at(r.ref()), r.u(), this.#at(r.ref()), r.u()]);
    if (!name && list.length === 0) return; // what is selected is elsewhere in the page
    op(Op.range);
    str(name);
    u(list.length);
    for (const [start = 0, from = 0, end = 0, to = 0] of list) {
      ref(start);
      u(from);
      ref(end);
      u(to);
    }
  }

  /** A pointer record of the frame's as one of the page; the frame's viewport begins at a point of the page's. */
  pointer(record: Uint8Array, left: number, top: number): Uint8Array {
    const r = new Reader(record);
    reset();
    z(Math.round(r.z() + left));
    z(Math.round(r.z() + top));
    u(r.u());
    u(this.#at(r.u()));
    return message([]);
  }
}

/** Reads what comes before the operations, and whether a snapshot begins. */
function head(r: Reader): boolean {
  const first = r.byte();
  const short = first & Head.short;
  const bits = short ? 0 : first & ~Head.column;
  if (bits & ~(Head.snapshot | Head.partial | Head.span)) throw new RangeError('page message: unknown head');
  if (bits & Head.span) {
    r.u();
    r.u();
  } else if (!short) r.byte();
  if (bits & Head.snapshot && r.byte() !== FORMAT) throw new RangeError('page message: unknown format');
  if (first & Head.column) r.column();
  return (bits & Head.snapshot) > 0;
}

function splice(r: Reader, k: number, tabled: boolean): void {
  if (k > Splice.set) throw new RangeError(`page message: a splice of kind ${k}`);
  if (k === Splice.at || k === Splice.insert) u(r.u());
  if (k === Splice.at || k === Splice.tail) u(r.u());
  if (tabled && k === Splice.set) str(r.str());
  else plain(r.plain());
}

function plains(r: Reader): void {
  for (let n = count(r); n > 0; n--) plain(r.plain());
}

function count(r: Reader): number {
  const n = r.u();
  u(n);
  return n;
}
