// What capture has to know about names, looked up once per name: the snapshot
// asks for every element and attribute of a page.

import { localNameOf, namespaceOf, nodeNameOf } from '../native.ts';
export interface TagKind {
  tag: string; // on the wire: local name, with its namespace if that is not HTML
  never: boolean; // neither it nor what is in it leaves the page
  closed: boolean; // its children do not travel
  field: boolean; // may be masked for what it is
  more: boolean; // may have more to say than its attributes
  scrolls: boolean; // is often a scroller: to ask one takes the browser 4 µs
}

const never = /^(?:script|noscript|base|embed|applet|frame|frameset|portal|fencedframe)$/;
const closed = /^(?:iframe|object|template|textarea)$/;
const fields = /-|^(?:input|textarea|select|form|fieldset)$/;
const more = /-|^(?:input|textarea|select|dialog|style|link|canvas|slot|audio|video|use)$/;

const scrollers = /-|^(?:div|section|main|article|aside|nav|ul|ol|pre|table|tbody|form|html|body|dialog|textarea)$/;

const kinds = new Map<string, TagKind>(); // by node name, which is in capitals for HTML elements alone

export function tagKind(el: Element): TagKind {
  const nodeName = nodeNameOf(el);
  const known = kinds.get(nodeName);
  if (known) return known;
  const name = localNameOf(el);
  const ns = namespaceOf(el);
  const html = ns?.endsWith('/xhtml');
  const refused = never.test(name) || !(html || /svg|MathML/.test(ns ?? ''));
  const kind = {
    tag: refused
      ? 'kohe-x'
      : !html
        ? `${ns?.endsWith('svg') ? 'svg' : 'math'}:${name}`
        : /^(?:svg|math|html):/.test(name)
          ? `html:${name}`
          : name === 'object'
            ? 'kohe-frame'
            : name,
    never: refused,
    closed: closed.test(name),
    field: fields.test(name),
    more: more.test(name),
    scrolls: scrollers.test(name),
  };
  if (html && nodeName !== name && kinds.size < 1000) kinds.set(nodeName, kind);
  return kind;
}

/** What becomes of an attribute: it leaves as it is, stays at home, or needs a look. */
export enum Attribute {
  plain,
  silent,
  address,
  style,
  set,
  value,
}

// In the order of their numbers.
const special = [
  /^(?:on|nonce$|integrity$|srcdoc$|action$|formaction$|ping$|crossorigin$|http-equiv$|autofocus$|data-kohe-ui)/i,
  /^(?:href|src|poster|background|cite|xlink:href|data|longdesc)$/,
  /^style$/,
  /^(?:imagesrcset|srcset)$/,
  /^value$/,
];
const attributes = new Map<string, Attribute>();

export function attributeKind(name: string): Attribute {
  let kind = attributes.get(name);
  if (kind === undefined) {
    kind = special.findIndex((names) => names.test(name)) + 1;
    if (attributes.size < 2000) attributes.set(name, kind);
  }
  return kind;
}
