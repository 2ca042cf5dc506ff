// What the visitor's page is and the mirror cannot be by itself. Nothing in the
// mirror is ever hovered or focused: these pseudo-classes become attributes that
// the mirror sets; an attribute selector weighs as much as a pseudo-class. Media
// queries and colour schemes are the visitor's (media.ts).
import type { Media } from './media.ts';

const text = String.raw`"(?:\\[^]|[^"\\\n])*"|'(?:\\[^]|[^'\\\n])*'|\/\*[^]*?(?:\*\/|$)`; // and comments
const address = String.raw`url\(\s*[^"'()\s][^)]*(?:\)|$)`;
const told = new RegExp(
  [
    String.raw`(${text}|${address}|\\[^])`,
    ':(hover|focus-visible|focus-within|focus|active|user-invalid)(?![-\\w(])',
    ':(defined)(?![-\\w(])',
    String.raw`:state\(\s*([-\w]+)\s*\)`,
    `(@(?:media|import)\\b(?:${text}|${address}|[^{};])*)`,
    String.raw`([{;\s]color-scheme\s*:)([^;}!]*)`,
  ].join('|'),
  'gi',
);
const conditions = new RegExp(String.raw`(${text}|${address})|\([^()]*\)`, 'gi');
const telling = /[:@]/;

/** CSS as the mirror needs it. */
export function shownCss(css: string, media: Media): string {
  if (!telling.test(css)) return css;
  return css.replace(
    told,
    (
      whole,
      kept?: string,
      state?: string,
      defined?: string,
      custom?: string,
      at?: string,
      key?: string,
      value = '',
    ) => {
      if (kept) return whole;
      if (state) return `[kohe-${state.toLowerCase()}]`;
      if (defined) return ':not([kohe-undefined])';
      if (custom) return `[kohe-state~="${custom}"]`;
      if (!at) return `${key}${media.scheme(value)}`;
      return at.replace(conditions, (part, kept?: string) => (kept ? part : media.query(part)));
    },
  );
}

/** Whether CSS asks for what only the visitor's browser can answer. */
export const asks = (css: string): boolean => /@media|@import|color-scheme/i.test(css);

/** Gives the page's own scroll bars a width in px, whatever this browser's are; Firefox can only take them away. */
export const barsOf = (width: number): string =>
  width === 0
    ? ':root{scrollbar-width:none!important}:root::-webkit-scrollbar{display:none!important}'
    : `:root::-webkit-scrollbar{width:${width}px!important;height:${width}px!important;background:#f1f1f1}
:root::-webkit-scrollbar-thumb{background:#c1c1c1;border:solid #f1f1f1;border-width:0 2px}`;

/** Declared in a layer, so that whatever the page says wins. */
export const base = `
@layer kohe{
[kohe-focus-visible]{outline:auto 1px -webkit-focus-ring-color}
[kohe-frame]{border:0}
::selection{background-color:Highlight;color:HighlightText}
}
kohe-x{display:none!important}
video:not([controls])::-webkit-media-controls{display:none!important}
*{caret-color:transparent!important}`;
