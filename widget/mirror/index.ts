// The visitor's page on the agent's screen: a document that is filled from
// outside, without scripts, that cannot be clicked, typed into or navigated.

import type { Anchor } from '../guide/anchor.ts';
import { all } from '../native.ts';
import { Cursor } from './cursor.ts';
import { blank } from './frames.ts';
import { List } from './list.ts';
import { inflated, Reader } from './reader.ts';
import type { Overview } from './scrolls.ts';
import { anchorOn, type Spot, spotAround, spotAt } from './spot.ts';
import { type Host, Tree, type Viewport } from './tree.ts';

export type { Anchor, Overview, Spot, Viewport };

export interface Options {
  /** Address of the mirror document (/kohe/mirror/SITE), which brings its own CSP. Without: a blank document. */
  src?: string;
  /** Address of the same document as this browser keeps it, for when the node does not answer. */
  instead?: string;
  /** Scale the page so that it fits into the container (default: with src). */
  fit?: boolean;
  title?: string; // the frame's accessible name
  /** Messages are missing, one cannot be read, or the page went astray (`diverged`): ask for a snapshot. */
  onGap?: (diverged: boolean) => void;
  onPage?: (where: { url: string; title: string }) => void;
  onFreeze?: (frozen: boolean) => void;
  /** The page was scrolled, or it or the visitor's viewport has another size. At most once a frame. */
  onMove?: () => void;
}

export interface Mirror {
  /** Takes one page message; resolves when it is in the document. */
  apply(message: Uint8Array): Promise<void>;
  /** The element whose box is the visitor's viewport. */
  view(): HTMLIFrameElement;
  /** Resolves when what the page loads is loaded (at most 2 s) and painted. */
  settle(): Promise<void>;
  /** Draws the visitor's pointer. */
  pointer(record: Uint8Array): void;
  /** The name beside the pointer; empty for none. */
  setName(name: string): void;
  /** Whether nodes can be asked for by place. While they can, the frame is not inert: cover it. */
  reach(on: boolean): void;
  /** What of the page is at a point of the agent's screen. */
  at(clientX: number, clientY: number): Spot | null;
  /** The same point in the element around a spot's own. */
  around(spot: Spot): Spot | null;
  /** An element of the page by its node; null if it is not there. */
  anchor(node: number): Anchor | null;
  /** Scrolls with the visitor (from the start), or only with the agent. */
  follow(on: boolean): void;
  /** Scrolls what is at a point of the agent's screen by px of the screen, if it does not follow; false if nothing goes further. */
  scrollAt(clientX: number, clientY: number, x: number, y: number): boolean;
  /** Scrolls the page to a place, in its px from its top, if it does not follow. */
  scrollTo(top: number): void;
  /** Where the visitor and the agent are on the page; null before there is one. */
  overview(): Overview | null;
  viewport(): Viewport;
  /** Fits the page into the container again. It does so by itself when the container changes size. */
  fit(): void;
  readonly scale: number;
  close(): void;
}

const again = 1000; // ms until a document that could not be loaded is tried again
const patience = 3000; // ms for a document, where there is another
const pause = 30_000; // ms between two snapshots asked for because the page went astray

const frames = (n: number): Promise<void> =>
  new Promise((done) => {
    const step = (left: number): unknown => (left === 0 ? done() : requestAnimationFrame(() => step(left - 1)));
    step(n);
  });

