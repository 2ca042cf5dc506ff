// Fonts that scripts add to a document travel as one more adopted sheet, of
// @font-face rules.
import { dataUrl } from './blobs.ts';
import { fontSources } from './early.ts';
import type { Part } from './part.ts';
import { patch } from './patches.ts';
import type { Realm } from './roots.ts';
import { adopt } from './sheets.ts';

const most = 1 << 20; // bytes of a font; a larger one is left out

async function update(view: Realm): Promise<void> {
  const made = [...view.document.fonts].filter((font) => fontSources.has(font));
  const rules = await Promise.all(made.map(rule));
  const sheet = new view.CSSStyleSheet();
  sheet.replaceSync(rules.join(''));
  adopt(view.document, sheet);
}

async function rule(font: FontFace): Promise<string> {
  const source = fontSources.get(font) ?? '';
  if (typeof source !== 'string' && source.byteLength > most) return '';
  const src = typeof source === 'string' ? source : `url(${await dataUrl(new Blob([source], { type: 'font/ttf' }))})`;
  return `@font-face{font-family:${font.family};src:${src};font-style:${font.style};font-weight:${font.weight};font-stretch:${font.stretch};unicode-range:${font.unicodeRange}}`;
}

export const fonts: Part = {
  patch(view) {
    patch(view, 'FontFaceSet add delete clear', () => void update(view));
    if (view.document.fonts?.size) void update(view);
  },
};
