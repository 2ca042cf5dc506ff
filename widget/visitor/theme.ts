// The window's colours, light and dark, around any accent: computed so that
// every text reaches 4.5:1 on every ground it stands on.

import { accentOf, black, hex, luminance, parse, type Rgb, textOn, white } from './color.ts';
import type { Theme } from './settings.ts';

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

/** The colour itself, or the nearest on its way to black or white that reaches the contrast on every given ground. */
export function readable(color: Rgb, grounds: readonly Rgb[], least: number): Rgb {
  const [first = white] = grounds;
  const end: Rgb = luminance(first) > 0.4 ? black : white;
  for (let part = 0; part < 1; part += 0.05) {
    const candidate = mix(color, end, part);
    if (grounds.every((ground) => contrast(candidate, ground) >= least)) return candidate;
  }
  return end;
}

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
    'accent-ink': hex(readable(accent, [surface, raised, soft], 4.5)),
    'accent-soft': hex(soft),
    'accent-hover': hex(mix(accent, textOn(accent) === white ? black : white, 0.14)),
  };
  return Object.entries({ ...theme, ...accents })
    .map(([name, value]) => `--${name}:${value}`)
    .join(';');
}

/** The widget's custom properties as a style sheet. The accent itself comes from color.ts. */
export function palette(color: string | undefined, theme: Theme): string {
  const accent = accentOf(color);
  const rule = (values: typeof light): string => `:host{${declarations(values, accent)}}`;
  if (theme !== 'auto') return rule(theme === 'dark' ? dark : light);
  return `${rule(light)}@media(prefers-color-scheme:dark){${rule(dark)}}`;
}
