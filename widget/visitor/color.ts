// What the button needs of a site's colour. Luminance as WCAG 2.2 defines it, so
// that the text on it reaches 4.5:1 whatever colour a site chooses.

export type Rgb = readonly [number, number, number];

/** Reads #rgb or #rrggbb; null if it is neither. */
export function parse(color: string): Rgb | null {
  const long = color.trim().replace(/^#(\w)(\w)(\w)$/, '#$1$1$2$2$3$3');
  if (!/^#[\da-f]{6}$/i.test(long)) return null;
  const n = Number.parseInt(long.slice(1), 16);
  return [n >> 16, (n >> 8) & 255, n & 255];
}

const linear = (channel: number): number => {
  const c = channel / 255;
  return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
};
/** Relative luminance, 0 to 1. */
export const luminance = ([r, g, b]: Rgb): number => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);

export const black: Rgb = [0, 0, 0];
export const white: Rgb = [255, 255, 255];

/** Black or white, whichever is read better on a colour: always at least 4.5:1, as 0.183 is where they cross. */
export const textOn = (fill: Rgb): Rgb => (luminance(fill) < 0.183 ? white : black);

export const hex = (c: Rgb): string => `#${c.map((n) => n.toString(16).padStart(2, '0')).join('')}`;

/** A site's colour, or our own if it cannot be read. */
export const accentOf = (color: string | undefined): Rgb => parse(color ?? '') ?? [15, 107, 107];

/** The two properties that the button needs; theme.ts has the rest. */
export function accents(color: string | undefined): string {
  const accent = accentOf(color);
  return `:host{--accent:${hex(accent)};--on-accent:${hex(textOn(accent))}}`;
}
