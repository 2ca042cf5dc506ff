// Sheets that travel as rules. The mirror keeps each one's list, so that it can
// be put back when the browser rebuilds the sheet (a moved style element), and
// so that a rule this browser refuses does not shift the ones after it.
import { Rule } from '../capture/format.ts';
import {
  adopt,
  adopts,
  append,
  documentOf,
  isDocument,
  localNameOf,
  newElement,
  newText,
  remove,
  viewOf,
} from '../native.ts';
import { asks, base, shownCss } from './css.ts';
import type { Media } from './media.ts';
import type { Nodes } from './nodes.ts';
import type { Reader } from './reader.ts';
import { safeCss } from './safe.ts';

const nothing = '@media not all{}';

type Root = Document | ShadowRoot;

export class Sheets {
  readonly #rules = new Map<number, string[]>(); // as they came
  readonly #constructed = new Map<number, Map<Document, CSSStyleSheet>>(); // a sheet belongs to one document
  readonly #adopted = new Map<Root, number[]>();
  readonly #bases = new WeakMap<Document, CSSStyleSheet>();

  constructor(
    readonly nodes: Nodes,
    readonly media: Media,
  ) {}

  /** Reads a whole sheet, or that one follows its text again. */
  read(r: Reader, k: number): void {
    const id = r.ref();
    if (k === 1) {
      const style = this.#styleOf(id);
      this.forget(id);
      if (style) remove(append(style, newText(documentOf(style) as Document, ''))); // has the browser read its text again
      return;
    }
    const texts: string[] = [];
    for (let n = r.u(); n > 0; n--) texts.push(r.plain());
    this.#replace(id, texts);
  }

  /** Reads a change of one rule. */
  readRule(r: Reader, k: number): void {
    const id = r.ref();
    const index = r.u();
    this.#change(id, k, index, k === Rule.delete ? '' : r.plain());
  }

  forget(id: number): void {
    this.#rules.delete(id);
  }

  #replace(id: number, rules: string[]): void {
    this.#rules.set(id, rules);
    this.#fill(id, rules);
  }

  #fill(id: number, rules: string[]): void {
    const style = this.#styleOf(id);
    for (const sheet of this.#sheets(id, style)) this.#show(sheet, rules, style);
  }

  #change(id: number, k: number, index: number, text: string): void {
    const rules = this.#rules.get(id);
    if (!rules || index > rules.length) return;
    if (k === Rule.insert) rules.splice(index, 0, text);
    else if (k === Rule.delete) rules.splice(index, 1);
    else rules.splice(index, 1, text);
    const style = this.#styleOf(id);
    for (const sheet of this.#sheets(id, style)) {
      try {
        if (k !== Rule.insert) sheet.deleteRule(index);
        if (k !== Rule.delete) insert(sheet, shown(text, this.media), index);
      } catch {
        this.#show(sheet, rules, style);
      }
    }
  }

  /** Gives a root its constructed sheets, behind the mirror's own. */
  adopt(root: Root, ids: number[]): void {
    const doc = documentFor(root);
    this.#adopted.set(root, ids);
    if (!adopts || !viewOf(doc)) return; // in a frame that is not in the page yet
    const sheets = ids.map((id) => this.#instance(id, doc)).filter((s): s is CSSStyleSheet => s !== null);
    adopt(root, [this.#base(doc), ...sheets]);
  }

  /** A frame's nodes came into another document: it needs sheets of its own, and what was changed by rules again. */
  mounted(doc: Document): void {
    if (!this.#adopted.has(doc)) this.#adopted.set(doc, []);
    for (const [root, ids] of this.#adopted) if (documentFor(root) === doc) this.adopt(root, ids);
    for (const [id, rules] of this.#rules) {
      const style = this.#styleOf(id);
      if (style?.sheet && documentOf(style) === doc) this.#show(style.sheet, rules, style);
    }
  }

  /** The visitor's browser answers media queries in another way. */
  again(): void {
    for (const [id, rules] of this.#rules) if (rules.some(asks)) this.#fill(id, rules);
  }

  #show(sheet: CSSStyleSheet, rules: string[], style: HTMLStyleElement | null): void {
    const texts = rules.map((rule) => shown(rule, this.media));
    fill(sheet, texts, style);
  }

  /** Puts the rules back into sheets that the browser has rebuilt. */
  mend(): void {
    for (const [id, rules] of this.#rules) {
      const sheet = this.#styleOf(id)?.sheet;
      if (sheet && sheet.cssRules.length !== rules.length) this.#fill(id, rules);
    }
  }

  /** The style element with this id, if there is one; a link whose rules travel becomes one in its place. */
  #styleOf(id: number): HTMLStyleElement | null {
    const node = this.nodes.element(id);
    const name = node && localNameOf(node);
    if (name !== 'link') return name === 'style' ? (node as HTMLStyleElement) : null;
    const link = node as HTMLLinkElement;
    const style = newElement(documentOf(link) as Document, 'style') as HTMLStyleElement;
    for (const { name, value } of link.attributes)
      if (name !== 'href' && name !== 'rel' && name !== 'type') style.setAttribute(name, value);
    link.replaceWith(style);
    this.nodes.set(id, style);
    return style;
  }

  #sheets(id: number, style: HTMLStyleElement | null): CSSStyleSheet[] {
    return style ? (style.sheet ? [style.sheet] : []) : [...(this.#constructed.get(id)?.values() ?? [])];
  }

  /** The constructed sheet with this id in a document. */
  #instance(id: number, doc: Document): CSSStyleSheet | null {
    const rules = this.#rules.get(id);
    if (!rules) return null;
    const instances = this.#constructed.get(id) ?? new Map<Document, CSSStyleSheet>();
    this.#constructed.set(id, instances);
    let sheet = instances.get(doc);
    if (!sheet) {
      sheet = construct(doc);
      instances.set(doc, sheet);
      this.#show(sheet, rules, null);
    }
    return sheet;
  }

  /** What a document has beside the base that all have. */
  extend(doc: Document, css: string): void {
    if (adopts) this.#base(doc).replaceSync(base + css);
  }

  #base(doc: Document): CSSStyleSheet {
    let sheet = this.#bases.get(doc);
    if (!sheet) {
      sheet = construct(doc);
      sheet.replaceSync(base);
      this.#bases.set(doc, sheet);
    }
    return sheet;
  }
}

const documentFor = (root: Root): Document => (isDocument(root) ? root : (documentOf(root) as Document));

function construct(doc: Document): CSSStyleSheet {
  return new (viewOf(doc) as Window & typeof globalThis).CSSStyleSheet();
}

const shown = (text: string, media: Media): string => (safeCss(text) ? shownCss(text, media) : nothing);

function insert(sheet: CSSStyleSheet, rule: string, index: number): void {
  try {
    sheet.insertRule(rule, index);
  } catch {
    sheet.insertRule(nothing, index);
  }
}

function fill(sheet: CSSStyleSheet, rules: string[], style: HTMLStyleElement | null): void {
  if (!style && !rules.some((r) => r.startsWith('@import'))) {
    sheet.replaceSync(rules.join('\n'));
    if (sheet.cssRules.length === rules.length) return;
  }
  while (sheet.cssRules.length > 0) sheet.deleteRule(sheet.cssRules.length - 1);
  rules.forEach((rule, i) => {
    insert(sheet, rule, i);
  });
}
