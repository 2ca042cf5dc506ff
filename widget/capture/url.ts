// Addresses leave the page absolute: the mirror has another base.

const addressed = new Set(['href', 'src', 'poster', 'background', 'cite', 'xlink:href', 'data', 'longdesc']);
const absolute = /^(?:#|[a-z][a-z0-9+.-]*:)/i;

function resolve(url: string, base: string): string {
  const trimmed = url.trim();
  if (trimmed === '' || absolute.test(trimmed)) return trimmed;
  try {
    return new URL(trimmed, base).href;
  } catch {
    return trimmed;
  }
}

/** CSS text with its url(…) and @import addresses made absolute. */
export function absoluteCss(text: string, base: string): string {
  if (!/url\(|@import/i.test(text)) return text;
  return text
    .replace(/url\(\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|([^)"'\s]*))\s*\)/gi, (whole, a, b, c) => {
      const url: string = a ?? b ?? c ?? '';
      return absolute.test(url) || url === '' || url.includes('\\') ? whole : `url("${resolve(url, base)}")`;
    })
    .replace(/(@import\s+)(?:"([^"]*)"|'([^']*)')/gi, (_, head, a, b) => `${head}"${resolve(a ?? b, base)}"`);
}

function absoluteSet(value: string, base: string): string {
  return value.replace(
    /(^|,\s+|,(?=[^\s]+\s))\s*([^\s,][^\s]*)/g,
    (_, lead: string, url: string) => lead + resolve(url, base),
  );
}

/** An attribute's value with its addresses made absolute. */
export function absoluteAttribute(el: Element, name: string, value: string): string {
  if (name === 'style') return absoluteCss(value, el.baseURI);
  if (name === 'srcset' || name === 'imagesrcset') return absoluteSet(value, el.baseURI);
  return addressed.has(name) && !absolute.test(value) ? resolve(value, el.baseURI) : value;
}
