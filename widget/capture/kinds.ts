// What capture has to know about names, looked up once per name: the snapshot
// asks for every element and attribute of a page.

export interface TagKind {
  tag: string; // on the wire: local name, with its namespace if that is not HTML
  never: boolean; // neither it nor what is in it leaves the page
  closed: boolean; // its children do not travel
  field: boolean; // may be masked for what it is
  more: boolean; // may have more to say than its attributes
  scrolls: boolean; // is often a scroller
}

const never = new Set('script noscript base embed applet frame frameset portal fencedframe'.split(' '));
const closed = new Set('iframe object template textarea'.split(' '));
const fields = new Set('input textarea select form fieldset'.split(' '));
const more = new Set('input textarea select dialog style link canvas slot'.split(' '));
const scrollers = new Set(
  'html body div main section article aside nav ul ol dl pre code textarea table tbody form fieldset header footer p blockquote details dialog menu figure select'.split(
    ' ',
  ),
);

const HTML = 'http://www.w3.org/1999/xhtml';
const html = new Map<string, TagKind>(); // by node name, which is in capitals for HTML elements alone

function learn(el: Element): TagKind {
  const name = el.localName;
  const ns = el.namespaceURI;
  const refused = never.has(name) || (ns !== HTML && !/svg|MathML/.test(ns ?? ''));
  let tag = name;
  if (ns !== HTML) tag = `${ns?.endsWith('svg') ? 'svg' : 'math'}:${name}`;
  else if (/^(?:svg|math|html):/.test(name)) tag = `html:${name}`;
  else if (name === 'object') tag = 'kohe-frame';
  return {
    tag: refused ? 'kohe-x' : tag,
    never: refused,
    closed: closed.has(name),
    field: fields.has(name) || name.includes('-'),
    more: more.has(name) || name.includes('-'),
    scrolls: scrollers.has(name) || name.includes('-'),
  };
}

export function tagKind(el: Element): TagKind {
  const name = el.nodeName;
  const known = html.get(name);
  if (known) return known;
  const kind = learn(el);
  if (el.namespaceURI === HTML && name !== el.localName && html.size < 1000) html.set(name, kind);
  return kind;
}

/** What becomes of an attribute: it stays at home, leaves as it is, or needs a look. */
export enum Attribute {
  silent,
  plain,
  address,
  style,
  set,
  value,
}

const silent =
  /^(?:on|nonce$|integrity$|srcdoc$|action$|formaction$|ping$|crossorigin$|http-equiv$|autofocus$|data-kohe-ui)/i;
const special = new Map<string, number>([
  ['style', Attribute.style],
  ['srcset', Attribute.set],
  ['imagesrcset', Attribute.set],
  ['value', Attribute.value],
]);
for (const name of 'href src poster background cite xlink:href data longdesc'.split(' '))
  special.set(name, Attribute.address);
const attributes = new Map<string, number>(special);

export function attributeKind(name: string): number {
  const known = attributes.get(name);
  if (known !== undefined) return known;
  const kind = silent.test(name) ? Attribute.silent : Attribute.plain;
  if (attributes.size < 2000) attributes.set(name, kind);
  return kind;
}
