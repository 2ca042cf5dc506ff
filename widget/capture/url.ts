// Addresses leave the page absolute: the mirror has another base.

const most = 500; // fonts that are looked at

const absolute = /^(?:#|[a-z][a-z0-9+.-]*:)/i;

/** What an address is relative to: a node's document, or an address. */
type Base = Node | string;

/** An address made absolute; one that is not an address stays as it is. */
export function resolve(url: string, base: Base): string {
  if (absolute.test(url)) return url;
  const trimmed = url.trim();
  if (trimmed === '' || absolute.test(trimmed)) return trimmed;
  try {
    return new URL(trimmed, typeof base === 'string' ? base : base.baseURI).href;
  } catch {
    return trimmed;
  }
}

/** Whether an address belongs to this page's origin. */
export function sameOrigin(url: string): boolean {
  try {
    return new URL(url, document.baseURI).origin === location.origin;
  } catch {
    return false;
  }
}

const address = /(url\(\s*|@import\s+)(?:"([^"\\]*)"|'([^'\\]*)'|([^()"'\s\\]+)(?=\s*\)))/gi;

/** The fonts of the CSS that left since the snapshot began, each as its rule. */
export const faces = new Set<string>();

/** CSS text with its url(…) and @import addresses made absolute; those with escapes stay as they are. */
export function absoluteCss(text: string, base: Base): string {
  const css = text.replace(address, (whole, head, a, b, c) => {
    const url: string = a ?? b ?? c;
    return absolute.test(url) || !url ? whole : `${head}"${resolve(url, base)}"`;
  });
  for (const [face] of css.matchAll(/@font-face\s*{[^}]*}/gi)) if (faces.size < most) faces.add(face);
  return css;
}

export function absoluteSet(value: string, base: Base): string {
  return value.replace(
    /(^|,\s+|,(?=[^\s]+\s))\s*([^\s,][^\s]*)/g,
    (_, lead: string, url: string) => lead + resolve(url, base),
  );
}
