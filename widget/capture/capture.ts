// Watches one document, with the frames of its origin, and gives messages
// (dom/FORMAT.md) to a sink. The first change after a quiet frame leaves at once,
// in the MutationObserver's callback; the rest wait for the next frame, so there
// is at most one message a frame, and no frame is asked for without need. A hidden
// page is frozen: nothing is observed, and showing it again begins with a new snapshot.
import { hasAttribute, parentOf, rootOf, tagOf } from '../native.ts';
import { imagesBy } from './blobs.ts';
import { attributes, forgetChanges, place, read, texts, touched } from './changes.ts';
import {
  attributesChanged,
  forgetContents,
  mask,
  textChanged,
  unfinishedStrings,
  writeAlike,
  writeContents,
} from './contents.ts';
import { again, awaited, forgetAll, idOf, isMasked, newId, nextId, parts, signal, stampMasked, tell } from './core.ts';
import { DOCUMENT, FORMAT, FrameLimit, Head, Limit, Op } from './format.ts';
import * as masks from './masks.ts';
import { unpatch } from './patches.ts';
import { depth, isDocument, isFrame, known, rootIn } from './roots.ts';
import {
  begin,
  close,
  count,
  forgetNodes,
  hasRoom,
  node,
  open,
  pending,
  rerooted,
  resume,
  spent,
} from './serializer.ts';
import { retexted, sheets, unfinishedSheets } from './sheets.ts';
import { moved, pointerRecord, scroller, signals, writePage } from './signals.ts';
import { states, touch, unfinishedStates } from './states.ts';
import { forgetRealms, listen, patchesOf, pointerEvents, takeRecords, unwatch, watchRoot } from './watch.ts';
import { message, op, reset, size, varint } from './writer.ts';

/** With the selectors of a site (dom/mask documents their subset). */
export interface Options extends masks.MaskOptions {
  /** Shows what canvases show, two pictures a second of each (default: no). */
  canvas?: boolean;
  /** Selectors of images that only this page may load: they travel by content. */
  images?: readonly string[];
  /** Gets pointer records, at most one a frame. */
  onPointer?: (record: Uint8Array) => void;
  /** Hears of a frame whose document is out of reach: when it is fresh, as in each snapshot, or has loaded another one. */
  onFrame?: (frame: Element, fresh: boolean) => void;
}

/** What a frame of another origin shows, as operations of this page. */
export interface Woven {
  ids: number; // that it took
  gone: number; // that it gave up
  message(head: number[]): Uint8Array;
}

const slice = 4; // ms that a frame gives to nodes that are new to the mirror
const rest = 1; // ms more for sheets and states, even so
const frameTime = 16; // ms
/** Attributes that change what an element's state is, or is compared with. */
const telling = new Set('value type open checked popover rel disabled href xlink:href'.split(' '));

let sink: ((message: Uint8Array) => void) | null = null;
let onPointer: Options['onPointer'];
let onFrame: Options['onFrame'];
let records: MutationRecord[] = [];
const hosts = new Set<Element>(); // known elements that may have got another root
let version = 0;
let whole = false; // the next message begins a snapshot
let first = false; // a snapshot's slices are on their way
let quiet = 0; // when the frame of the last message is over
let partial = 0; // the last message said that more follows
let frame = 0; // requestAnimationFrame's handle; 0: quiet
let queued = false;
let dirty = false;
let steps: (() => void)[] = []; // before anything is captured
let live = false;
let pointer: PointerEvent | null = null;

