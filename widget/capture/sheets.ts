// Style sheets whose rules are not what the document's text says: changed
// through the CSSOM, constructed, or loaded from the site's own origin. They
// travel as a list of top-level rules and then rule by rule. A change deeper
// inside replaces its top-level rule.
import { Op, Rule } from './format.ts';
import type { Ids } from './ids.ts';
import type { Part } from './part.ts';
import type { Patches } from './patches.ts';
import type { Realm, Root } from './roots.ts';
import { absoluteCss, sameOrigin } from './url.ts';
import type { Writer } from './writer.ts';

interface Step {
  k: number;
  index: number;
  text: string;
}

const longest = 300_000; // UTF-16 units of a rule; a longer one is left out, unless it is ASCII
const pause = 100; // ms between two looks at what is adopted
const nothing = '@media not all{}';
const share = 400 << 10; // bytes of sheets in one message
const most = 1_000_000; // bytes of a message, and of a rule in ASCII (a font by content, say)

export class Sheets implements Part {
  #byRules = new WeakSet<CSSStyleSheet>(); // the mirror has a list of rules
  #constructed = new WeakMap<CSSStyleSheet, number>();
  readonly #whole = new Set<CSSStyleSheet>();
  readonly #steps = new Map<CSSStyleSheet, Step[]>();
  readonly #stale = new Set<CSSRule>(); // top-level rules to compare
  #texts = new WeakMap<CSSRule, string>();
  readonly #roots = new Map<Root, CSSStyleSheet[]>(); // and what they adopt in the mirror
  readonly #fonts = new WeakMap<Root, CSSStyleSheet>(); // adopted in the mirror alone
  #look = 0; // when to look at what is adopted, ms
  /** Rules of sheets that did not fit into a message: sheet → next index. */
  readonly #rest = new Map<CSSStyleSheet, number>();

  constructor(
    readonly ids: Ids,
    readonly signal: () => void,
  ) {}

  get pending(): boolean {
    return this.#rest.size > 0;
  }

