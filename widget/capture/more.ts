// What few pages have; loaded after the snapshot has left.
import { Animations } from './animations.ts';
import { Canvases } from './canvases.ts';
import { Fonts } from './fonts.ts';
import type { Ids } from './ids.ts';
import { Lengths } from './lengths.ts';
import type { Part } from './part.ts';
import { Ranges } from './ranges.ts';
import type { Root } from './roots.ts';

/** What these parts need of the capture. */
export interface Page {
  readonly ids: Ids;
  readonly roots: ReadonlySet<Root>;
  /** What fonts made by script are made of: CSS text, or the font itself. */
  readonly fontSources: WeakMap<FontFace, string | BufferSource>;
  /** Something changed that no MutationObserver sees. */
  signal(): void;
  /** Something of an element may have changed. */
  touch(el: Element): void;
  /** Has an element's attributes sent again. */
  again(el: Element): void;
  /** Has a document adopt one more sheet in the mirror, instead of the one before. */
  adopt(doc: Document, sheet: CSSStyleSheet): void;
}

export function more(page: Page, canvas: boolean): Part[] {
  const parts: Part[] = [new Animations(page), new Fonts(page), new Lengths(page), new Ranges(page)];
  return canvas ? [...parts, new Canvases(page)] : parts;
}