export function create(container: HTMLElement, options: Options = {}): Mirror {
  const fit = options.fit ?? options.src !== undefined;
  const frame = document.createElement('iframe');
  frame.setAttribute('sandbox', 'allow-same-origin');
  frame.setAttribute('referrerpolicy', 'no-referrer');
  frame.tabIndex = -1;
  frame.inert = true;
  frame.title = options.title ?? '';
  frame.addEventListener('focus', () => frame.blur()); // by a Tab while nodes can be asked for
  frame.style.cssText =
    'border:0;display:block;pointer-events:none;color-scheme:light;background:#fff;transform-origin:0 0;width:1024px;height:768px;flex:none';
  const cursor = new Cursor();
  const list = new List(() => frame.contentDocument);
  container.append(frame, list.element, cursor.element);

  let healed = -pause;
  let viewport: Viewport = { width: 1024, height: 768, bar: 0, zoom: 100, ratio: 100, answers: -1 };
  let scale = 1;
  const size = (): void => {
    const { width } = viewport;
    frame.style.width = `${width}px`;
    frame.style.height = `${viewport.height}px`;
    if (!fit || !container.clientWidth || !container.clientHeight) return;
    scale = Math.min(container.clientWidth / width, container.clientHeight / viewport.height);
    const left = Math.round((container.clientWidth - width * scale) / 2);
    const top = Math.round((container.clientHeight - viewport.height * scale) / 2);
    frame.style.position = 'absolute';
    frame.style.transform = `translate(${left}px,${top}px) scale(${scale})`;
    cursor.place(left, top, scale);
    list.place(left, top, scale);
  };
  const watcher = new ResizeObserver(size);
  if (fit) {
    if (getComputedStyle(container).position === 'static') container.style.position = 'relative';
    container.style.overflow = 'hidden';
    watcher.observe(container);
  }

  const host: Host = {
    blank: ({ quirks }) => {
      const doc = frame.contentDocument as Document;
      blank(doc, quirks);
      return doc;
    },
    viewport: (v) => {
      viewport = { ...v, width: clamp(v.width), height: clamp(v.height) };
      size();
    },
    page: ({ url, title }) => options.onPage?.({ url, title }),
    frozen: (on) => options.onFreeze?.(on),
    listed: (select, open) => list.listed(select, open),
    diverged: () => {
      if (performance.now() < healed + pause) return; // what went astray again will not be healed by another snapshot
      healed = performance.now();
      options.onGap?.(true);
    },
  };
  let tree: Tree | null = null;
  let missing = false; // its document cannot be had, or could not at first
  const ready =
    options.src === undefined
      ? Promise.resolve()
      : new Promise<void>((done) => {
          const addresses = [options.src, options.instead].filter((address) => address !== undefined);
          let tries = 0;
          let next: ReturnType<typeof setTimeout> | undefined;
          const load = (): void => {
            if (tries > 0 && !frame.isConnected) return;
            if (addresses.length > 1) next = setTimeout(load, patience);
            frame.src = addresses[tries++ % addresses.length] as string;
          };
          frame.addEventListener('load', () => {
            clearTimeout(next);
            if (frame.contentDocument) return done();
            missing = true; // a page of the browser's own: the node does not answer
            next = setTimeout(load, tries < addresses.length ? 0 : again);
          });
          load();
        });
  let turn = ready.then(() => {
    tree = new Tree(host);
    if (missing) options.onGap?.(false);
  });

  let following = true;
  let scrolling = 0;
  const scroll = (): void => {
    scrolling = 0;
    tree?.scroll(); // with the frame's layout, not with one for each message
    const { visitor = 0, agent = 0 } = (following ? null : tree?.page?.scrolls.overview()) ?? {};
    cursor.ahead(visitor - agent);
    list.draw();
    options.onMove?.();
  };

  const moved = (): void => {
    scrolling ||= requestAnimationFrame(scroll);
  };

  const applyNow = (message: Uint8Array): void => {
    moved();
    const focused = document.activeElement;
    try {
      if (!tree?.apply(new Reader(inflated(message)))) options.onGap?.(false);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      options.onGap?.(false);
    }
    if (document.activeElement !== frame || focused === frame) return;
    frame.blur(); // a dialog in the mirror takes no focus
    (focused as HTMLElement | null)?.focus();
  };

  return {
    apply(message) {
      if (tree) applyNow(message);
      else if (!missing) turn = turn.then(() => applyNow(message));
      return turn;
    },
    view: () => frame,
    async settle() {
      await turn;
      const doc = frame.contentDocument as Document;
      const until = performance.now() + 2000;
      const loading = (): boolean =>
        [...all(doc, 'img')].some((i) => !(i as HTMLImageElement).complete) ||
        [...all(doc, 'link[rel=stylesheet][href]')].some((l) => !(l as HTMLLinkElement).sheet);
      while (loading() && performance.now() < until) await frames(1);
      await frames(2);
      tree?.scroll();
      await frames(1);
    },
    pointer: (record) => cursor.show(new Reader(record)),
    reach(on) {
      frame.inert = !on;
    },
    at: (clientX, clientY) => spotAt(frame, clientX, clientY),
    around: (spot) => spotAround(frame, spot),
    anchor(node) {
      const element = tree?.page?.element(node);
      return element ? anchorOn(frame, element) : null;
    },
    follow(on) {
      following = on;
      const now = (): void => {
        tree?.follow(following);
        moved();
      };
      if (tree) now();
      else void turn.then(now);
    },
    scrollAt(clientX, clientY, x, y) {
      const { inert } = frame;
      frame.inert = false; // or it would not say what is there
      const spot = spotAt(frame, clientX, clientY);
      frame.inert = inert;
      const goes = tree?.page?.scrolls.by(spot?.element ?? null, x / scale, y / scale) ?? false;
      if (goes) moved();
      return goes;
    },
    scrollTo(top) {
      tree?.page?.scrolls.to(top);
      moved();
    },
    overview: () => tree?.page?.scrolls.overview() ?? null,
    viewport: () => viewport,
    setName: (name) => cursor.name(name),
    fit: size,
    get scale() {
      return scale;
    },
    close() {
      tree?.close();
      watcher.disconnect();
      cancelAnimationFrame(scrolling);
      frame.remove();
      list.element.remove();
      cursor.element.remove();
    },
  };
}

const clamp = (n: number): number => Math.min(Math.max(n, 50), 10_000);