  renew(): void {
    this.#byRules = new WeakSet();
    this.#constructed = new WeakMap();
    this.#texts = new WeakMap();
    for (const held of [this.#whole, this.#steps, this.#stale, this.#roots, this.#rest]) held.clear();
  }

  patch(patches: Patches, view: Realm): void {
    const proto = view.CSSStyleSheet.prototype;
    const watch = (rule: CSSRule): void => this.#watch(rule);
    patches.method(proto, 'insertRule', (sheet: CSSStyleSheet, [text, index = 0]: [string, number?]) =>
      this.#step(sheet, { k: Rule.insert, index, text }),
    );
    patches.method(proto, 'deleteRule removeRule', (sheet: CSSStyleSheet, [index = 0]: [number?]) =>
      this.#step(sheet, { k: Rule.delete, index, text: '' }),
    );
    patches.method(proto, 'addRule replaceSync', (sheet: CSSStyleSheet) => this.changed(sheet));
    patches.method(proto, 'replace', (sheet: CSSStyleSheet) => queueMicrotask(() => this.changed(sheet)));
    patches.method(view.CSSGroupingRule.prototype, 'insertRule deleteRule', watch);
    patches.method(view.CSSKeyframesRule.prototype, 'appendRule deleteRule', watch);
    patches.setter(view.CSSStyleRule.prototype, 'selectorText', watch);
    patches.setter(view.MediaList.prototype, 'mediaText', this.signal);
    for (const owner of [view.CSSStyleRule, view.CSSKeyframeRule, view.CSSFontFaceRule, view.CSSPageRule])
      patches.getter(owner.prototype, 'style styleMap', (rule: CSSRule) => this.#read(rule));
    for (const owner of [view.Document, view.ShadowRoot])
      patches.setter(owner.prototype, 'adoptedStyleSheets', this.#adopted);
  }

  /** A new root whose adopted sheets count. */
  rooted(root: Root): void {
    this.#roots.set(root, []);
    this.#look = 0;
  }

  /** Has a document adopt one more sheet in the mirror, instead of the one before. */
  adopt(doc: Document, sheet: CSSStyleSheet): void {
    this.#fonts.set(doc, sheet);
    this.#adopted();
  }

  /** Something is adopted, or no longer. */
  readonly #adopted = (): void => {
    this.#look = 0;
    this.signal();
  };

  /** A new style or link element, or one whose sheet has loaded. */
  arrived(el: Element): void {
    if (el.localName !== 'style' && el.localName !== 'link') return;
    const sheet = (el as HTMLStyleElement | HTMLLinkElement).sheet;
    if (!sheet) return;
    if (el.localName === 'link' ? readable(sheet) && sameOrigin(sheet.href ?? '') : diverged(el, sheet))
      this.#whole.add(sheet);
  }

  /** The text of a style element changed: its sheet is another one and follows the text again. */
  retexted(el: Element): void {
    const sheet = (el as HTMLStyleElement).sheet;
    if (!sheet) return;
    this.#byRules.delete(sheet);
    if (this.#steps.delete(sheet)) this.#whole.add(sheet);
  }

  changed(sheet: CSSStyleSheet): void {
    this.#whole.add(sheet);
    this.signal();
  }

  #step(sheet: CSSStyleSheet, step: Step): void {
    const steps = this.#steps.get(sheet);
    if (steps) steps.push(step);
    else this.#steps.set(sheet, [step]);
    this.signal();
  }

  /** Somebody takes hold of a rule's declarations, perhaps to change them. */
  #read(rule: CSSRule): void {
    const top = topOf(rule);
    if (!this.#texts.has(top)) this.#texts.set(top, top.cssText);
    if (!this.#stale.has(top)) {
      this.#stale.add(top);
      queueMicrotask(this.signal);
    }
  }

  #watch(rule: CSSRule): void {
    const top = topOf(rule);
    if (!this.#texts.has(top)) this.#texts.set(top, '');
    this.#stale.add(top);
    this.signal();
  }

  /** The id that the mirror knows a sheet by: its element's, or its own if it was constructed. */
  #id(sheet: CSSStyleSheet): number {
    const owner = sheet.ownerNode;
    return owner ? this.ids.of(owner) : (this.#constructed.get(sheet) ?? 0);
  }

  /** Writes what changed. Arrays of adopted sheets tell nobody when they change: they are looked at now and then. */
  write(w: Writer, now: number): void {
    if (now > this.#look) {
      this.#look = performance.now() + pause;
      this.#adoption(w);
    }
    if (this.#steps.size + this.#whole.size + this.#stale.size + this.#rest.size === 0) return;
    for (const [sheet, steps] of this.#steps) {
      if (this.#byRules.has(sheet) && !this.#whole.has(sheet) && !this.#rest.has(sheet))
        this.#writeSteps(w, sheet, steps);
      else if (this.#id(sheet)) this.#whole.add(sheet);
    }
    this.#steps.clear();
    for (const sheet of this.#whole) {
      if (this.#id(sheet) && readable(sheet)) this.#writeWhole(w, sheet);
    }
    this.#whole.clear();
    for (const rule of this.#stale) this.#writeStale(w, rule);
    this.#stale.clear();
    for (const [sheet, from] of [...this.#rest]) this.#writeRest(w, sheet, from);
  }

  #adoption(w: Writer): void {
    for (const [root, sent] of this.#roots) {
      const id = this.ids.of(root);
      if (!id) {
        this.#roots.delete(root);
        continue;
      }
      const adopted = root.adoptedStyleSheets ?? [];
      const fonts = this.#fonts.get(root);
      const count = adopted.length + (fonts ? 1 : 0);
      if (count === sent.length && (count === 0 || sent.every((s, i) => s === (adopted[i] ?? fonts)))) continue;
      const now = fonts ? [...adopted, fonts] : [...adopted];
      this.#roots.set(root, now);
      for (const sheet of now) {
        if (this.#constructed.has(sheet)) continue;
        this.#constructed.set(sheet, this.ids.next++);
        this.#writeWhole(w, sheet);
      }
      w.op(Op.adopt);
      w.ref(id);
      w.u(now.length);
      for (const sheet of now) w.ref(this.#id(sheet));
    }
  }

  #writeWhole(w: Writer, sheet: CSSStyleSheet): void {
    this.#byRules.add(sheet);
    this.#whole.delete(sheet);
    this.#steps.delete(sheet);
    const texts: string[] = [];
    this.#some(w, sheet, 0, (text) => texts.push(text));
    w.op(Op.sheet);
    w.ref(this.#id(sheet));
    w.u(texts.length);
    for (const text of texts) w.plain(text);
  }

  #writeRest(w: Writer, sheet: CSSStyleSheet, from: number): void {
    if (this.#id(sheet)) this.#some(w, sheet, from, (text, i) => this.#writeRule(w, sheet, Rule.insert, i, text));
    else this.#rest.delete(sheet);
  }

  /** Gives the rules from an index on, as far as they fit into the message; what does not is left for the next. */
  #some(w: Writer, sheet: CSSStyleSheet, from: number, give: (text: string, index: number) => void): void {
    this.#rest.delete(sheet);
    const rules = sheet.cssRules;
    let room = share - w.size;
    for (let i = from; i < rules.length; i++) {
      const text = textOf(rules[i] as CSSRule, sheet);
      const alone = i === from && w.size + text.length < most;
      if (room < text.length && !alone) {
        this.#rest.set(sheet, i);
        return;
      }
      room -= text.length;
      give(text, i);
    }
  }

  #writeSteps(w: Writer, sheet: CSSStyleSheet, steps: Step[]): void {
    if (!this.#id(sheet)) return;
    for (const { k, index, text } of steps) {
      this.#writeRule(w, sheet, k, index, text.length > longest ? nothing : absoluteCss(text, baseOf(sheet)));
    }
  }

  #writeStale(w: Writer, rule: CSSRule): void {
    const sheet = rule.parentStyleSheet;
    const before = this.#texts.get(rule);
    if (!sheet || !this.#id(sheet)) return;
    const text = textOf(rule, sheet);
    if (text === before) return;
    this.#texts.set(rule, text);
    const index = Array.prototype.indexOf.call(sheet.cssRules, rule);
    if (index < 0) return;
    if (this.#byRules.has(sheet)) this.#writeRule(w, sheet, Rule.replace, index, text);
    else this.#writeWhole(w, sheet);
  }

  #writeRule(w: Writer, sheet: CSSStyleSheet, k: number, index: number, text: string): void {
    w.op(Op.rule, k);
    w.ref(this.#id(sheet));
    w.u(index);
    if (k !== Rule.delete) w.plain(text);
  }
}

function topOf(rule: CSSRule): CSSRule {
  let top = rule;
  while (top.parentRule) top = top.parentRule;
  return top;
}

function textOf(rule: CSSRule, sheet: CSSStyleSheet): string {
  const text = rule.cssText;
  const fits = text.length <= longest || (text.length < most / 1.02 && !/[^ -~\n]/.test(text));
  return fits ? absoluteCss(text, baseOf(sheet)) : nothing;
}

const baseOf = (sheet: CSSStyleSheet): string => sheet.href ?? (sheet.ownerNode ?? document).baseURI;

function readable(sheet: CSSStyleSheet): boolean {
  try {
    return sheet.cssRules !== null;
  } catch {
    return false;
  }
}

/** Whether a style element's sheet holds other rules than its text: so it is with CSS-in-JS. */
function diverged(el: Element, sheet: CSSStyleSheet): boolean {
  const text = el.textContent ?? '';
  if (!readable(sheet) || text.includes('@import')) return false;
  try {
    const parsed = new CSSStyleSheet();
    parsed.replaceSync(text);
    return parsed.cssRules.length !== sheet.cssRules.length;
  } catch {
    return false; // no constructed sheets here: the text has to do
  }
}