export function openCapture(
  to: (message: Uint8Array) => void,
  options: Options,
  more: readonly (typeof states)[],
): void {
  sink = to;
  onPointer = options.onPointer;
  onFrame = options.onFrame;
  masks.maskBy(options);
  imagesBy(options.images);
  if (options.maskAll) stampMasked(document);
  parts.splice(0, parts.length, states, sheets, signals, ...more);
  tell({
    signalled,
    mutated,
    happened,
    rerooted: reroot,
    arrived(el, kind) {
      if (kind.more || hasAttribute(el, 'popover')) for (const part of parts) part.arrived?.(el);
      if (first && kind.scrolls) scroller(el);
      if (kind.closed) framed(el, true);
    },
    rooted(root) {
      watchRoot(root);
      if (isDocument(root)) scroller(root);
    },
  });
  document.addEventListener('visibilitychange', shown);
  steps = [...patchesOf(window), () => scroller(document)];
  void prepare(to);
}

/** Patches this window a piece at a time, so that the page does not feel it, and begins. */
async function prepare(to: typeof sink): Promise<void> {
  for (;;) {
    await new Promise((done) => setTimeout(done));
    if (sink !== to) return;
    const step = steps.shift();
    if (!step) break;
    step();
  }
  shown();
}

export function closeCapture(): void {
  document.removeEventListener('visibilitychange', shown);
  pause();
  unpatch();
  forgetRealms();
  version = 0;
  steps = [];
  sink = null;
}

/** Begins a new snapshot, whatever the mirror has. */
export function snapshot(): void {
  if (!live) return;
  const deadline = performance.now() + slice;
  unwatch();
  records = [];
  forgetAll();
  for (const part of parts) part.renew?.();
  forgetContents();
  forgetNodes();
  hosts.clear();
  whole = first = true;
  watchRoot(document);
  scroller(document);
  write(deadline);
}

/** Sends all there is to send, now. */
export function flush(): void {
  for (const step of steps.splice(0)) step();
  if (sink && !live) shown();
  if (live) all();
}

function all(): void {
  do write(Number.POSITIVE_INFINITY);
  while (unfinished());
}

function shown(): void {
  if (document.visibilityState === 'visible') {
    if (live || steps.length > 0) return;
    live = true;
    snapshot();
  } else if (live) {
    // It is hidden, and no longer watched.
    all();
    pause();
    reset();
    op(Op.freeze, 1);
    send(partial);
  }
}

function pause(): void {
  if (!live) return;
  live = false;
  unwatch();
  records = [];
  cancelAnimationFrame(frame);
  frame = 0;
}

function happened(event: Event): void {
  const { type } = event;
  const target = event.composedPath()[0] as Element;
  if (type === 'load') {
    if (isFrame(target)) {
      reroot(target);
      framed(target, false);
    } else if (tagOf(target) === 'img' && isMasked(target))
      again(target); // now of its own size
    else if (tagOf(target) === 'link' && idOf(target)) {
      sheets.arrived?.(target);
      signal();
    }
  } else if (!pointerEvents.includes(type)) for (const part of parts) part.handle?.(type, target);
  else if (onPointer && event.isTrusted) {
    // What an agent clicks is not where the visitor's pointer is.
    pointer = event as PointerEvent;
    schedule();
  }
}

function framed(el: Element, fresh: boolean): void {
  if (isFrame(el) && !rootIn(el) && !isMasked(el)) onFrame?.(el, fresh);
}

/**
 * Sends what `compose` makes for a frame of another origin; it gets the frame's id and the first free one. Reports
 * whether it may: the mirror knows the frame, there is room for as much as a frame may have, and nothing masks it. What
 * `ends` it may always.
 */
export function weave(frame: Element, compose: (id: number, next: number) => Woven | null, ends = false): boolean {
  const id = idOf(frame);
  if (!live || !id) return false;
  if (!ends && (isMasked(frame) || !hasRoom(FrameLimit.nodes) || depth(frame) + FrameLimit.depth > Limit.depth))
    return false;
  const former = known.get(frame);
  if (former && idOf(former)) {
    hosts.add(frame); // its document was of this origin until now
    write(performance.now() + slice);
  }
  const woven = compose(id, nextId());
  if (!woven) return true;
  for (let i = 0; i < woven.ids; i++) newId();
  count(woven.ids - woven.gone);
  send(partial, woven.message);
  return true;
}

