import { Changes, Placer } from './changes.ts';
import { Contents } from './contents.ts';
import { DOCUMENT, FORMAT, Head, maskText, Op } from './format.ts';
import type { Ids } from './ids.ts';
import { Masks } from './masks.ts';
import { Patches } from './patches.ts';
import { Serializer } from './serializer.ts';
import { Sheets } from './sheets.ts';
import { pointerRecord, Signals } from './signals.ts';
import { States } from './states.ts';
import { Writer } from './writer.ts';

export interface Options {
  /** Selectors whose elements are masked, besides data-kohe-mask (dom/mask documents the subset). */
  mask?: readonly string[];
  /** Gets pointer records, at most one a frame. */
  onPointer?: (record: Uint8Array) => void;
}

const slice = 6; // ms that a frame gives to nodes that are new to the mirror
const full = 384 << 10; // bytes of a message after which no new node begins
const observed: MutationObserverInit = {
  subtree: true,
  childList: true,
  attributes: true,
  attributeOldValue: true,
  characterData: true,
  characterDataOldValue: true,
};
/** Attributes that change what an element's state is, or is compared with. */
const telling = new Set(['value', 'type', 'open', 'checked', 'popover', 'rel', 'disabled']);
const listened = { capture: true, passive: true } as const;

/**
 * Watches one document and gives messages (dom/FORMAT.md) to a sink. The first
 * change after a quiet frame leaves at once, in the MutationObserver's callback;
 * the rest wait for the next frame, so there is at most one message a frame. A
 * hidden page is frozen: nothing is observed, and showing it again begins with a
 * new snapshot.
 */
export class Capture {
  readonly #w = new Writer();
  readonly #head = new Writer();
  readonly #ids: Ids;
  readonly #masks: Masks;
  readonly #serializer: Serializer;
  readonly #changes: Changes;
  readonly #placer: Placer;
  readonly #states: States;
  readonly #sheets: Sheets;
  readonly #signals: Signals;
  readonly #patches = new Patches();
  readonly #observer: MutationObserver;
  readonly #roots = new Set<ShadowRoot>(); // observed
  readonly #fresh: Element[] = []; // new in this message, and with a state
  readonly #scrollers: Element[] = []; // new in a snapshot, perhaps scrolled
  readonly #hosts = new Set<Element>(); // known elements that got a shadow root
  readonly #contents: Contents;
  #records: MutationRecord[] = [];
  #version = 0;
  #snapshot = false; // the next message begins a snapshot
  #first = false; // a snapshot's slices are on their way
  #frame = 0; // requestAnimationFrame's handle; 0: quiet
  #queued = false;
  #dirty = false;
  #live = false;
  #root: Element | null = null; // the document element that listeners were set up for
  #pointer: PointerEvent | null = null;

