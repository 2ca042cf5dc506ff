// What canvases and videos show, as pictures: at most two a second of each, and of a
// video that plays one in two seconds; bounded in size.
import { dataUrl } from './blobs.ts';
import { idOf, isMasked, news } from './core.ts';
import { Op } from './format.ts';
import type { Part } from './part.ts';
import { patch } from './patches.ts';
import { touch } from './states.ts';
import { op, plain, u } from './writer.ts';

const pause = 500; // ms between two pictures of a canvas
const longer = 1500; // ms more for a video that plays
const largest = 640_000; // pixels; what is larger is scaled down
const most = 192 << 10; // bytes of a picture; what is larger even as a lossy one is not shown
const draws = ` fill stroke fillRect strokeRect clearRect fillText strokeText drawImage putImageData reset clear drawArrays
drawElements drawArraysInstanced drawElementsInstanced drawRangeElements transferFromImageBitmap`;

type Shown = HTMLCanvasElement | HTMLVideoElement;

interface Picture {
  percent: number; // of the canvas's own size
  url: string;
}

const pictures = new WeakMap<Element, Picture>();
const next = new WeakMap<Element, number>(); // when the next picture may be taken, ms
const planned = new WeakSet<Element>();
const elsewhere = new WeakSet<Element>(); // may be drawn by a worker
const copies = new WeakMap<Element, HTMLCanvasElement>(); // of what is lost when a task ends
const copied = new Set<Element>(); // in this task

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
    patch(view, 'HTMLCanvasElement width height', (canvas) => {
      copies.delete(canvas);
      plan(canvas);
    });
    patch(view, 'HTMLCanvasElement transferControlToOffscreen', (canvas) => {
      elsewhere.add(canvas);
      plan(canvas);
    });
  },

  /** A new canvas or video: it may show something already. */
  arrived(el) {
    if (/^(?:canvas|video)$/.test(el.localName)) plan(el as Shown);
  },

  handle(type, target) {
    if (!/^(?:loadeddata|pause|seeked|timeupdate)$/.test(type) || target.localName !== 'video') return;
    if (type !== 'timeupdate' || performance.now() > (next.get(target) ?? 0) + longer) plan(target as Shown);
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
  if (lost && idOf(canvas) && !isMasked(canvas) && !copied.has(canvas)) {
    copied.add(canvas);
    queueMicrotask(() => {
      copied.delete(canvas);
      copies.set(canvas, copyOf(canvas, copies.get(canvas)));
    });
  }
  plan(canvas);
}

function plan(canvas: Shown): void {
  if (planned.has(canvas) || !idOf(canvas)) return;
  planned.add(canvas);
  const wait = (next.get(canvas) ?? 0) - performance.now();
  if (wait > 0) setTimeout(take, wait, canvas);
  else queueMicrotask(() => take(canvas));
}

async function take(canvas: Shown): Promise<void> {
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

const isVideo = (el: Shown): el is HTMLVideoElement => 'videoWidth' in el;

const sizeOf = (el: Shown): [width: number, height: number] =>
  isVideo(el) ? [el.videoWidth, el.videoHeight] : [el.width, el.height];

/** Whether a video shows no picture of its own yet. */
const isBlank = (el: HTMLVideoElement): boolean => el.readyState < 2 || (el.poster !== '' && el.currentTime === 0);

/** A copy of what is shown, scaled down if that is large. */
function copyOf(el: Shown, to = document.createElement('canvas')): HTMLCanvasElement {
  const [width, height] = sizeOf(el);
  const scale = Math.min(1, Math.sqrt(largest / (width * height)));
  to.width = Math.ceil(width * scale);
  to.height = Math.ceil(height * scale);
  to.getContext('2d')?.drawImage(el, 0, 0, to.width, to.height);
  return to;
}

/** What is shown as a picture, null if it has no size or its picture is too large. Its pixels are read at once. */
async function pictureOf(el: Shown): Promise<Picture | null> {
  const [width, height] = sizeOf(el);
  if (width * height === 0 || (isVideo(el) && isBlank(el))) return null;
  const copy = copies.get(el) ?? copyOf(el);
  const percent = Math.round((copy.width / width) * 100);
  for (const quality of isVideo(el) ? [0.8, 0.4] : [1, 0.8, 0.4]) {
    const type = quality === 1 ? 'image/png' : 'image/webp';
    const blob = await new Promise<Blob | null>((done) => copy.toBlob(done, type, quality));
    if (blob && blob.size <= most) return { percent, url: await dataUrl(blob) };
  }
  return null;
}
