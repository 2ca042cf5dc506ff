// What leaves the page of a text or an attribute: masked, absolute, bounded.
import { inline } from './blobs.ts';
import { maskCss } from './css.ts';
import { Limit, maskText } from './format.ts';
import { Attribute, attributeKind } from './kinds.ts';
import { masks } from './masks.ts';
import { isFrame } from './roots.ts';
import { absoluteCss, absoluteSet, resolve, sameOrigin } from './url.ts';

const script = /^\s*j\s*a\s*v\s*a\s*s\s*c\s*r\s*i\s*p\s*t\s*:/i;

/** A text node's content as it leaves. */
export function textOf(node: Node, data: string, masked: boolean): string {
  const parent = node.parentNode;
  if ((parent as Element | null)?.localName === 'style') {
    const css = absoluteCss(data, parent as Node);
    return !masked ? css : node.previousSibling ? '' : maskCss(css); // a string may begin in one text and end in the next
  }
  return masked ? maskText(data) : data.slice(0, Limit.text);
}

/** An attribute as it leaves, null if it does not. */
export function attributeOf(el: Element, name: string, value: string, masked: boolean): string | null {
  const kind = attributeKind(name);
  if (kind === Attribute.silent) return null;
  if (kind === Attribute.value && /^(?:hidden|file)$/i.test(el.getAttribute('type') ?? '')) return null;
  let now = masked ? masks.attribute(el, name, value) : value;
  if (now && kind > Attribute.silent && kind < Attribute.value) {
    if (kind === Attribute.address && !travels(el, now)) return null;
    now = inline(
      kind === Attribute.style ? absoluteCss(now, el) : (kind === Attribute.set ? absoluteSet : resolve)(now, el),
      el,
    );
  }
  return now && now.slice(0, Limit.text);
}

/** A frame's document and a sheet whose rules can be read do not travel by address. */
function travels(el: Element, url: string): boolean {
  if (url[0] === '#') return true;
  if (el.localName === 'link') {
    const { rel, href } = el as HTMLLinkElement;
    return /\bstylesheet\b/i.test(rel) ? !sameOrigin(href) : /\bicon\b/i.test(rel);
  }
  return !isFrame(el) && !script.test(url);
}

/** A known node's text (name '') or attribute as it leaves. */
export function leaving(node: Node, name: string, value: string | null, masked: boolean): string | null {
  return value === null ? null : name ? attributeOf(node as Element, name, value, masked) : textOf(node, value, masked);
}
