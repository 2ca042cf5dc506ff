// Sheets that travel as rules. The mirror keeps each one's list, so that it can
// be put back when the browser rebuilds the sheet (a moved style element), and
// so that a rule this browser refuses does not shift the ones after it.
import { Rule } from '../capture/format.ts';
import { withStates } from './css.ts';
import { safeCss } from './safe.ts';

const nothing = '@media not all{}';

export class Sheets {
  readonly #rules = new Map<number, string[]>();
  readonly #constructed = new Map<number, CSSStyleSheet>();

  constructor(
    readonly window: Window & typeof globalThis,
    readonly base: CSSStyleSheet,
    /** The style element with this id, if there is one; a link becomes one. */
    readonly styleOf: (id: number) => HTMLStyleElement | null,
  ) {}

  forget(id: number): void {
    this.#rules.delete(id);
  }

  replace(id: number, texts: string[]): void {
    const rules = texts.map(shown);
    this.#rules.set(id, rules);
    const sheet = this.#sheet(id);
    if (sheet) fill(sheet, rules, this.styleOf(id));
  }

  change(id: number, k: number, index: number, text: string): void {
    const rules = this.#rules.get(id);
    const sheet = this.#sheet(id);
    if (!rules || !sheet || index > rules.length) return;
    const rule = shown(text);
    if (k === Rule.insert) rules.splice(index, 0, rule);
    else if (k === Rule.delete) rules.splice(index, 1);
    else rules.splice(index, 1, rule);
    try {
      if (k !== Rule.insert) sheet.deleteRule(index);
      if (k !== Rule.delete) insert(sheet, rule, index);
    } catch {
      fill(sheet, rules, this.styleOf(id));
    }
  }

  adopt(root: Document | ShadowRoot, ids: number[]): void {
    const sheets = ids.map((id) => this.#sheet(id)).filter((s): s is CSSStyleSheet => s !== null);
    root.adoptedStyleSheets = [this.base, ...sheets];
  }

  /** Puts the rules back into sheets that the browser has rebuilt. */
  mend(): void {
    for (const [id, rules] of this.#rules) {
      const sheet = this.#sheet(id);
      if (sheet && sheet.cssRules.length !== rules.length) fill(sheet, rules, this.styleOf(id));
    }
  }

  #sheet(id: number): CSSStyleSheet | null {
    const style = this.styleOf(id);
    if (style) return style.sheet;
    let sheet = this.#constructed.get(id);
    if (!sheet && this.#rules.has(id)) {
      sheet = new this.window.CSSStyleSheet();
      this.#constructed.set(id, sheet);
    }
    return sheet ?? null;
  }
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
