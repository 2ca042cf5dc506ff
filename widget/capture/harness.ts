// The capture as the page-engine harness loads it: a global, and what a site may turn off is on.
import { flush, type Options, snapshot, start, stop } from './index.ts';

const begin = (sink: (message: Uint8Array) => void, options?: Options): void =>
  start(sink, { canvas: true, ...options });
const scope = globalThis as { kohe?: object };
scope.kohe = { ...scope.kohe, capture: { start: begin, stop, flush, snapshot } };
