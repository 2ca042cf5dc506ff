import { FORMAT, Head, Op } from '../capture/format.ts';
import { Page } from './page.ts';
import { type Reader, readPage, type Where } from './reader.ts';

export interface Viewport {
  width: number;
  height: number;
  bar: number;
  zoom: number;
  ratio: number;
  /** What the visitor's browser says yes to (media.ts); -1 if that is not told. */
  answers: number;
}

/** What a message says about the page as a whole. */
export interface Host {
  /** A snapshot begins: gives an empty document of the wanted mode. */
  blank(where: Where): Document;
  viewport(v: Viewport): void;
  page(where: Where): void;
  frozen(on: boolean): void;
  /** The list of a select is open, or no longer. */
  listed(select: Element, open: boolean): void;
  /** The page is not what a message's check says. */
  diverged(): void;
}

/** The visitor's page, version by version. Applies messages; never trusts them. */
export class Tree {
  #page: Page | null = null;
  #following = true;
  version = 0;

  constructor(readonly host: Host) {}

  /** Applies one message. Returns false if messages before it are missing; throws a RangeError if it is malformed. */
  apply(r: Reader): boolean {
    const first = r.byte();
    const head = first & Head.short ? 0 : first & ~Head.column;
    if (head & ~(Head.snapshot | Head.partial | Head.span | Head.hash))
      throw new RangeError('page message: unknown head');
    const [from, to] = this.#versions(r, first);
    if (head & Head.snapshot) {
      if (r.byte() !== FORMAT) throw new RangeError('page message: unknown format');
    } else if (from !== this.version || !this.#page) return false;
    const check = head & Head.hash ? { id: r.word(), sum: r.word() } : null;
    if (first & Head.column) r.column();
    const page = head & Head.snapshot ? this.#begin(r) : this.#page;
    if (!page) return false;
    while (!r.done) page.operation(r);
    this.version = to;
    page.mend();
    if (check && !page.passes(check)) this.host.diverged();
    return true;
  }

  /** Scrolls to where the visitor is, as far as what is loaded by now allows. */
  scroll(): void {
    this.#page?.scroll();
  }

  close(): void {
    this.#page?.close();
  }

  /** The page that there is now, null before the first. */
  get page(): Page | null {
    return this.#page;
  }

  /** Scrolls with the visitor, or only with the agent. */
  follow(on: boolean): void {
    this.#following = on;
    this.#page?.scrolls.follow(on);
  }

  #versions(r: Reader, head: number): [number, number] {
    const next = this.version + 1;
    const short = head & Head.short;
    if (!short && head & Head.span) return [r.u(), r.u()];
    const said = short ? (head ^ next) & (Head.short - 1) : r.byte() ^ (next & 255);
    return said === 0 ? [this.version, next] : [-1, next];
  }

  /** A snapshot begins with the page operation, which says what document it needs. */
  #begin(r: Reader): Page {
    if ((r.byte() & 31) !== Op.page) throw new RangeError('page message: a snapshot begins with page');
    const where = readPage(r);
    this.close();
    this.#page = new Page(this.host, this.host.blank(where));
    this.#page.scrolls.follow(this.#following);
    this.host.page(where);
    return this.#page;
  }
}
