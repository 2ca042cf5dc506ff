// Fonts that scripts add to a document travel as one more adopted sheet, of
// @font-face rules.
import { dataUrl } from './blobs.ts';
import { fontSources } from './early.ts';
import type { Patches } from './patches.ts';
import type { Realm } from './roots.ts';

const most = 1 << 20; // bytes of a font; a larger one is left out
const descriptors = { style: 'style', weight: 'weight', stretch: 'stretch', 'unicode-range': 'unicodeRange' } as const;

export class Fonts {
  readonly #sheets = new WeakMap<Document, CSSStyleSheet>();

  constructor(readonly changed: () => void) {}

  patch(patches: Patches, view: Realm): void {
    const { document } = view;
    const update = (): void => void this.#update(view);
    patches.method(view.FontFaceSet?.prototype, 'add delete clear', update);
    if (document.fonts?.size) update();
  }

  /** The sheet that a document has for its fonts, if it has any. */
  sheetOf(root: Node): CSSStyleSheet | undefined {
    return this.#sheets.get(root as Document);
  }

  async #update(view: Realm): Promise<void> {
    const fonts = [...view.document.fonts].filter((font) => fontSources.has(font));
    const rules = await Promise.all(fonts.map(rule));
    const sheet = new view.CSSStyleSheet();
    sheet.replaceSync(rules.join(''));
    this.#sheets.set(view.document, sheet);
    this.changed();
  }
}

async function rule(font: FontFace): Promise<string> {
  const source = fontSources.get(font) as string | BufferSource;
  if (typeof source !== 'string' && source.byteLength > most) return '';
  const src = typeof source === 'string' ? source : `url(${await dataUrl(new Blob([source], { type: 'font/ttf' }))})`;
  const rest = Object.entries(descriptors).map(([name, key]) => `font-${name}:${font[key]};`.replace('font-u', 'u'));
  return `@font-face{font-family:${font.family};src:${src};${rest.join('')}}`;
}
