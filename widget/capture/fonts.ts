// Fonts that scripts add to a document, and those of its sheets that others may
// not load from this origin, travel as one more adopted sheet, of @font-face rules.
import { dataUrl } from './blobs.ts';
import { expect, signal } from './core.ts';
import { fontSources } from './early.ts';
import type { Part } from './part.ts';
import { patch } from './patches.ts';
import { type Realm, viewIn } from './roots.ts';
import { adopt } from './sheets.ts';
import { absoluteCss, faces, sameOrigin } from './url.ts';
import { roots } from './watch.ts';

const most = 1 << 20; // bytes of a font that a script has made; a larger one is left out
let room = 128 << 10; // bytes of fonts of this origin that may still travel: a slow phone has to send them

const given = new WeakMap<Realm, string>(); // the rules that a document's mirror has besides those of its sheets
const turns = new WeakMap<Realm, object>(); // the last update of each
const contents = new Map<string, Promise<string>>(); // of fonts of this origin, by address; '' if they are not to travel
let noted = 0; // faces that were looked at

const update = (view: Realm): void => expect(look(view));

async function look(view: Realm): Promise<void> {
  const { fonts } = view.document;
  const turn = {};
  turns.set(view, turn);
  await fonts.ready;
  const made = [...fonts].filter((font) => fontSources.has(font)).map((font) => rule(font, view));
  const held = [...faces].map((face) => byContent(face, view));
  const text = await Promise.all([...held, ...made]).then(
    (rules) => rules.join(''),
    () => '',
  );
  if (turns.get(view) !== turn || (given.get(view) ?? '') === text) return;
  given.set(view, text);
  const sheet = new view.CSSStyleSheet();
  sheet.replaceSync(text);
  adopt(view.document, sheet);
}

/** A font that a script has made. */
async function rule(font: FontFace, view: Realm): Promise<string> {
  const source = fontSources.get(font) ?? '';
  if (typeof source !== 'string' && source.byteLength > most) return '';
  const src = typeof source === 'string' ? absoluteCss(source, view.document) : `url(${await fontUrl(source)})`;
  const face = `@font-face{font-family:${font.family};src:${src};font-style:${font.style};font-weight:${font.weight};font-stretch:${font.stretch};unicode-range:${font.unicodeRange}}`;
  return (await byContent(face, view)) || face;
}

/** A rule with the font that it loaded from this origin in place of the address, '' if there is none. */
async function byContent(face: string, view: Realm): Promise<string> {
  for (const [, url] of face.matchAll(/url\(\s*["']?([^"')\s]+)/g) as Iterable<string[]>) {
    if (!sameOrigin(url as string) || view.performance.getEntriesByName(url as string).length === 0) continue;
    const content = contents.get(url as string) ?? read(url as string).catch(() => '');
    contents.set(url as string, content);
    const data = await content;
    if (data) return `${face.replace(/([{;])\s*src\s*:[^;}]*/g, '$1').slice(0, -1)};src:url(${data})}`;
  }
  return '';
}

/** A font as a data: address, '' if anybody may load it or there is no room. */
async function read(url: string): Promise<string> {
  const answer = await fetch(url, { cache: 'force-cache' });
  const font = await answer.arrayBuffer();
  if (!answer.ok || answer.headers.get('access-control-allow-origin') === '*' || font.byteLength > room) return '';
  room -= font.byteLength;
  return fontUrl(font);
}

const fontUrl = (font: BufferSource): Promise<string> => dataUrl(new Blob([font], { type: 'font/ttf' }));

export const fonts: Part = {
  patch(view) {
    patch(view, 'FontFaceSet add delete clear', () => update(view));
    if (view.document.fonts?.size) update(view);
  },
  renew() {
    faces.clear();
    noted = 0;
  },
  handle(type) {
    if (type !== 'loadingdone') return;
    noted = -1;
    signal();
  },
  write() {
    if (noted === faces.size) return;
    noted = faces.size;
    for (const root of roots) {
      const view = viewIn(root) as Realm | null;
      if (view?.document.fonts) update(view);
    }
  },
};
