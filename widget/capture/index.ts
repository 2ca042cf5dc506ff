// Captures the page it runs in. One capture at a time.
import { animations } from './animations.ts';
import { canvases } from './canvases.ts';
import { closeCapture, type Options, openCapture } from './capture.ts';
import { remember } from './early.ts';
import { fonts } from './fonts.ts';
import { lengths } from './lengths.ts';
import { lists } from './lists.ts';
import { media } from './media.ts';
import { ranges } from './ranges.ts';
import { uses } from './uses.ts';

export { flush, type Options, snapshot, weave } from './capture.ts';
export { find, hidden } from './find.ts';

remember(window);

/** Begins with a snapshot; from then on the sink gets a message whenever there is something to say. */
export function start(sink: (message: Uint8Array) => void, options: Options = {}): void {
  closeCapture();
  openCapture(sink, options, [
    animations,
    fonts,
    lengths,
    lists,
    media,
    ranges,
    uses,
    ...(options.canvas ? [canvases] : []),
  ]);
}

export { closeCapture as stop };
