// What must not leave the page. The edge enforces the same rules again
// (dom/mask), but what is masked here never leaves the browser at all.
import { localNameOf, matches, titleOf, typeOf } from '../native.ts';
import { maskCss, words } from './css.ts';
import { maskPassword, maskText } from './format.ts';
import { Attribute, attributeKind, type TagKind } from './kinds.ts';
import { above } from './roots.ts';

const builtIn = [
  '[data-kohe-mask]',
  'input[type=password i]',
  '[autocomplete*="cc-" i]',
  '[autocomplete~="one-time-code" i]',
  '[autocomplete~="new-password" i]',
  '[autocomplete~="current-password" i]',
];

/** Attributes that say how an element looks or what it is, in HTML and SVG. */
const plain =
  /^(?:[a-z]{1,2}\d?|class|slot|part|type|role|rel|dir|lang|media|v?align|aria-(?:hidden|expanded|disabled|current|pressed|selected)|width|height|size|cols|rows|(?:col|row)?span|border|cell(?:padd|spac)ing|(?:bg)?color|(?:fill|stroke|stop|clip|marker|mask|filter|font|text|gradient|xmlns|viewBox|preserve)(?:[-A-Z:].*)?|points|offset|opacity|transform|data-kohe-(?:un)?mask)$/;
/** What does not leave at all, besides addresses: what says something to scripts and forms only, and what a field is set to. */
const dropped = /^(?:name|for|list|pattern|usemap|checked|selected|download)$/;
/** Types whose value cannot be bullets; masked they become text fields. */
const rigid = /^(?:number|range|date|time|month|week|datetime-local|color|email|url)$/i;

/** What a site says of its masks. Where all is masked, `unmask` and data-kohe-unmask show what is in an element even so. */
export interface MaskOptions {
  mask?: readonly string[];
  maskAll?: boolean;
  unmask?: readonly string[];
}

/** A site's selectors as one. The site's settings refuse what is none. */
function listOf(own: readonly string[] = [], builtIn: readonly string[] = []): string {
  const valid = own.filter((s) => {
    try {
      document.createDocumentFragment().querySelector(s);
      return true;
    } catch {
      return false;
    }
  });
  return [...builtIn, ...valid].join();
}

/** The rules of the site whose page is captured. */
export let masks: Masks;

export function maskBy(options: MaskOptions): void {
  masks = new Masks(options);
}

export class Masks {
  /** Whether everything is masked that no element shows. */
  readonly all: boolean;
  readonly #selector: string;
  readonly #shown: string;
  /** Attributes that a rule looks at: when one of them changes, the rules are asked again. */
  readonly #watched: RegExp;
  readonly #own: boolean; // there are selectors of the site, which may name what is inside an element
  /** Names and ids of fields that were password fields once: a field that takes their place is one too. */
  readonly #secret = new Set<string>();
  readonly #ever = new WeakSet<Element>();

  constructor({ mask, maskAll, unmask }: MaskOptions) {
    this.all = maskAll ?? false;
    this.#selector = listOf(mask, builtIn);
    this.#shown = listOf(unmask, ['[data-kohe-unmask]']);
    const own = [...(mask ?? []), ...(unmask ?? [])].join();
    this.#own = !!mask?.length;
    this.#watched = /[[:]/.test(own)
      ? /^/
      : new RegExp(`^(?:data-kohe-(?:un)?mask|type|autocomplete|name|id${own.includes('.') ? '|class' : ''})$`);
  }

  /** Whether changes of these attributes can bring the element, or what is in it, under a mask. */
  watches(former: object, el: Element): boolean {
    for (const name in former) if (this.#watched.test(name)) return this.#own || this.all || this.self(el);
    return false;
  }

  /**
   * Whether the element's content is masked by a rule of its own. Its kind and the names of its attributes, if they are
   * at hand, spare most elements of a page the selectors.
   */
  self(el: Element, kind?: TagKind, names?: readonly string[]): boolean {
    if (kind && names && !this.#own && !kind.field)
      return names.includes('data-kohe-mask') || (names.includes('autocomplete') && matches(el, this.#selector));
    return (localNameOf(el) === 'input' && this.#password(el as HTMLInputElement)) || matches(el, this.#selector);
  }

  #password(input: HTMLInputElement): boolean {
    if (input.type !== 'password') {
      return this.#ever.has(input) || this.#secret.has(input.name) || this.#secret.has(`#${input.id}`);
    }
    this.#ever.add(input);
    if (input.name) this.#secret.add(input.name);
    if (input.id) this.#secret.add(`#${input.id}`);
    return true;
  }

  /** Whether a new or moved element is masked, whose parent is or is not. What a rule masks nothing shows. */
  of(el: Element, inherited: boolean, kind?: TagKind, names?: readonly string[]): boolean {
    return this.self(el, kind, names) || (inherited && !this.#shows(el));
  }

  #shows(el: Element): boolean {
    if (!this.all || !matches(el, this.#shown)) return false;
    let n: Node | null | undefined = el;
    while (n && !(typeOf(n) === 1 && this.self(n as Element))) n = above(n);
    return !n;
  }

  /** A masked element's attribute as it may leave, null when it may not. */
  attribute(el: Element, name: string, value: string): string | null {
    const localName = localNameOf(el);
    const kind = attributeKind(name);
    if (kind === Attribute.address || kind === Attribute.set) return addressOf(el, name, value);
    if (/^input:(?:type|value)$/.test(`${localName}:${name}`))
      return name === 'value' ? this.value(el, value) : rigid.test(value) ? 'text' : value;
    if (name === 'content' ? /^(?:light|dark|only| )+$/.test(value) : name === 'name' && value === 'color-scheme')
      return value;
    if (name === 'name' && localName === 'slot') return words(value);
    if (dropped.test(name)) return null;
    if (name === 'style') return maskCss(value);
    return plain.test(name) ? look(value) : maskText(value);
  }

  /** A masked field's value as it may leave. */
  value(el: Element, value: string): string {
    return this.#ever.has(el) || (el as HTMLInputElement).type === 'password' ? maskPassword(value) : maskText(value);
  }

  /** The document's address and title as they may leave: where all is masked, of the address no query and no fragment. */
  page(): [url: string, title: string] {
    const title = titleOf(document);
    const el = document.querySelector('title');
    const masked = el ? el.closest(this.#selector) || (this.all && !el.closest(this.#shown)) : this.all;
    return [this.all ? path(location.href) : location.href, masked ? maskText(title) : title];
  }
}

const path = (url: string): string => url.replace(/[?#].*/s, '');

/** What a plain attribute may say: figures, and words that are names. */
function look(value: string): string {
  const figures = value.replace(/translate|scale|rotate|skew|matrix|px|e-/g, '');
  return /[a-z_]{2}|[^\w\s.,%+*()-]/i.test(figures) ? words(value) : value;
}

/**
 * The address that a masked element may have: of a style sheet, without its query; of what is in the document. A blank
 * picture keeps the place of one.
 */
function addressOf(el: Element, name: string, value: string): string | null {
  if (value.startsWith('#')) return words(value) === value ? value : null;
  if (name === 'href' && el.localName === 'link' && /\bstylesheet\b/i.test((el as HTMLLinkElement).rel))
    return path(value);
  if (name !== 'src' || el.localName !== 'img') return null;
  const { naturalWidth, naturalHeight, width, height } = el as HTMLImageElement;
  return `data:image/svg+xml,<svg xmlns="http://www.w3.org/2000/svg" width="${naturalWidth || width}" height="${naturalHeight || height}" style="background:rgba(0,0,0,.15)"/>`;
}
