import { Blobs } from './blobs.ts';
import { Changes, Placer } from './changes.ts';
import { Contents } from './contents.ts';
import { fontSources } from './early.ts';
import { DOCUMENT, FORMAT, Head, Op } from './format.ts';
import type { Ids } from './ids.ts';
import { Masks } from './masks.ts';
import type { Page } from './more.ts';
import type { Part } from './part.ts';
import { isDocument, isFrame, type Root } from './roots.ts';
import { Serializer } from './serializer.ts';
import { Sheets } from './sheets.ts';
import { pointerRecord, Signals } from './signals.ts';
import { States } from './states.ts';
import { pointerEvents, Watch } from './watch.ts';
import { Writer } from './writer.ts';

export interface Options {
  /** Selectors whose elements are masked, besides data-kohe-mask (dom/mask documents the subset). */
  mask?: readonly string[];
  /** Shows what canvases show, two pictures a second of each (default: no). */
  canvas?: boolean;
  /** Gets pointer records, at most one a frame. */
  onPointer?: (record: Uint8Array) => void;
}

const slice = 6; // ms that a frame gives to nodes that are new to the mirror
const full = 384 << 10; // bytes of a message after which no new node begins
/** Attributes that change what an element's state is, or is compared with. */
const telling = new Set(['value', 'type', 'open', 'checked', 'popover', 'rel', 'disabled']);
/**
 * Watches one document, with the frames of its origin, and gives messages
 * (dom/FORMAT.md) to a sink. The first change after a quiet frame leaves at once,
 * in the MutationObserver's callback; the rest wait for the next frame, so there
 * is at most one message a frame. A hidden page is frozen: nothing is observed,
 * and showing it again begins with a new snapshot.
 */
export class Capture {
  readonly #w = new Writer();
  readonly #head = new Writer();
  readonly #masks: Masks;
  readonly #serializer: Serializer;
  readonly #changes: Changes;
  readonly #placer: Placer;
  readonly #states: States;
  readonly #sheets: Sheets;
  readonly #signals: Signals;
  readonly #contents: Contents;
  readonly #parts: Part[]; // grows once `more` is loaded
  readonly #watch: Watch;
  readonly #page: Page;
  readonly #fresh: Element[] = []; // new in this message, and with a state
  readonly #scrollers: Node[] = []; // new, perhaps scrolled
  readonly #hosts = new Set<Element>(); // known elements that got another root
  #records: MutationRecord[] = [];
  #version = 0;
  #snapshot = false; // the next message begins a snapshot
  #first = false; // a snapshot's slices are on their way
  #frame = 0; // requestAnimationFrame's handle; 0: quiet
  #queued = false;
  #dirty = false;
  #live = false;
  #closed = false;
  #pointer: PointerEvent | null = null;

