// Captures the page it runs in. One capture at a time.
import { Capture, type Options } from './capture.ts';
import { Ids } from './ids.ts';

export type { Options } from './capture.ts';

// Closed shadow roots can only be reached by whoever sees them made: from the
// moment this module runs, those are remembered, at no other cost.
const closedRoots = new WeakMap<Element, ShadowRoot>();
const ids = new Ids(); // nodes carry them from one capture to the next
let capture: Capture | null = null;

const { attachShadow } = Element.prototype;
Element.prototype.attachShadow = function (init) {
  const root = attachShadow.call(this, init);
  if (init.mode === 'closed') closedRoots.set(this, root);
  capture?.attached(this);
  return root;
};

/** Begins with a snapshot; from then on the sink gets a message whenever there is something to say. */
export function start(sink: (message: Uint8Array) => void, options: Options = {}): void {
  stop();
  capture = new Capture(sink, options, closedRoots, ids);
  capture.open();
}

export function stop(): void {
  capture?.close();
  capture = null;
}

/** Sends at once what waits for the frame's end. */
export function flush(): void {
  capture?.flush();
}

/** Sends a whole snapshot, as when the edge has lost the page. */
export function snapshot(): void {
  capture?.snapshot();
}