function reroot(el: Element): void {
  if (!live || !idOf(el)) return;
  hosts.add(el);
  signal();
}

function signalled(): void {
  dirty = true;
  if (!live || frame || queued) return;
  queued = true;
  queueMicrotask(() => {
    queued = false;
    if (dirty) mutated([]);
  });
}

function collect(more: MutationRecord[]): void {
  if (records.length === 0) records = more;
  else for (const record of more) records.push(record);
}

function mutated(more: MutationRecord[]): void {
  collect(more);
  if (!live || frame) return;
  const now = performance.now();
  if (now < quiet) schedule();
  else write(now + slice);
}

/** When this frame ends, about. A document's time is when it began; where browsers draw nothing, that may be long ago. */
function frameEnd(): number {
  const now = performance.now();
  const time = document.timeline.currentTime as number;
  return (time > now - frameTime ? time : now) + frameTime;
}

function schedule(): void {
  if (live && !frame) frame = requestAnimationFrame(tick);
}

function tick(): void {
  frame = 0;
  if (pointer) onPointer?.(pointerRecord(pointer));
  pointer = null;
  if (!dirty && records.length === 0 && !unfinished()) return;
  write(performance.now() + slice);
}

function unfinished(): boolean {
  return pending.size > 0 || unfinishedStrings() || unfinishedStates() || unfinishedSheets();
}

/** Writes one message, with as many nodes that are new to the mirror as there is time for. */
function write(deadline: number): void {
  collect(takeRecords());
  const now = records;
  records = [];
  dirty = false;
  reset();
  begin(deadline);
  if (whole) {
    writePage();
    open(DOCUMENT, 0);
    node(rootOf(document), isMasked(document));
    close();
  } else differences(now);
  resume();
  first &&= pending.size > 0;
  writeContents();
  if (spent()) begin(performance.now() + rest);
  for (const part of parts) part.write?.(deadline);
  const more = unfinished();
  if (more) schedule();
  const lacking = more || awaited > 0 ? Head.partial : 0;
  if (size() > 0 || lacking < partial) send(lacking); // what was left may be nothing to say
}

function differences(now: MutationRecord[]): void {
  const fresh = nextId(); // what has this id or a higher one is written as it is now
  read(now);
  for (const [el, former] of attributes)
    if (masks.watches(former, el) && idOf(el)) mask(el, isMasked(parentOf(el) ?? el));
  place();
  for (const host of hosts) rerooted(host);
  hosts.clear();
  for (const node of touched) structural(parentOf(node));
  for (const [el, former] of attributes) {
    const id = idOf(el);
    if (!id || id >= fresh) continue;
    attributesChanged(el, former);
    for (const name in former) if (telling.has(name)) touch(el);
  }
  writeAlike();
  for (const [text, before] of texts) {
    const id = idOf(text);
    if (!id || id >= fresh) continue;
    textChanged(text, before);
    structural(parentOf(text));
  }
  forgetChanges();
}

/** Names of elements whose children mean something; a document has none. */
const meaning = /^(?:style|head|title|textarea|select)?$/;

/** A change among the children of a node. */
function structural(parent: Node | null): void {
  const tag = tagOf(parent);
  if (!parent || !meaning.test(tag) || !idOf(parent)) return;
  if (isDocument(parent)) listen(parent, true); // document.open takes the listeners away
  if (tag === 'style') retexted(parent as Element);
  else if (/^(?:head|title)$/.test(tag)) moved();
  else if (tag) touch(parent as Element);
}

function send(lacking: number, compose = message): void {
  version++;
  partial = lacking;
  const head = whole
    ? [Head.snapshot | Head.span | partial, 0, ...varint(version), FORMAT]
    : partial
      ? [partial, version & 255]
      : [Head.short | (version & (Head.short - 1))];
  whole = false;
  quiet = frameEnd();
  sink?.(compose(head));
}
