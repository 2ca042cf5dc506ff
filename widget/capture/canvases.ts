// What canvases show, as pictures: at most two a second of each, bounded in size.
import { dataUrl } from './blobs.ts';
import { Op } from './format.ts';
import type { Page } from './more.ts';
import type { Part } from './part.ts';
import type { Patches } from './patches.ts';
import type { Realm, Root } from './roots.ts';
import type { Writer } from './writer.ts';

const pause = 500; // ms between two pictures of a canvas
const largest = 640_000; // pixels; what is larger is scaled down
const most = 192 << 10; // bytes of a picture; what is larger even as a lossy one is not shown
const contexts = 'CanvasRenderingContext2D WebGLRenderingContext WebGL2RenderingContext ImageBitmapRenderingContext';
const draws = /^(?:fill|stroke|clear|draw|put|reset|transferFrom)/;

interface Picture {
  percent: number; // of the canvas's own size
  url: string;
}

export class Canvases implements Part {
  readonly #pictures = new WeakMap<Element, Picture>();
  #said = new WeakMap<Element, Picture>();
  readonly #due = new WeakMap<Element, number>(); // when the next picture may be taken
  readonly #planned = new WeakSet<Element>();
  readonly #elsewhere = new WeakSet<Element>(); // may be drawn by a worker

  constructor(readonly page: Page) {}

  renew(): void {
    this.#said = new WeakMap();
  }

  patch(patches: Patches, view: Realm): void {
    for (const name of contexts.split(' ')) {
      const prototype = (view as unknown as Record<string, { prototype: object } | undefined>)[name]?.prototype;
      const names = Object.getOwnPropertyNames(prototype ?? {}).filter((n) => draws.test(n));
      patches.method(prototype, names.join(' '), (c: RenderingContext) => this.#drawn(c));
    }
    const { prototype } = view.HTMLCanvasElement;
    patches.setter(prototype, 'width height', (canvas: HTMLCanvasElement) => this.#plan(canvas));
    patches.method(prototype, 'transferControlToOffscreen', (canvas: HTMLCanvasElement) => {
      this.#elsewhere.add(canvas);
      this.#plan(canvas);
    });
  }

  rooted(root: Root): void {
    for (const el of root.querySelectorAll('canvas')) this.#plan(el);
  }

  /** A new canvas: it may show something already. */
  arrived(el: Element): void {
    if (el.localName === 'canvas') this.#plan(el as HTMLCanvasElement);
  }

  #drawn(context: RenderingContext): void {
    const canvas = context.canvas as HTMLCanvasElement;
    if (this.#planned.has(canvas)) return;
    // Where the buffer is not kept, what is drawn can only be seen before the task's end.
    const lost = 'drawArrays' in context && !context.getContextAttributes()?.preserveDrawingBuffer;
    if (!lost || performance.now() >= (this.#due.get(canvas) ?? 0)) this.#plan(canvas);
  }

  #plan(canvas: HTMLCanvasElement): void {
    if (this.#planned.has(canvas) || !this.page.ids.of(canvas)) return;
    this.#planned.add(canvas);
    const take = (): void => void this.#take(canvas);
    const wait = (this.#due.get(canvas) ?? 0) - performance.now();
    if (wait > 0) setTimeout(take, wait);
    else queueMicrotask(take);
  }

  async #take(canvas: HTMLCanvasElement): Promise<void> {
    this.#planned.delete(canvas);
    if (!this.page.ids.of(canvas) || this.page.ids.masked(canvas) || !canvas.isConnected) return;
    this.#due.set(canvas, performance.now() + pause);
    try {
      const picture = await pictureOf(canvas);
      if (picture) this.#pictures.set(canvas, picture);
      this.page.touch(canvas);
    } catch {
      // it shows what another site owns
    }
    if (this.#elsewhere.has(canvas)) this.#plan(canvas);
  }

  touched(w: Writer, el: Element): void {
    const picture = this.#pictures.get(el);
    if (!picture || this.page.ids.masked(el) || picture.url === this.#said.get(el)?.url) return;
    this.#said.set(el, picture);
    w.op(Op.image);
    w.ref(this.page.ids.of(el));
    w.u(picture.percent);
    w.plain(picture.url);
  }
}

/** A canvas as a picture, null if it has no size or its picture is too large. Its pixels are read at once. */
async function pictureOf(canvas: HTMLCanvasElement): Promise<Picture | null> {
  const { width, height } = canvas;
  if (width === 0 || height === 0) return null;
  const scale = Math.min(1, Math.sqrt(largest / (width * height)));
  const copy = document.createElement('canvas');
  copy.width = Math.max(1, Math.round(width * scale));
  copy.height = Math.max(1, Math.round(height * scale));
  copy.getContext('2d')?.drawImage(canvas, 0, 0, copy.width, copy.height);
  for (const [type, quality] of [['image/png'], ['image/webp', 0.8], ['image/webp', 0.4]] as [string, number?][]) {
    const blob = await new Promise<Blob | null>((done) => copy.toBlob(done, type, quality));
    if (blob && blob.size <= most) return { percent: Math.round(scale * 100), url: await dataUrl(blob) };
  }
  return null;
}
