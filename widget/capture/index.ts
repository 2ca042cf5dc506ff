// Captures the page it runs in. One capture at a time.
import { Capture, type Options } from './capture.ts';
import { remember } from './early.ts';
import { Ids } from './ids.ts';

export type { Options } from './capture.ts';

const ids = new Ids(); // nodes carry them from one capture to the next
let capture: Capture | null = null;

remember(window);

/** Begins with a snapshot; from then on the sink gets a message whenever there is something to say. */
export function start(sink: (message: Uint8Array) => void, options: Options = {}): void {
  stop();
  capture = new Capture(sink, options, ids);
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
