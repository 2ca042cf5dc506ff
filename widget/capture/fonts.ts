// Fonts that scripts add to a document travel as one more adopted sheet, of
// @font-face rules.
import { dataUrl } from './blobs.ts';
import type { Page } from './more.ts';
import type { Part } from './part.ts';
import type { Patches } from './patches.ts';
import type { Realm } from './roots.ts';

const most = 1 << 20; // bytes of a font; a larger one is left out
const descriptors = { style: 'style', weight: 'weight', stretch: 'stretch', 'unicode-range': 'unicodeRange' } as const;

export class Fonts implements Part {
  constructor(readonly page: Page) {}

  patch(patches: Patches, view: Realm): void {
    const { document } = view;
    const update = (): void => void this.#update(view);
    patches.method(view.FontFaceSet?.prototype, 'add delete clear', update);
    if (document.fonts?.size) update();
  }

  async #update(view: Realm): Promise<void> {
    const { fontSources } = this.page;
    const fonts = [...view.document.fonts].filter((font) => fontSources.has(font));
    const rules = await Promise.all(fonts.map((font) => rule(font, fontSources.get(font) ?? '')));
    const sheet = new view.CSSStyleSheet();
    sheet.replaceSync(rules.join(''));
    this.page.adopt(view.document, sheet);
  }
}

async function rule(font: FontFace, source: string | BufferSource): Promise<string> {
  if (typeof source !== 'string' && source.byteLength > most) return '';
  const src = typeof source === 'string' ? source : `url(${await dataUrl(new Blob([source], { type: 'font/ttf' }))})`;
  const rest = Object.entries(descriptors).map(([name, key]) => `font-${name}:${font[key]};`.replace('font-u', 'u'));
  return `@font-face{font-family:${font.family};src:${src};${rest.join('')}}`;
}
