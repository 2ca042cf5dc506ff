// What must not leave the page. The edge enforces the same rules again
// (dom/mask), but what is masked here never leaves the browser at all.
import { maskPassword, maskText } from './format.ts';
import type { TagKind } from './kinds.ts';

const builtIn = [
  '[data-kohe-mask]',
  'input[type=password i]',
  '[autocomplete*="cc-" i]',
  '[autocomplete~="one-time-code" i]',
  '[autocomplete~="new-password" i]',
  '[autocomplete~="current-password" i]',
];

/** Attributes whose text a person reads; data-* is added to them. */
const spoken = new Set([
  'value',
  'placeholder',
  'title',
  'alt',
  'label',
  'content',
  'summary',
  'abbr',
  'datetime',
  'aria-label',
  'aria-description',
  'aria-valuetext',
  'aria-valuenow',
  'aria-placeholder',
  'aria-roledescription',
  'aria-braillelabel',
]);
/** What does not leave at all: addresses, and names that say something to scripts and forms only. */
const dropped = new Set([
  'href',
  'src',
  'srcset',
  'poster',
  'cite',
  'background',
  'xlink:href',
  'data',
  'longdesc',
  'usemap',
  'name',
  'for',
  'list',
  'pattern',
  'download',
  'aria-controls',
]);
/** Types whose value cannot be bullets; masked they become text fields. */
const rigid = new Set(['number', 'range', 'date', 'time', 'month', 'week', 'datetime-local', 'color', 'email', 'url']);

/** The rules of the site whose page is captured. */
export let masks: Masks;

export function maskBy(selectors: readonly string[]): void {
  masks = new Masks(selectors);
}

class Masks {
  readonly #selector: string;
  /** Attributes that a rule looks at: when one of them changes, the rules are asked again. */
  readonly #watched = new Set(['data-kohe-mask', 'type', 'autocomplete', 'name', 'id']);
  readonly #all: boolean; // a site's selector looks at attributes that are not listed above
  readonly #own: boolean; // there are selectors of the site, which may name what is inside an element
  /** Names and ids of fields that were password fields once: a field that takes their place is one too. */
  readonly #secret = new Set<string>();
  readonly #ever = new WeakSet<Element>();

  constructor(selectors: readonly string[]) {
    const own = selectors.filter((s) => {
      try {
        document.createDocumentFragment().querySelector(s);
        return true;
      } catch {
        return false; // the site's settings page refuses it too
      }
    });
    this.#selector = [...builtIn, ...own].join(',');
    this.#own = own.length > 0;
    this.#all = own.some((s) => /[[:]/.test(s));
    if (own.some((s) => s.includes('.'))) this.#watched.add('class');
  }

  /** Whether changes of these attributes (every other entry is a name) can bring the element, or what is in it, under a mask. */
  watches(former: readonly (string | null)[], el: Element): boolean {
    for (let i = 0; i < former.length; i += 2) {
      if (this.#watched.has(former[i] as string) || this.#all) return this.#own || this.self(el, null, null);
    }
    return false;
  }

  /**
   * Whether the element's content is masked by a rule of its own. Its kind and the names of its attributes, if they are
   * at hand, spare most elements of a page the selectors.
   */
  self(el: Element, kind: TagKind | null, names: readonly string[] | null): boolean {
    if (kind && names && !this.#own && !kind.field)
      return names.includes('data-kohe-mask') || (names.includes('autocomplete') && el.matches(this.#selector));
    return (el.localName === 'input' && this.#password(el as HTMLInputElement)) || el.matches(this.#selector);
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

  /** A masked element's attribute as it may leave, null when it may not. */
  attribute(el: Element, name: string, value: string): string | null {
    if (dropped.has(name)) return null;
    if (name === 'type' && el.localName === 'input') return rigid.has(value.toLowerCase()) ? 'text' : value;
    if (name === 'value' && el.localName === 'input') return this.value(el, value);
    if (name === 'style') return /url\(|content|--/i.test(value) ? null : value;
    return spoken.has(name) || (name.startsWith('data-') && name !== 'data-kohe-mask') ? maskText(value) : value;
  }

  /** A masked field's value as it may leave. */
  value(el: Element, value: string): string {
    return this.#ever.has(el) || (el as HTMLInputElement).type === 'password' ? maskPassword(value) : maskText(value);
  }
}
