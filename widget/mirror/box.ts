// Where an element of the mirrored page is on the agent's screen.

import { boxIn } from '../guide/anchor.ts';
import { boxOf } from '../native.ts';

/** A box of the mirror's page as it is on the agent's screen. */
export function onScreen(frame: HTMLIFrameElement, { left, top, width, height }: DOMRect): DOMRect {
  const outer = boxOf(frame);
  const scale = outer.width / (frame.offsetWidth || 1);
  return new DOMRect(outer.left + left * scale, outer.top + top * scale, width * scale, height * scale);
}

/** Where an element of the mirror in a frame is, whatever frames of the page it is in. */
export function screenBox(frame: HTMLIFrameElement, element: Element): DOMRect {
  return onScreen(frame, boxIn(element, frame.contentDocument as Document));
}
