// The last guard before the agent's browser: what is dangerous is stripped here
// again, whatever the edge let through. Nothing that this file returns can run
// a script, open a document or submit anything.

const inertTags = new Set([
  'script',
  'noscript',
  'base',
  'object',
  'embed',
  'applet',
  'frame',
  'frameset',
  'portal',
  'fencedframe',
  'svg:script',
  'svg:handler',
  ...['dialog', 'option', 'select'].flatMap((name) => [`svg:${name}`, `math:${name}`]), // state.ts takes them for HTML's
]);
const bannedAttributes = new Set([
  'srcdoc',
  'action',
  'formaction',
  'ping',
  'http-equiv',
  'nonce',
  'integrity',
  'is',
  'autofocus',
  'autoplay',
  'target',
  'download',
  'manifest',
  'sandbox',
  'allow',
  'allowfullscreen',
  'csp',
  'referrerpolicy',
  'crossorigin',
  'fetchpriority',
  'attributionsrc',
  'form',
  'inert',
  'codebase',
  'classid',
  'archive',
  'profile',
  'xml:base',
  'shadowrootmode',
  'popovertarget',
  'commandfor',
]);
const addresses = new Set([
  'href',
  'xlink:href',
  'src',
  'data',
  'poster',
  'background',
  'cite',
  'longdesc',
  'srcset',
  'imagesrcset',
  'lowsrc',
]);
const animations = new Set(['svg:animate', 'svg:set', 'svg:animateTransform', 'svg:animateMotion', 'svg:animateColor']);
const colourScheme = /^\s*(?:(?:light|dark|only|normal)\s*)+$/i; // the one thing that a meta element may say
const dangerousCss = /expression\s*\(|-moz-binding|(?:^|[^-\w]|-ms-)behavior\s*:|javascript\s*:|vbscript\s*:/i;

/** Whether a tag stands for a frame: an iframe, or an object. */
export function isFrame(tag: string): boolean {
  return tag === 'iframe' || tag === 'kohe-frame';
}

/** The tag to create in place of one. An HTML name has html: before it only where it needs that: the rules know it without. */
export function safeTag(tag: string): string {
  const name = tag.replace(/^html:(?!.*:)/s, '');
  return inertTags.has(name.toLowerCase()) ? 'kohe-x' : name;
}

/** An address without what browsers ignore in it, lower case, as far as its scheme. */
function scheme(url: string): string {
  return [...url.slice(0, 200)]
    .filter((c) => c > ' ')
    .join('')
    .slice(0, 40)
    .toLowerCase();
}

function safeAddress(tag: string, url: string): boolean {
  const s = scheme(url);
  if (s.startsWith('data:'))
    return (
      /^(?:img|source|video|audio|svg:image|svg:feimage|input)$/i.test(tag) &&
      /^data:(?:image|font|audio|video)\//.test(s)
    );
  return (
    s.startsWith('#') ||
    s.startsWith('https:') ||
    s.startsWith('http:') ||
    s.startsWith('blob:') ||
    !/^[a-z][a-z0-9+.-]*:/.test(s)
  );
}

const isStylesheet = (rel: string): boolean => /^\s*stylesheet\s*$/i.test(rel);

/** The value to set in place of one, null for none. `rel` is the element's own, for links. */
export function safeAttribute(tag: string, name: string, value: string, rel: string): string | null {
  const lower = name.toLowerCase();
  if (name !== lower && !tag.includes(':')) return null; // in HTML it would become the attribute that it looks like
  if (lower.startsWith('on') || bannedAttributes.has(lower)) return null;
  if (isFrame(tag) && (lower === 'src' || lower === 'name' || lower === 'data')) return null;
  if (tag === 'meta' && lower === 'content' && !colourScheme.test(value)) return null;
  if (tag === 'link' && lower === 'rel' && !isStylesheet(value)) return null; // so that none becomes a hint, whatever its other attributes say
  if (tag === 'link' && lower === 'href' && !isStylesheet(rel)) return null;
  if (
    animations.has(tag) &&
    (lower === 'attributename' || lower === 'to' || lower === 'values' || lower === 'from' || lower === 'by')
  ) {
    return /href/i.test(value) || dangerousCss.test(value) ? null : value;
  }
  if (lower === 'srcset' || lower === 'imagesrcset')
    return value.split(',').every((c) => safeAddress('img', c)) ? value : null;
  if (addresses.has(lower) && !safeAddress(tag, value)) return null;
  if (tag === 'svg:use' && /href$/.test(lower) && scheme(value)[0] !== '#') return null; // uses.ts shows what is in files
  return lower === 'style' && !safeCss(value) ? null : value;
}

/** Whether an address is a picture by content, and nothing that could end the CSS around it. */
export function safePicture(url: string): boolean {
  return /^data:image\/(?:png|webp|jpeg);base64,[A-Za-z0-9+/=]*$/.test(url);
}

/** Whether CSS text holds nothing that ever ran code. */
export function safeCss(text: string): boolean {
  const plain =
    text.includes('\\') || text.includes('/*') ? unescaped(text.replace(/\/\*[\s\S]*?(?:\*\/|$)/g, '')) : text;
  return !dangerousCss.test(plain);
}

const unescaped = (text: string): string =>
  text.replace(/\\([0-9a-f]{1,6})\s?|\\(.)/gi, (_, hex: string, char: string) =>
    hex ? String.fromCodePoint(Math.min(Number.parseInt(hex, 16), 0x10ffff)) : char,
  );
