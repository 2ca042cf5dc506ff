// What must not leave the page. The edge enforces the same rules again
// (dom/mask), but what is masked here never leaves the browser at all.
import { localNameOf, matches, titleOf, typeOf } from '../native.ts';
import { maskCss, words } from './css.ts';
import { maskPassword, maskText } from './format.ts';
import { Attribute, attributeKind, type TagKind } from './kinds.ts';
import { above } from './roots.ts';

const builtIn = `[data-kohe-mask],input[type=password i],[autocomplete*="cc-" i],[autocomplete~="one-time-code" i],
[autocomplete~="new-password" i],[autocomplete~="current-password" i]`;

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

/** Selectors as one, those of a site that are valid among them. The site's settings refuse others. */
function listOf(builtIn: string, own: readonly string[]): string {
  const valid = own.filter((s) => {
    try {
      document.createDocumentFragment().querySelector(s);
      return true;
    } catch {
      return false;
    }
  });
  return [builtIn, ...valid].join();
}

/** Whether everything is masked that no element shows. */
export let all = false;
let selector = '';
let shown = '';
/** Attributes that a rule looks at: when one of them changes, the rules are asked again. */
let watched: RegExp;
let own = false; // there are selectors of the site, which may name what is inside an element
/** Names and ids of fields that were password fields once: a field that takes their place is one too. */
const secret = new Set<string>();
const ever = new WeakSet<Element>();

/** Takes the rules of the site whose page is captured. */
export function maskBy({ mask = [], maskAll = false, unmask = [] }: MaskOptions): void {
  all = maskAll;
  selector = listOf(builtIn, mask);
  shown = listOf('[data-kohe-unmask]', unmask);
  const theirs = [...mask, ...unmask].join();
  own = mask.length > 0;
  watched = /[[:]/.test(theirs)
    ? /^/
    : new RegExp(`^(?:data-kohe-(?:un)?mask|type|autocomplete|name|id${theirs.includes('.') ? '|class' : ''})$`);
}

/** Whether changes of these attributes can bring the element, or what is in it, under a mask. */
export function watches(former: object, el: Element): boolean {
  for (const name in former) if (watched.test(name)) return own || all || ruled(el);
  return false;
}

/**
 * Whether the element's content is masked by a rule of its own. Its kind and the names of its attributes, if they are
 * at hand, spare most elements of a page the selectors.
 */
export function ruled(el: Element, kind?: TagKind, names?: readonly string[]): boolean {
  if (kind && names && !own && !kind.field)
    return names.includes('data-kohe-mask') || (names.includes('autocomplete') && matches(el, selector));
  return (localNameOf(el) === 'input' && password(el as HTMLInputElement)) || matches(el, selector);
}

function password(input: HTMLInputElement): boolean {
  if (input.type !== 'password') return ever.has(input) || secret.has(input.name) || secret.has(`#${input.id}`);
  ever.add(input);
  if (input.name) secret.add(input.name);
  if (input.id) secret.add(`#${input.id}`);
  return true;
}

/** Whether a new or moved element is masked, whose parent is or is not. What a rule masks nothing shows. */
export function of(el: Element, inherited: boolean, kind?: TagKind, names?: readonly string[]): boolean {
  return ruled(el, kind, names) || (inherited && !shows(el));
}

function shows(el: Element): boolean {
  if (!all || !matches(el, shown)) return false;
  let n: Node | null | undefined = el;
  while (n && !(typeOf(n) === 1 && ruled(n as Element))) n = above(n);
  return !n;
}

/** A masked element's attribute as it may leave, null when it may not. */
export function attribute(el: Element, name: string, now: string): string | null {
  const localName = localNameOf(el);
  const kind = attributeKind(name);
  if (kind === Attribute.address || kind === Attribute.set) return addressOf(el, name, now);
  if (/^input:(?:type|value)$/.test(`${localName}:${name}`))
    return name === 'value' ? value(el, now) : rigid.test(now) ? 'text' : now;
  if (name === 'content' ? /^(?:light|dark|only| )+$/.test(now) : name === 'name' && now === 'color-scheme') return now;
  if (name === 'name' && localName === 'slot') return words(now);
  if (dropped.test(name)) return null;
  if (name === 'style') return maskCss(now);
  return plain.test(name) ? look(now) : maskText(now);
}

/** A masked field's value as it may leave. */
export function value(el: Element, now: string): string {
  return ever.has(el) || (el as HTMLInputElement).type === 'password' ? maskPassword(now) : maskText(now);
}

/** The document's address and title as they may leave: where all is masked, of the address no query and no fragment. */
export function page(): [url: string, title: string] {
  const title = titleOf(document);
  const el = document.querySelector('title');
  const masked = el ? el.closest(selector) || (all && !el.closest(shown)) : all;
  return [all ? path(location.href) : location.href, masked ? maskText(title) : title];
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
