// Colours for any site colour: contrast as WCAG 2.2 defines it, computed so that
// every text of the widget reaches 4.5:1 whatever colour a site chooses.

export type Rgb = readonly [number, number, number];

/** The accent where a site names none. */
export const ownAccent = '#0f6b6b';

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
const luminance = ([r, g, b]: Rgb): number => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);

/** The contrast ratio of two colours, 1 to 21. */
export function contrast(a: Rgb, b: Rgb): number {
  const [x, y] = [luminance(a), luminance(b)];
  return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05);
}

/** The colour a part of the way from one colour to another. */
export function mix(from: Rgb, to: Rgb, part: number): Rgb {
  const at = (i: 0 | 1 | 2): number => Math.round(from[i] + (to[i] - from[i]) * part);
  return [at(0), at(1), at(2)];
}

const black: Rgb = [8, 20, 20];
const white: Rgb = [255, 255, 255];

/** Black or white, whichever is read better on a colour: always at least 4.5:1. */
export const textOn = (fill: Rgb): Rgb => (contrast(white, fill) >= 4.5 ? white : black);

/** The colour itself, or the nearest on its way to black or white that reaches the contrast on every given ground. */
export function readable(color: Rgb, grounds: readonly Rgb[], least: number): Rgb {
  const [first = white] = grounds;
  const end: Rgb = luminance(first) > 0.4 ? [0, 0, 0] : white;
  for (let part = 0; part < 1; part += 0.05) {
    const candidate = mix(color, end, part);
    if (grounds.every((ground) => contrast(candidate, ground) >= least)) return candidate;
  }
  return end;
}

const hex = (c: Rgb): string => `#${c.map((n) => n.toString(16).padStart(2, '0')).join('')}`;

const light = {
  surface: '#ffffff',
  raised: '#f3f7f6',
  ink: '#10211f',
  muted: '#50625f',
  line: '#d9e4e2',
  edge: '#7d8f8c',
  danger: '#b3261e',
  good: '#1a7f4b',
  warn: '#b25e00',
  shadow: 'rgb(9 40 40 / .18)',
};
const dark: typeof light = {
  surface: '#131b1b',
  raised: '#1c2727',
  ink: '#e8f0ef',
  muted: '#a5b7b4',
  line: '#2e3d3c',
  edge: '#748683',
  danger: '#ffb4ab',
  good: '#4cc38a',
  warn: '#ffb454',
  shadow: 'rgb(0 0 0 / .5)',
};

function declarations(theme: typeof light, accent: Rgb): string {
  const surface = parse(theme.surface) ?? white;
  const raised = parse(theme.raised) ?? white;
  const soft = mix(surface, accent, 0.1);
  const accents = {
    accent: hex(accent),
    'on-accent': hex(textOn(accent)),
    'accent-ink': hex(readable(accent, [surface, raised, soft], 4.5)),
    'accent-soft': hex(soft),
    'accent-hover': hex(mix(accent, textOn(accent) === white ? [0, 0, 0] : white, 0.14)),
  };
  return Object.entries({ ...theme, ...accents })
    .map(([name, value]) => `--${name}:${value}`)
    .join(';');
}

export type Theme = 'auto' | 'light' | 'dark';

/** The widget's custom properties as a style sheet. A colour that cannot be read is replaced by our own. */
export function palette(color: string | undefined, theme: Theme): string {
  const accent = parse(color ?? '') ?? parse(ownAccent) ?? black;
  const rule = (values: typeof light): string => `:host{${declarations(values, accent)}}`;
  if (theme !== 'auto') return rule(theme === 'dark' ? dark : light);
  return `${rule(light)}@media(prefers-color-scheme:dark){${rule(dark)}}`;
}
