// Clicking as the visitor would, where that stays on this page or site: not on
// links and forms that lead out of it, not on what opens the visitor's files or
// asks them for permissions, and only on what they can see there.

import {
  attributeOf,
  boxOf,
  bringIntoView,
  dispatch,
  documentOf,
  elementsAt,
  isConnected,
  localNameOf,
  matches,
  shadowOf,
  viewOf,
} from '../native.ts';
import { above, boxIn } from './anchor.ts';

/** What only the visitor presses. */
const own = 'input[type=file i], permission, geolocation, usermedia, install';

/** Clicks; says why not, '' if it did. `ours` is what we draw, which covers nothing. */
export function click(el: Element, ours: Element): '' | 'refused' | 'outside' | 'covered' {
  const control = controlOf(el);
  if ([own, ':disabled'].some((what) => matches(control, what)) || matches(el, ':disabled')) return 'refused';
  if (leadsOut(el) || submitsOut(control)) return 'outside';
  const at = middle(el);
  if (!at || !isSeen(el, at, ours)) return 'covered';
  press(el);
  return '';
}

/** What a click on an element is for: the button or field that it is in, or a label's field. */
function controlOf(el: Element): Element {
  const first = upFrom(el, (one): one is Element => matches(one, 'button, input, select, textarea, label'));
  return (first && localNameOf(first) === 'label' ? (first as HTMLLabelElement).control : first) ?? el;
}

/** The first of an element and those around it in its document, through shadow roots, that is wanted. */
function upFrom<T extends Element>(el: Element, wanted: (one: Element) => one is T): T | null {
  const doc = documentOf(el) as Document;
  for (let one: Element | null = el; one; one = above(one, doc)) if (wanted(one)) return one;
  return null;
}

/** Whether a click follows a link to another site, to a file, or to a script. */
function leadsOut(el: Element): boolean {
  const link = upFrom(el, (one): one is Element => /^(?:a|area)$/.test(localNameOf(one)));
  if (!link) return false;
  const href = link.getAttribute('href') ?? link.getAttributeNS('http://www.w3.org/1999/xlink', 'href');
  if (href === null) return false;
  return link.hasAttribute('download') || !stays(link, href) || leavesTab(link.getAttribute('target'));
}

/** Whether a button sends its form to another site, or into another tab. A field of the form can be called "action". */
function submitsOut(control: Element): boolean {
  const { form, type } = control as HTMLButtonElement;
  if (!/^(?:button|input)$/.test(localNameOf(control)) || !form || !/^(?:submit|image)$/.test(type)) return false;
  const said = (name: string): string | null => control.getAttribute(`form${name}`) ?? attributeOf(form, name);
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
  if (out(seen())) bringIntoView(el, { behavior: 'instant', block: 'center', inline: 'nearest' });
  const { left, top, width, height } = seen();
  return width && height ? { x: left + width / 2, y: top + height / 2 } : null;
}

/** Whether the visitor sees the element where it is: nothing else lies over its middle. */
function isSeen(el: Element, { x, y }: At, ours: Element): boolean {
  const target = upFrom(el, (one): one is HTMLElement => localNameOf(one) === 'label') ?? el;
  const hit = deepest(document, x, y, ours);
  return hit !== null && (isIn(hit, el) || isIn(el, hit) || isIn(hit, target) || labels(hit, el));
}

const labels = (hit: Element, el: Element): boolean =>
  upFrom(hit, (one): one is HTMLLabelElement => localNameOf(one) === 'label')?.control === el;

/** Whether `inner` is in `outer`, or is it; through shadow roots and frames. */
function isIn(inner: Element, outer: Element): boolean {
  for (let one: Element | null = inner; one; one = above(one, document)) if (one === outer) return true;
  return false;
}

/** The element at a point, within shadow roots and frames. */
function deepest(root: Document | ShadowRoot, x: number, y: number, ours: Element): Element | null {
  const hit = elementsAt(root, x, y).find((one) => one !== ours) ?? null;
  if (!hit) return null;
  const shadow = shadowOf(hit);
  if (shadow && shadow !== root) return deepest(shadow, x, y, ours) ?? hit;
  if (localNameOf(hit) !== 'iframe') return hit;
  const { contentDocument, clientLeft, clientTop } = hit as HTMLIFrameElement;
  const { left, top } = boxOf(hit);
  return (contentDocument && deepest(contentDocument, x - left - clientLeft, y - top - clientTop, ours)) ?? hit;
}

/** All that a press says to a page. The browser itself only knows the click. */
function press(el: Element): void {
  const view = viewOf(documentOf(el) as Document) as Window & typeof globalThis;
  const { left, top, width, height } = boxOf(el);
  const at = { clientX: left + width / 2, clientY: top + height / 2 };
  const what = { bubbles: true, cancelable: true, composed: true, view, detail: 1, ...at };
  const pointer = { ...what, pointerId: 1, pointerType: 'mouse', isPrimary: true };
  dispatch(el, new view.PointerEvent('pointerdown', { ...pointer, buttons: 1 }));
  dispatch(el, new view.MouseEvent('mousedown', { ...what, buttons: 1 }));
  dispatch(el, new view.PointerEvent('pointerup', pointer));
  dispatch(el, new view.MouseEvent('mouseup', what));
  if (!isConnected(el)) return; // the page took it away on the press
  if (el instanceof view.HTMLElement) view.HTMLElement.prototype.click.call(el);
  else dispatch(el, new view.MouseEvent('click', what));
}
