// The few lines that stand in for a framework: elements and icons built node by
// node, because a strict CSP and Trusted Types forbid markup from strings.

type Attribute = string | number | boolean | undefined;
export type Child = Node | string;

/** Makes an element. `true` gives an empty attribute; false and undefined leave it out. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Record<string, Attribute> = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const name in attributes) set(element, name, attributes[name]);
  element.append(...children);
  return element;
}

/** Sets, changes or removes one attribute, touching the DOM only if it differs. */
export function set(element: Element, name: string, value: Attribute): void {
  if (value === undefined || value === false) {
    if (element.hasAttribute(name)) element.removeAttribute(name);
    return;
  }
  const text = value === true ? '' : String(value);
  if (element.getAttribute(name) !== text) element.setAttribute(name, text);
}

/** Sets an element's text only if it differs, so that live regions speak once. */
export function say(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

const svg = 'http://www.w3.org/2000/svg';

/** Makes an icon of 24 units from path data; decorative, the control beside it has the name. */
export function icon(path: string): SVGSVGElement {
  const element = document.createElementNS(svg, 'svg');
  for (const [name, value] of [
    ['viewBox', '0 0 24 24'],
    ['aria-hidden', 'true'],
    ['class', 'icon'],
  ] as const) {
    element.setAttribute(name, value);
  }
  const line = document.createElementNS(svg, 'path');
  line.setAttribute('d', path);
  element.append(line);
  return element;
}
