// What leaves the page of a text or an attribute: masked, absolute, bounded.
import { attributeOf, localNameOf, parentOf, previousOf, tagOf } from '../native.ts';
import { inline, isNamed } from './blobs.ts';
import { maskCss } from './css.ts';
import { Limit, maskText } from './format.ts';
import { Attribute, attributeKind } from './kinds.ts';
import * as masks from './masks.ts';
import { isFrame } from './roots.ts';
import { absoluteCss, absoluteSet, resolve, sameOrigin } from './url.ts';

/** A text node's content as it leaves. */
export function leavingText(node: Node, data: string, masked: boolean): string {
  const parent = parentOf(node);
  if (tagOf(parent) === 'style') {
    if (!masked) return absoluteCss(data, parent as Node);
    return previousOf(node) ? '' : maskCss(data); // a string may begin in one text and end in the next
  }
  return masked ? maskText(data) : data.slice(0, Limit.text);
}

/** An attribute as it leaves, null if it does not. */
export function leavingAttribute(el: Element, name: string, value: string, masked: boolean): string | null {
  const kind = attributeKind(name);
  if (kind === Attribute.silent) return null;
  if (kind === Attribute.value && /^(?:hidden|file)$/i.test(attributeOf(el, 'type') ?? '')) return null;
  let now = masked ? masks.attribute(el, name, value) : value;
  if (now && kind > Attribute.silent && kind < Attribute.value) {
    if (kind === Attribute.address ? !travels(el, now) : kind === Attribute.set && isNamed(el)) return null;
    now = inline(
      kind === Attribute.style ? absoluteCss(now, el) : (kind === Attribute.set ? absoluteSet : resolve)(now, el),
      el,
      masked,
    );
  }
  return now?.slice(0, Limit.text) ?? null;
}

/** A frame's document and a sheet whose rules can be read do not travel by address. */
function travels(el: Element, url: string): boolean {
  if (url[0] === '#') return true;
  if (localNameOf(el) === 'link') {
    const { rel, href } = el as HTMLLinkElement;
    return /\bstylesheet\b/i.test(rel) ? !sameOrigin(href) : /\bicon\b/i.test(rel);
  }
  return !isFrame(el) && !/^javascript:/i.test(url.replace(/[\0- ]/g, ''));
}

/** A known node's text (name '') or attribute as it leaves. */
export function leaving(node: Node, name: string, value: string | null, masked: boolean): string | null {
  return value === null
    ? null
    : name
      ? leavingAttribute(node as Element, name, value, masked)
      : leavingText(node, value, masked);
}
