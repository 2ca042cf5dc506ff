// The capture as the page-engine harness loads it: what a site may turn off is on.
import { start as begin, type Options } from './index.ts';

export { flush, snapshot, stop } from './index.ts';

export function start(sink: (message: Uint8Array) => void, options: Options = {}): void {
  begin(sink, { canvas: true, ...options });
}