  constructor(
    readonly sink: (message: Uint8Array) => void,
    readonly options: Options,
    readonly ids: Ids,
  ) {
    const signal = (): void => this.#signal();
    const w = this.#w;
    this.#masks = new Masks(options.mask ?? []);
    this.#serializer = new Serializer({
      w,
      ids,
      masks: this.#masks,
      blobs: new Blobs((el) => this.#contents.again(el)),
      arrived: (el, kind) => {
        if (kind.more || !kind.scrolls || el.hasAttribute('popover')) this.#fresh.push(el);
        if (kind.scrolls && this.#first) this.#scrollers.push(el);
      },
      rooted: (root) => this.#rooted(root),
      remask: (node) => this.#contents.mask(node, true),
      cut: (node, name, sent) => this.#contents.cut(node, name, sent),
    });
    this.#contents = new Contents(w, ids, this.#masks, this.#serializer, signal, (el) => this.#states.forgetValue(el));
    this.#changes = new Changes(ids, this.#serializer);
    this.#placer = new Placer(w, ids, this.#serializer, (node) => this.#contents.mask(node, true));
    this.#parts = [];
    this.#states = new States(ids, this.#masks, signal, this.#parts);
    this.#sheets = new Sheets(ids, signal);
    this.#signals = new Signals(ids, signal);
    this.#parts.push(this.#states, this.#sheets, this.#signals);
    this.#watch = new Watch(
      {
        mutated: (records) => {
          this.#collect(records);
          this.#changed();
        },
        happened: (event) => this.#event(event),
        rerooted: (host) => this.#reroot(host),
      },
      this.#parts,
      options.onPointer !== undefined,
    );
    this.#page = {
      ids,
      roots: this.#watch.roots,
      fontSources,
      signal,
      touch: this.#states.touch,
      again: (el) => this.#contents.again(el),
      adopt: (doc, sheet) => this.#sheets.adopt(doc, sheet),
    };
  }

  open(): void {
    document.addEventListener('visibilitychange', this.#visibility);
    if (document.visibilityState === 'visible') this.#resume();
    void import('./more.ts').then(({ more }) => this.#extend(more(this.#page, this.options.canvas ?? false)));
  }

  /** Takes in parts that were loaded late. */
  #extend(parts: Part[]): void {
    if (this.#closed) return;
    this.#watch.extend(parts);
    this.#signal();
  }

  close(): void {
    this.#closed = true;
    document.removeEventListener('visibilitychange', this.#visibility);
    this.#pause();
    this.#watch.undo();
  }

  /** Begins a new snapshot, whatever the mirror has. */
  snapshot(): void {
    if (!this.#live) return;
    this.#begin();
    this.#flush(performance.now() + slice);
    this.#schedule();
  }

  /** Sends all there is to send, now. */
  flush(): void {
    if (!this.#live) return;
    do this.#flush(Number.POSITIVE_INFINITY);
    while (this.#unfinished());
  }

  readonly #visibility = (): void => {
    if (document.visibilityState === 'visible') this.#resume();
    else this.freeze();
  };

  /** Says that the page is hidden, and stops watching it. */
  freeze(): void {
    if (!this.#live) return;
    this.flush();
    this.#pause();
    this.#w.reset();
    this.#w.op(Op.freeze, 1);
    this.#send();
  }

  #resume(): void {
    if (this.#live) return;
    this.#live = true;
    this.snapshot();
  }

  #pause(): void {
    if (!this.#live) return;
    this.#live = false;
    this.#unwatch();
    if (this.#frame) cancelAnimationFrame(this.#frame);
    this.#frame = 0;
  }

  #unwatch(): void {
    this.#watch.clear();
    this.#records = [];
  }

  #begin(): void {
    this.#unwatch();
    this.ids.renew();
    for (const part of this.#parts) part.renew?.();
    this.#contents.renew();
    for (const held of [this.#serializer.pending, this.#hosts]) held.clear();
    this.#serializer.nodes = 0;
    this.#snapshot = this.#first = true;
    this.#rooted(document);
  }

  #rooted(root: Root): void {
    this.#watch.add(root);
    if (isDocument(root)) this.#scrollers.push(root);
  }

  #event(event: Event): void {
    const target = event.composedPath()[0] as Element;
    if (pointerEvents.includes(event.type)) {
      this.#pointer = event as PointerEvent;
      this.#schedule();
    } else if (event.type === 'load') this.#loaded(target);
    else for (const part of this.#parts) part.handle?.(event, target);
  }

  #loaded(target: Element): void {
    if (isFrame(target)) this.#reroot(target);
    else if (target.localName === 'link' && this.ids.of(target)) {
      this.#sheets.arrived(target);
      this.#signal();
    }
  }

  /** An element may have another root than before. */
  #reroot(el: Element): void {
    if (!this.#live || !this.ids.of(el)) return;
    this.#hosts.add(el);
    this.#signal();
  }

  /** Something changed that no MutationObserver sees. */
  #signal(): void {
    if (!this.#live) return;
    this.#dirty = true;
    if (this.#frame || this.#queued) return;
    this.#queued = true;
    queueMicrotask(() => {
      this.#queued = false;
      if (this.#dirty && !this.#frame) this.#changed();
    });
  }

  #collect(records: MutationRecord[]): void {
    if (this.#records.length === 0) this.#records = records;
    else for (const record of records) this.#records.push(record);
  }

  #changed(): void {
    if (!this.#live || this.#frame) return;
    this.#flush(performance.now() + slice);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#live && !this.#frame) this.#frame = requestAnimationFrame(this.#tick);
  }

  readonly #tick = (): void => {
    this.#frame = 0;
    if (this.#pointer) {
      this.options.onPointer?.(pointerRecord(this.#w, this.#pointer, this.ids));
      this.#pointer = null;
    }
    if (this.#dirty || this.#records.length > 0 || this.#unfinished()) {
      this.#flush(performance.now() + slice);
      this.#schedule();
    }
  };

  #unfinished(): boolean {
    return this.#serializer.pending.size > 0 || this.#contents.pending || this.#states.pending || this.#sheets.pending;
  }

  #flush(deadline: number): void {
    const w = this.#w;
    this.#collect(this.#watch.take());
    const records = this.#records;
    this.#records = [];
    this.#dirty = false;
    w.reset();
    this.#serializer.begin(deadline, full);
    const first = this.ids.next;
    if (this.#snapshot) this.#start();
    else this.#differences(records, first);
    this.#serializer.resume();
    this.#newcomers();
    this.#contents.rest(full);
    this.#contents.rewrite();
    for (const part of this.#parts) part.write?.(w, deadline);
    if (w.length > 0) this.#send();
  }

  #start(): void {
    const { documentElement } = document;
    this.#signals.page(this.#w);
    this.#signals.viewport(this.#w);
    if (!documentElement) return;
    this.#serializer.open(DOCUMENT, 0);
    this.#serializer.node(documentElement, false);
    this.#serializer.close();
  }

  #attributes(el: Element, former: (string | null)[]): void {
    this.#contents.attributes(el, former);
    for (let i = 0; i < former.length; i += 2) if (telling.has(former[i] as string)) this.#states.touch(el);
  }

  #differences(records: MutationRecord[], first: number): void {
    const { ids } = this;
    const changes = this.#changes;
    changes.read(records);
    for (const [el, former] of changes.attributes) {
      if (this.#masks.watches(former as string[], el) && ids.of(el)) this.#contents.mask(el, ids.masked(el));
    }
    this.#placer.place(changes.touched);
    for (const host of this.#hosts) this.#serializer.rerooted(host);
    this.#hosts.clear();
    for (const node of changes.touched) this.#structural(node.parentNode);
    for (const [el, former] of changes.attributes) {
      const id = ids.of(el);
      if (id && id < first) this.#attributes(el, former);
    }
    this.#contents.writeAlike();
    for (const [node, before] of changes.texts) {
      const id = ids.of(node);
      if (!id || id >= first) continue;
      this.#contents.text(node, before);
      this.#structural(node.parentNode);
    }
    changes.clear();
  }

  /** A change among the children of a node whose children mean something. */
  #structural(parent: Node | null): void {
    if (!parent || !this.ids.of(parent)) return;
    const el = parent as Element;
    if (isDocument(parent)) this.#watch.listen(parent, true); // document.open takes the listeners away
    switch (el.localName) {
      case 'style':
        this.#sheets.retexted(el);
        break;
      case 'head':
      case 'title':
        this.#signals.moved();
        break;
      case 'textarea':
      case 'select':
        this.#states.touch(el);
    }
  }

  /** What new elements have to say beyond their attributes. */
  #newcomers(): void {
    for (const el of this.#fresh) for (const part of this.#parts) part.arrived?.(el);
    for (const node of this.#scrollers) this.#signals.scroller(node);
    this.#fresh.length = this.#scrollers.length = 0;
    this.#first &&= this.#serializer.pending.size > 0;
  }

  #send(): void {
    const head = this.#head;
    head.reset();
    const partial = this.#unfinished() ? Head.partial : 0;
    this.#version++;
    if (this.#snapshot) {
      head.byte(Head.snapshot | Head.span | partial);
      head.u(0);
      head.u(this.#version);
      head.byte(FORMAT);
    } else if (partial) {
      head.byte(partial);
      head.byte(this.#version & 255);
    } else head.byte(Head.short | (this.#version & (Head.short - 1)));
    this.#snapshot = false;
    this.sink(this.#w.finish(head));
  }
}