  constructor(
    readonly sink: (message: Uint8Array) => void,
    readonly options: Options,
    readonly closedRoots: WeakMap<Element, ShadowRoot>,
    ids: Ids,
  ) {
    this.#ids = ids;
    const signal = (): void => this.#signal();
    this.#masks = new Masks(options.mask ?? []);
    this.#serializer = new Serializer({
      w: this.#w,
      ids: this.#ids,
      masks: this.#masks,
      arrived: (el, kind) => {
        if (kind.more || !kind.scrolls || el.hasAttribute('popover')) this.#fresh.push(el);
        if (kind.scrolls && this.#first) this.#scrollers.push(el);
      },
      shadowOf: (el) => el.shadowRoot ?? this.closedRoots.get(el) ?? null,
      rooted: (root) => this.#rooted(root),
      remask: (node) => this.#contents.mask(node, true),
      cut: (node, name, sent) => this.#contents.cut(node, name, sent),
    });
    this.#contents = new Contents(this.#w, this.#ids, this.#masks, this.#serializer, (el) =>
      this.#states.forgetValue(el),
    );
    this.#changes = new Changes(this.#ids, this.#serializer);
    this.#placer = new Placer(this.#w, this.#ids, this.#serializer, (node) => this.#contents.mask(node, true));
    this.#states = new States(this.#ids, this.#masks, signal);
    this.#sheets = new Sheets(this.#ids, signal);
    this.#signals = new Signals(this.#ids, signal);
    this.#observer = new MutationObserver((records) => {
      this.#collect(records);
      this.#changed();
    });
  }

  open(): void {
    this.#states.patch(this.#patches);
    this.#sheets.patch(this.#patches);
    const moved = (): void => this.#signal();
    for (const name of ['pushState', 'replaceState']) this.#patches.method(History.prototype, name, moved);
    document.addEventListener('visibilitychange', this.#visibility);
    if (document.visibilityState === 'visible') this.#resume();
  }

  close(): void {
    document.removeEventListener('visibilitychange', this.#visibility);
    this.#pause();
    this.#patches.undo();
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

  /** A host got a shadow root. */
  attached(host: Element): void {
    if (this.#live && this.#ids.of(host)) {
      this.#hosts.add(host);
      this.#signal();
    }
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
    this.#listen(true);
    this.#begin();
    this.#flush(performance.now() + slice);
    this.#schedule();
  }

  #pause(): void {
    if (!this.#live) return;
    this.#live = false;
    this.#observer.disconnect();
    this.#roots.clear();
    this.#records = [];
    this.#listen(false);
    if (this.#frame) cancelAnimationFrame(this.#frame);
    this.#frame = 0;
  }

  #begin(): void {
    this.#observer.disconnect();
    this.#records = [];
    this.#roots.clear();
    this.#ids.renew();
    for (const part of [this.#states, this.#sheets, this.#signals, this.#contents]) part.renew();
    for (const held of [this.#serializer.pending, this.#hosts]) held.clear();
    this.#serializer.nodes = 0;
    this.#snapshot = this.#first = true;
    this.#observer.observe(document, observed);
    this.#sheets.rooted(document);
  }

  #rooted(root: ShadowRoot): void {
    this.#roots.add(root);
    this.#observer.observe(root, observed);
    this.#sheets.rooted(root);
    for (const type of ['scroll', 'change', 'input']) root.addEventListener(type, this.#event, listened);
  }

  #listen(on: boolean): void {
    const set = on ? 'addEventListener' : 'removeEventListener';
    const of = (target: EventTarget, types: string): void => {
      for (const type of types.split(' ')) target[set](type, this.#event, listened);
    };
    of(
      document,
      'scroll focusin focusout pointerover pointerleave mouseleave input change invalid reset load toggle close',
    );
    of(window, 'resize popstate hashchange');
    if (visualViewport) of(visualViewport, 'resize');
    if (this.options.onPointer) of(document, 'pointermove pointerdown pointerup');
    this.#root = on ? document.documentElement : null;
  }

  readonly #event = (event: Event): void => {
    const target = event.composedPath()[0] as Element;
    switch (event.type) {
      case 'input':
      case 'change':
      case 'invalid':
      case 'toggle':
      case 'close':
        if (target.nodeType === 1)
          this.#states.touch(target.localName === 'option' ? (target.closest('select') ?? target) : target);
        break;
      case 'reset':
        this.#states.reset(target as HTMLFormElement);
        break;
      case 'load':
        if (target.localName === 'link' && this.#ids.of(target)) {
          this.#sheets.arrived(target);
          this.#signal();
        }
        break;
      case 'popstate':
      case 'hashchange':
        this.#signal();
        break;
      case 'pointermove':
      case 'pointerdown':
      case 'pointerup':
        this.#pointer = event as PointerEvent;
        this.#schedule();
        break;
      default:
        this.#signals.handle(event);
    }
  };

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
    const pointer = this.#pointer;
    if (pointer) {
      this.#pointer = null;
      this.#w.reset();
      const target = this.#ids.of((pointer.composedPath()[0] as Node) ?? document);
      this.options.onPointer?.(pointerRecord(this.#w, pointer.clientX, pointer.clientY, pointer.buttons, target));
    }
    if (this.#dirty || this.#records.length > 0 || this.#unfinished()) {
      this.#flush(performance.now() + slice);
      this.#schedule();
    }
  };

  #unfinished(): boolean {
    return this.#serializer.pending.size > 0 || this.#contents.pending || this.#sheets.pending;
  }

  #flush(deadline: number): void {
    const w = this.#w;
    this.#collect(this.#observer.takeRecords());
    const records = this.#records;
    this.#records = [];
    this.#dirty = false;
    w.reset();
    this.#serializer.begin(deadline, full);
    const first = this.#ids.next;
    if (this.#snapshot) this.#start();
    else this.#differences(records, first);
    this.#serializer.resume();
    this.#newcomers();
    this.#contents.rest(full);
    this.#contents.remask();
    this.#states.write(w);
    this.#sheets.write(w);
    this.#signals.write(w);
    this.#signals.page(w, (title) => this.#title(title));
    if (w.length > 0) this.#send();
  }

  #start(): void {
    const { documentElement } = document;
    this.#signals.page(this.#w, (title) => this.#title(title));
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

  #title(title: string): string {
    const el = document.querySelector('title');
    return el && this.#ids.masked(el) ? maskText(title) : title;
  }

  #differences(records: MutationRecord[], first: number): void {
    const changes = this.#changes;
    changes.read(records);
    for (const [el, former] of changes.attributes) {
      if (this.#masks.watches(former as string[], el) && this.#ids.of(el))
        this.#contents.mask(el, this.#ids.masked(el));
    }
    this.#placer.place(changes.touched);
    for (const host of this.#hosts) {
      const root = host.shadowRoot ?? this.closedRoots.get(host);
      if (root && this.#ids.of(host) && !this.#ids.of(root)) this.#serializer.shadow(root, this.#ids.masked(host));
    }
    this.#hosts.clear();
    for (const node of changes.touched) this.#structural(node.parentNode);
    for (const [el, former] of changes.attributes) {
      const id = this.#ids.of(el);
      if (id && id < first) this.#attributes(el, former);
    }
    for (const [node, before] of changes.texts) {
      const id = this.#ids.of(node);
      if (!id || id >= first) continue;
      this.#contents.text(node, before);
      this.#structural(node.parentNode);
    }
    changes.clear();
    if (this.#root !== document.documentElement) {
      this.#listen(false); // document.open took the listeners away
      this.#listen(true);
    }
  }

  /** A change among the children of an element whose children mean something. */
  #structural(parent: Node | null): void {
    if (parent?.nodeType !== 1 || !this.#ids.of(parent)) return;
    const el = parent as Element;
    if (el.localName === 'style') this.#sheets.retexted(el);
    if (el.localName === 'textarea' || el.localName === 'select') this.#states.touch(el);
  }

  /** What new elements have to say beyond their attributes. */
  #newcomers(): void {
    for (const el of this.#fresh) {
      this.#states.arrived(el);
      if (el.localName === 'style' || el.localName === 'link') this.#sheets.arrived(el);
    }
    for (const el of this.#scrollers) this.#signals.arrived(el);
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
    } else {
      head.byte(partial);
      head.byte(this.#version & 255);
    }
    this.#snapshot = false;
    this.sink(this.#w.finish(head));
  }
}
