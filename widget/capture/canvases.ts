// What canvases show, as pictures: at most two a second of each, bounded in size.
import { dataUrl } from './blobs.ts';
import { idOf, isMasked, news } from './core.ts';
import { Op } from './format.ts';
import type { Part } from './part.ts';
import { patch } from './patches.ts';
import { touch } from './states.ts';
import { op, plain, u } from './writer.ts';

const pause = 500; // ms between two pictures of a canvas
const largest = 640_000; // pixels; what is larger is scaled down
const most = 192 << 10; // bytes of a picture; what is larger even as a lossy one is not shown
const draws = ` fill stroke fillRect strokeRect clearRect fillText strokeText drawImage putImageData reset clear drawArrays
drawElements drawArraysInstanced drawElementsInstanced drawRangeElements transferFromImageBitmap`;

interface Picture {
  percent: number; // of the canvas's own size
  url: string;
}

const pictures = new WeakMap<Element, Picture>();
const next = new WeakMap<Element, number>(); // when the next picture may be taken, ms
const planned = new WeakSet<Element>();
const elsewhere = new WeakSet<Element>(); // may be drawn by a worker

export const canvases: Part = {
  patch(view) {
    // To look at these interfaces takes the browser many ms: few pages need it.
    const contexts = new Set([
      'CanvasRenderingContext2D',
      'ImageBitmapRenderingContext',
      'WebGLRenderingContext',
      'WebGL2RenderingContext',
    ]);
    const context = (name: string): void => {
      if (contexts.delete(name)) patch(view, name + draws, drawn);
    };
    if (view.document.querySelector('canvas')) contexts.forEach(context);
    patch(view, 'HTMLCanvasElement getContext', (_, __, made) => context(made?.constructor?.name));
    patch(view, 'HTMLCanvasElement width height', plan);
    patch(view, 'HTMLCanvasElement transferControlToOffscreen', (canvas) => {
      elsewhere.add(canvas);
      plan(canvas);
    });
  },

  /** A new canvas: it may show something already. */
  arrived(el) {
    if (el.localName === 'canvas') plan(el as HTMLCanvasElement);
  },

  touched(el) {
    const picture = pictures.get(el);
    if (!picture || isMasked(el) || !news(el, Op.image, picture.url)) return;
    op(Op.image, 0, idOf(el));
    u(picture.percent);
    plain(picture.url);
  },
};

function drawn(context: RenderingContext): void {
  const canvas = context.canvas as HTMLCanvasElement;
  // Where the buffer is not kept, what is drawn can only be seen before the task's end.
  const lost = 'drawArrays' in context && !context.getContextAttributes()?.preserveDrawingBuffer;
  if (!lost || performance.now() >= (next.get(canvas) ?? 0)) plan(canvas);
}

function plan(canvas: HTMLCanvasElement): void {
  if (planned.has(canvas) || !idOf(canvas)) return;
  planned.add(canvas);
  const wait = (next.get(canvas) ?? 0) - performance.now();
  if (wait > 0) setTimeout(take, wait, canvas);
  else queueMicrotask(() => take(canvas));
}

async function take(canvas: HTMLCanvasElement): Promise<void> {
  planned.delete(canvas);
  if (!idOf(canvas) || isMasked(canvas) || !canvas.isConnected) return;
  next.set(canvas, performance.now() + pause);
  try {
    const picture = await pictureOf(canvas);
    if (picture) pictures.set(canvas, picture);
    touch(canvas);
  } catch {
    // it shows what another site owns
  }
  if (elsewhere.has(canvas)) plan(canvas);
}

/** A canvas as a picture, null if it has no size or its picture is too large. Its pixels are read at once. */
async function pictureOf(canvas: HTMLCanvasElement): Promise<Picture | null> {
  const { width, height } = canvas;
  if (width * height === 0) return null;
  const scale = Math.min(1, Math.sqrt(largest / (width * height)));
  const copy = document.createElement('canvas');
  copy.width = Math.ceil(width * scale);
  copy.height = Math.ceil(height * scale);
  copy.getContext('2d')?.drawImage(canvas, 0, 0, copy.width, copy.height);
  for (const quality of [1, 0.8, 0.4]) {
    const type = quality === 1 ? 'image/png' : 'image/webp';
    const blob = await new Promise<Blob | null>((done) => copy.toBlob(done, type, quality));
    if (blob && blob.size <= most) return { percent: Math.round(scale * 100), url: await dataUrl(blob) };
  }
  return null;
}
