// Sheets that travel as rules. The mirror keeps each one's list, so that it can
// be put back when the browser rebuilds the sheet (a moved style element), and
// so that a rule this browser refuses does not shift the ones after it.
import { Rule } from '../capture/format.ts';
import { base, withStates } from './css.ts';
import { safeCss } from './safe.ts';

const nothing = '@media not all{}';

type Root = Document | ShadowRoot;

export class Sheets {
  readonly #rules = new Map<number, string[]>();
  readonly #constructed = new Map<number, Map<Document, CSSStyleSheet>>(); // a sheet belongs to one document
  readonly #adopted = new Map<Root, number[]>();
  readonly #bases = new WeakMap<Document, CSSStyleSheet>();

  constructor(
    /** The style element with this id, if there is one; a link becomes one. */
    readonly styleOf: (id: number) => HTMLStyleElement | null,
  ) {}

  forget(id: number): void {
    this.#rules.delete(id);
  }

  replace(id: number, texts: string[]): void {
    const rules = texts.map(shown);
    this.#rules.set(id, rules);
    this.#fill(id, rules);
  }

  #fill(id: number, rules: string[]): void {
    const style = this.styleOf(id);
    for (const sheet of this.#sheets(id, style)) fill(sheet, rules, style);
  }

  change(id: number, k: number, index: number, text: string): void {
    const rules = this.#rules.get(id);
    if (!rules || index > rules.length) return;
    const rule = shown(text);
    if (k === Rule.insert) rules.splice(index, 0, rule);
    else if (k === Rule.delete) rules.splice(index, 1);
    else rules.splice(index, 1, rule);
    const style = this.styleOf(id);
    for (const sheet of this.#sheets(id, style)) {
      try {
        if (k !== Rule.insert) sheet.deleteRule(index);
        if (k !== Rule.delete) insert(sheet, rule, index);
      } catch {
        fill(sheet, rules, style);
      }
    }
  }

  /** Gives a root its constructed sheets, behind the mirror's own. */
  adopt(root: Root, ids: number[]): void {
    const doc = root.ownerDocument ?? (root as Document);
    this.#adopted.set(root, ids);
    if (!doc.defaultView || !('adoptedStyleSheets' in root)) return; // in a frame that is not in the page yet
    const sheets = ids.map((id) => this.#instance(id, doc)).filter((s): s is CSSStyleSheet => s !== null);
    root.adoptedStyleSheets = [this.#base(doc), ...sheets];
  }

  /** A frame's nodes came into another document: it needs sheets of its own, and what was changed by rules again. */
  mounted(doc: Document): void {
    if (!this.#adopted.has(doc)) this.#adopted.set(doc, []);
    for (const [root, ids] of this.#adopted) if ((root.ownerDocument ?? root) === doc) this.adopt(root, ids);
    for (const [id, rules] of this.#rules) {
      const style = this.styleOf(id);
      if (style?.sheet && style.ownerDocument === doc) fill(style.sheet, rules, style);
    }
  }

  /** Puts the rules back into sheets that the browser has rebuilt. */
  mend(): void {
    for (const [id, rules] of this.#rules) {
      const sheet = this.styleOf(id)?.sheet;
      if (sheet && sheet.cssRules.length !== rules.length) this.#fill(id, rules);
    }
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
      fill(sheet, rules, null);
    }
    return sheet;
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

function construct(doc: Document): CSSStyleSheet {
  return new (doc.defaultView as Window & typeof globalThis).CSSStyleSheet();
}

const shown = (text: string): string => (safeCss(text) ? withStates(text) : nothing);

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
