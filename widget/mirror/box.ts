// Where an element of the mirrored page is on the agent's screen.

/** Through the frames that it is in, and by the scale that the page is drawn at. */
export function screenBox(element: Element): DOMRect {
  const { left, top, width, height } = element.getBoundingClientRect();
  const place = { left, top };
  let frame = element.ownerDocument.defaultView?.frameElement as HTMLElement | null | undefined;
  for (let outer = frame; outer; outer = frame?.ownerDocument.defaultView?.frameElement as HTMLElement | null) {
    frame = outer;
    if (frame.ownerDocument === document) break;
    const box = frame.getBoundingClientRect();
    place.left += box.left + frame.clientLeft;
    place.top += box.top + frame.clientTop;
  }
  if (!frame) return new DOMRect(left, top, width, height);
  const box = frame.getBoundingClientRect();
  const scale = box.width / (frame.offsetWidth || 1);
  return new DOMRect(box.left + place.left * scale, box.top + place.top * scale, width * scale, height * scale);
}
