// Clicking as the visitor would, where that stays on this page or site: not on
// links and forms that lead out of it, not on what opens the visitor's files or
// asks them for permissions, and only on what they can see there.

import { boxIn } from './anchor.ts';

/** What only the visitor presses. */
const own = 'input[type=file i], permission, geolocation, usermedia, install';

/** Clicks; says why not, '' if it did. `ours` is what we draw, which covers nothing. */
export function click(el: Element, ours: Element): '' | 'refused' | 'outside' | 'covered' {
  const control = controlOf(el);
  if (control.matches(own) || control.matches(':disabled') || el.matches(':disabled')) return 'refused';
  if (leadsOut(el) || submitsOut(control)) return 'outside';
  const at = middle(el);
  if (!at || !isSeen(el, at, ours)) return 'covered';
  press(el);
  return '';
}

/** What a click on an element is for: the button or field that it is in, or a label's field. */
function controlOf(el: Element): Element {
  const first = upFrom(el, (one): one is Element => one.matches('button, input, select, textarea, label'));
  return (first?.localName === 'label' ? (first as HTMLLabelElement).control : first) ?? el;
}

/** The first of an element and those around it, through shadow roots, that is wanted. */
function upFrom<T extends Element>(el: Element, wanted: (one: Element) => one is T): T | null {
  for (let one: Element | null = el; one; one = one.parentElement ?? hostOf(one)) if (wanted(one)) return one;
  return null;
}

const hostOf = (el: Element): Element | null => (el.getRootNode() as Partial<ShadowRoot>).host ?? null;

/** Whether a click follows a link to another site, to a file, or to a script. */
function leadsOut(el: Element): boolean {
  const link = upFrom(el, (one): one is Element => /^(?:a|area)$/.test(one.localName));
  if (!link) return false;
  const href = link.getAttribute('href') ?? link.getAttributeNS('http://www.w3.org/1999/xlink', 'href');
  if (href === null) return false;
  return link.hasAttribute('download') || !stays(link, href) || leavesTab(link.getAttribute('target'));
}

/** Whether a button sends its form to another site, or into another tab. A field of the form can be called "action". */
function submitsOut(control: Element): boolean {
  const { form, type } = control as HTMLButtonElement;
  if (!/^(?:button|input)$/.test(control.localName) || !form || !/^(?:submit|image)$/.test(type)) return false;
  const said = (name: string): string | null =>
    control.getAttribute(`form${name}`) ?? Element.prototype.getAttribute.call(form, name);
  return !stays(control, said('action') ?? '') || leavesTab(said('target'));
}

/** Whether an address is one of this site's pages. */
function stays(el: Element, address: string): boolean {
  try {
    const { origin, protocol } = new URL(address, el.ownerDocument.baseURI);
    return /^https?:$/.test(protocol) && origin === location.origin;
  } catch {
    return false;
  }
}

const leavesTab = (target: string | null): boolean => !/^(?:|_self|_top|_parent)$/i.test(target ?? '');

interface At {
  x: number;
  y: number;
}

/** The middle of an element on the screen, once it is in view; null if it has no box. */
function middle(el: Element): At | null {
  const seen = (): DOMRect => boxIn(el, document);
  const out = ({ left, top, right, bottom }: DOMRect): boolean =>
    top < 0 || left < 0 || bottom > innerHeight || right > innerWidth;
  if (out(seen())) el.scrollIntoView({ behavior: 'instant', block: 'center', inline: 'nearest' });
  const { left, top, width, height } = seen();
  return width && height ? { x: left + width / 2, y: top + height / 2 } : null;
}

/** Whether the visitor sees the element where it is: nothing else lies over its middle. */
function isSeen(el: Element, { x, y }: At, ours: Element): boolean {
  const target = upFrom(el, (one): one is HTMLElement => one.localName === 'label') ?? el;
  const hit = deepest(document, x, y, ours);
  return hit !== null && (around(hit, el) || around(el, hit) || around(hit, target) || labels(hit, el));
}

const labels = (hit: Element, el: Element): boolean =>
  upFrom(hit, (one): one is HTMLLabelElement => one.localName === 'label')?.control === el;

/** Whether `inner` is in `outer`, or is it; through shadow roots and frames. */
function around(inner: Element, outer: Element): boolean {
  for (let one: Element | null = inner; one; one = one.parentElement ?? hostOf(one) ?? frameOf(one))
    if (one === outer) return true;
  return false;
}

const frameOf = (el: Element): Element | null => el.ownerDocument.defaultView?.frameElement ?? null;

/** The element at a point, within shadow roots and frames. */
function deepest(root: Document | ShadowRoot, x: number, y: number, ours: Element): Element | null {
  const hit = root.elementsFromPoint(x, y).find((one) => one !== ours) ?? null;
  if (hit?.shadowRoot && hit.shadowRoot !== root) return deepest(hit.shadowRoot, x, y, ours) ?? hit;
  if (hit?.localName !== 'iframe') return hit;
  const { contentDocument, clientLeft, clientTop } = hit as HTMLIFrameElement;
  const { left, top } = hit.getBoundingClientRect();
  return (contentDocument && deepest(contentDocument, x - left - clientLeft, y - top - clientTop, ours)) ?? hit;
}

/** All that a press says to a page. The browser itself only knows the click. */
function press(el: Element): void {
  const view = el.ownerDocument.defaultView as Window & typeof globalThis;
  const { left, top, width, height } = el.getBoundingClientRect();
  const at = { clientX: left + width / 2, clientY: top + height / 2 };
  const what = { bubbles: true, cancelable: true, composed: true, view, detail: 1, ...at };
  const pointer = { ...what, pointerId: 1, pointerType: 'mouse', isPrimary: true };
  el.dispatchEvent(new view.PointerEvent('pointerdown', { ...pointer, buttons: 1 }));
  el.dispatchEvent(new view.MouseEvent('mousedown', { ...what, buttons: 1 }));
  el.dispatchEvent(new view.PointerEvent('pointerup', pointer));
  el.dispatchEvent(new view.MouseEvent('mouseup', what));
  if (!el.isConnected) return; // the page took it away on the press
  if (el instanceof view.HTMLElement) view.HTMLElement.prototype.click.call(el);
  else el.dispatchEvent(new view.MouseEvent('click', what));
}
