// The live page: capture is loaded when the node asks for this tab's page and
// the visitor allows it, and stops the moment either no longer holds.

import type { Woven } from '../capture/capture.ts';
import type { Payloads, SiteView } from '../wire/payload.ts';
import { Shortener } from './shorten.ts';

/** What the capture module exports; capture/index.ts. */
export interface Capture {
  start(sink: (message: Uint8Array) => void, options: CaptureOptions): void;
  stop(): void;
  snapshot(): void;
  find(id: number): Element | null;
  hidden(el: Element): boolean;
  weave(frame: Element, compose: (id: number, next: number) => Woven | null, ends?: boolean): boolean;
}

/** What the site's settings say of the shared page. */
export interface SiteOptions {
  mask: readonly string[];
  maskAll: boolean;
  unmask: readonly string[];
  canvas: boolean;
  images: readonly string[];
}

export function siteOptions(site: SiteView | null | undefined): SiteOptions {
  const { mask = [], mask_all: maskAll = false, unmask = [], canvas = false, images = [] } = site ?? {};
  return { mask, maskAll, unmask, canvas, images };
}

export interface CaptureOptions extends SiteOptions {
  onPointer: (record: Uint8Array) => void;
  onFrame?: (frame: Element, fresh: boolean) => void;
}

/** Frames of other origins in the shared page; frames.ts. */
export interface FramesView {
  show(frame: HTMLIFrameElement, fresh: boolean): void;
  close(): void;
}

/** Loads what looks into such frames; `point` gets the pointer in them. */
export type LoadFrames = (capture: Capture, point: (record: Uint8Array) => void) => Promise<FramesView>;

/** What Share needs of its connection. */
export interface PageEdge {
  sendPage(session: string, message: Uint8Array): void;
  sendPointer(session: string, record: Uint8Array): void;
  pageBacklog(): number;
}

/** Bytes not yet taken by the transport: above the first, capture stops; below the second it starts anew. */
const backlogMost = 512 << 10;
const backlogLeast = 32 << 10;
/** How often a backlog is looked at, and the least time between two pointer records, ms. */
const look = 100;
const pointerPause = 1000 / 30;

export class Share {
  private capture: Capture | null = null; // loaded
  private running = false;
  private frames: Promise<FramesView> | null = null;
  private loading = false;
  private mirror: Payloads['Mirror'] | null = null;
  private allowed = false;
  private drain: ReturnType<typeof setInterval> | undefined;
  private pointer: Uint8Array | null = null; // the newest not yet sent
  private pointerTimer: ReturnType<typeof setTimeout> | undefined;
  private readonly shortener = new Shortener((message) => this.sendShort(message), tabStore());

  constructor(
    private readonly edge: PageEdge,
    private readonly tab: string,
    private readonly load: () => Promise<Capture>,
    private readonly options: () => SiteOptions,
    private readonly loadFrames: LoadFrames,
  ) {}

  /** The node named the mirrored tab. */
  named(mirror: Payloads['Mirror']): void {
    const again = this.running && mirror.full;
    this.mirror = mirror;
    this.shortener.edgeHas(mirror.seen ?? '');
    void this.settle();
    if (again && this.running) this.capture?.snapshot();
  }

  /** Whether an element is masked. While nothing is shared all are. */
  hidden(el: Element): boolean {
    return !this.running || (this.capture?.hidden(el) ?? true);
  }

  /** The element that the agents know by an id, if it is there and not masked. */
  find(id: number): Element | null {
    return this.running ? (this.capture?.find(id) ?? null) : null;
  }

  /** Whether this page is shown now. */
  get on(): boolean {
    return this.wanted !== null;
  }

  /** The visitor allows it, or no longer does. */
  allow(on: boolean): void {
    if (on === this.allowed) return;
    this.allowed = on;
    void this.settle();
  }

  /** The connection is gone; the next one's node will name a tab again. */
  lost(): void {
    this.mirror = null;
    void this.settle();
  }

  /** The session whose node wants this page, with the visitor's consent. */
  private get wanted(): string | null {
    const { mirror } = this;
    return this.allowed && mirror?.on && mirror.tab === this.tab ? mirror.session : null;
  }

  private async settle(): Promise<void> {
    if (this.wanted && !this.capture && !this.loading) {
      this.loading = true;
      try {
        this.capture = await this.load();
      } catch (error) {
        console.warn('Kohe: the page cannot be shared:', error);
      }
      this.loading = false;
    }
    if (!this.wanted) this.stop();
    else if (this.capture && !this.running && !this.drain) this.start(this.capture);
  }

  private start(capture: Capture): void {
    this.running = true;
    capture.start((message) => this.send(message), {
      ...this.options(),
      onPointer: (record) => this.point(record),
      onFrame: (frame, fresh) => this.look(capture, frame as HTMLIFrameElement, fresh),
    });
  }

  private look(capture: Capture, frame: HTMLIFrameElement, fresh: boolean): void {
    this.frames ??= this.loadFrames(capture, (record) => this.point(record));
    this.frames.then(
      (frames) => frames.show(frame, fresh),
      (error) => console.warn('Kohe: a frame cannot be shown:', error),
    );
  }

  private stop(): void {
    clearInterval(this.drain);
    clearTimeout(this.pointerTimer);
    this.drain = this.pointerTimer = undefined;
    this.pointer = null;
    void this.frames?.then(
      (frames) => frames.close(),
      () => {}, // it was told
    );
    this.frames = null;
    if (this.running) this.capture?.stop();
    this.running = false;
  }

  private send(message: Uint8Array): void {
    if (!this.wanted || this.drain) return;
    this.shortener.push(message);
    if (this.backlog < backlogMost) return;
    this.drain = setInterval(() => {
      if (this.backlog > backlogLeast) return;
      clearInterval(this.drain);
      this.drain = undefined;
      void this.settle();
    }, look);
    queueMicrotask(() => {
      // Not from within capture's own call.
      if (!this.drain || !this.running) return;
      this.capture?.stop();
      this.running = false;
    });
  }

  private sendShort(message: Uint8Array): void {
    if (this.wanted) this.edge.sendPage(this.wanted, message);
  }

  private get backlog(): number {
    return this.edge.pageBacklog() + this.shortener.backlog;
  }

  /** The newest record wins; 30 a second are enough for a cursor. */
  private point(record: Uint8Array): void {
    this.pointer = record;
    if (!this.pointerTimer) this.sendPointer();
  }

  private sendPointer(): void {
    this.pointerTimer = undefined;
    if (!this.pointer || !this.wanted) return;
    this.edge.sendPointer(this.wanted, this.pointer);
    this.pointer = null;
    this.pointerTimer = setTimeout(() => this.sendPointer(), pointerPause);
  }
}

/** What the tab keeps from one page to the next, null if it keeps nothing. */
function tabStore(): Storage | null {
  try {
    return sessionStorage;
  } catch {
    return null;
  }
}
