// Style sheets whose rules are not what the document's text says: changed
// through the CSSOM, constructed, or loaded from the site's own origin. They
// travel as a list of top-level rules, and then as what changed in that list. A
// change deeper inside replaces its top-level rule.
import { idOf, isMasked, newId, news, saidOf, signal } from './core.ts';
import { maskCss } from './css.ts';
import { Op, Rule } from './format.ts';
import * as masks from './masks.ts';
import type { Part } from './part.ts';
import { patch } from './patches.ts';
import type { Root } from './roots.ts';
import { spent } from './serializer.ts';
import { absoluteCss, sameOrigin } from './url.ts';
import { op, plain, refs, size, u } from './writer.ts';

const longest = 300_000; // UTF-16 units of a rule; a longer one is left out, unless it is ASCII
const pause = 100; // ms between two looks at what is adopted
const nothing = '@media not all{}';
const share = 400 << 10; // bytes of sheets in one message
const most = 1_000_000; // bytes of a message, and of a rule in ASCII (a font by content, say)

// What was said: of a sheet, the rules that the mirror has, and the id if it was constructed; of a rule that somebody took
// hold of, its text.
const listOf = (sheet: CSSStyleSheet): CSSRule[] | undefined => saidOf(sheet, Op.sheet) as CSSRule[] | undefined;
const masked = new WeakSet<CSSStyleSheet>(); // constructed, and adopted by a masked root first
const due = new Set<CSSStyleSheet>();
const fresh = new Set<Element>(); // style elements whose sheets were not compared with their text yet
const stale = new Set<CSSRule>(); // top-level rules to compare
const adopters = new Map<Root, CSSStyleSheet[]>(); // and what they adopt in the mirror
const extra = new WeakMap<Root, CSSStyleSheet>(); // adopted in the mirror alone
let look = 0; // when to look at what is adopted, ms

/** Whether sheets did not fit into a message. */
export function unfinishedSheets(): boolean {
  return due.size + fresh.size > 0;
}

function changed(sheet: CSSStyleSheet): void {
  due.add(sheet);
  signal();
}

/** Something is adopted, or no longer. */
function adopted(): void {
  look = 0;
  signal();
}

/** Has a document adopt one more sheet in the mirror, instead of the one before. */
export function adopt(doc: Document, sheet: CSSStyleSheet): void {
  extra.set(doc, sheet);
  adopted();
}

/** The text of a style element changed: its sheet is another one and follows the text again. */
export function retexted(el: Element): void {
  const { sheet } = el as HTMLStyleElement;
  if (sheet) news(sheet, Op.sheet, undefined);
}

/** Somebody takes hold of a rule's declarations, perhaps to change them, or has changed what is in it. */
function held(rule: CSSRule, was?: ''): void {
  let top = rule;
  while (top.parentRule) top = top.parentRule;
  if (saidOf(top, Op.rule) === undefined) news(top, Op.rule, was ?? top.cssText);
  stale.add(top);
  queueMicrotask(signal);
}

export const sheets: Part = {
  renew() {
    for (const kept of [due, fresh, stale, adopters]) kept.clear();
  },

  patch(view) {
    patch(view, 'CSSStyleSheet insertRule deleteRule removeRule addRule replaceSync', changed);
    patch(view, 'CSSStyleSheet replace', (sheet) => queueMicrotask(() => changed(sheet)));
    patch(
      view,
      'CSSGroupingRule insertRule deleteRule CSSKeyframesRule appendRule deleteRule CSSStyleRule selectorText',
      (rule) => held(rule, ''),
    );
    patch(view, 'MediaList mediaText', signal);
    patch(
      view,
      'CSSStyleRule style styleMap CSSKeyframeRule style CSSFontFaceRule style CSSPageRule style',
      (rule) => held(rule),
      'get',
    );
    patch(view, 'Document adoptedStyleSheets ShadowRoot adoptedStyleSheets', adopted);
  },

  rooted(root) {
    adopters.set(root, []);
    look = 0;
  },

  /** A new style or link element, or one whose sheet has loaded. */
  arrived(el) {
    const { sheet } = el as HTMLStyleElement;
    if (!sheet) return;
    if (el.localName === 'style') fresh.add(el);
    else if (readable(sheet) && sameOrigin(sheet.href ?? '')) due.add(sheet);
  },

  /** Writes what changed. Arrays of adopted sheets tell nobody when they change: they are looked at now and then. */
  write(deadline) {
    if (deadline > look) {
      look = performance.now() + pause;
      for (const [root, sent] of adopters) adoption(root, sent);
    }
    for (const el of fresh) {
      if (spent()) return;
      fresh.delete(el);
      const { sheet } = el as HTMLStyleElement;
      if (sheet && diverged(el, sheet)) due.add(sheet);
    }
    for (const rule of stale) compare(rule);
    stale.clear();
    for (const sheet of due) {
      if (size() > share || spent()) return;
      due.delete(sheet);
      if (refOf(sheet) && readable(sheet)) list(sheet);
    }
  },
};

/** The id that the mirror knows a sheet by: its element's, or its own if it was constructed. */
function refOf(sheet: CSSStyleSheet): number {
  return sheet.ownerNode ? idOf(sheet.ownerNode) : ((saidOf(sheet, Op.adopt) as number) ?? 0);
}

function adoption(root: Root, sent: CSSStyleSheet[]): void {
  if (!idOf(root)) {
    adopters.delete(root);
    return;
  }
  const fonts = extra.get(root);
  const now = [...(root.adoptedStyleSheets ?? [])];
  if (fonts) now.push(fonts);
  if (now.length === sent.length && now.every((sheet, i) => sheet === sent[i])) return;
  adopters.set(root, now);
  for (const sheet of now) {
    if (refOf(sheet)) continue;
    news(sheet, Op.adopt, newId());
    if (masks.all || isMasked(root)) masked.add(sheet);
    list(sheet);
  }
  op(Op.adopt, 0, idOf(root));
  refs(now.map(refOf));
}

/** Writes the rules of a sheet, or what is new in the list of them, as far as it fits. */
function list(sheet: CSSStyleSheet): void {
  const id = refOf(sheet);
  const now = [...sheet.cssRules];
  const had = listOf(sheet);
  const was = had ?? [];
  let same = 0;
  while (same < was.length && was[same] === now[same]) same++;
  let end = was.length; // of what gives way
  let to = now.length; // of what comes
  while (end > same && to > same && was[end - 1] === now[to - 1]) {
    end--;
    to--;
  }
  for (; end > same; end--) rule(id, Rule.delete, end - 1);
  const come: string[] = [];
  let room = share - size();
  let at = same;
  for (; at < to; at++) {
    const text = textOf(now[at] as CSSRule, sheet);
    const alone = at === same && size() + text.length < most;
    if (!alone && (room < text.length || spent())) break;
    room -= text.length;
    come.push(text);
  }
  if (had) for (const text of come) rule(id, Rule.insert, same++, text);
  else {
    op(Op.sheet, 0, id);
    u(come.length);
    come.forEach(plain);
  }
  news(sheet, Op.sheet, [...now.slice(0, at), ...now.slice(to)]);
  if (at < to) due.add(sheet);
}

function compare(top: CSSRule): void {
  const sheet = top.parentStyleSheet;
  const id = sheet && refOf(sheet);
  if (!id) return;
  const text = textOf(top, sheet);
  if (!news(top, Op.rule, text)) return;
  const at = listOf(sheet)?.indexOf(top);
  if (at === undefined) due.add(sheet);
  else if (at >= 0) rule(id, Rule.replace, at, text);
}

function rule(id: number, how: Rule, index: number, text = ''): void {
  op(Op.rule, how, id);
  u(index);
  if (how !== Rule.delete) plain(text);
}

function textOf({ cssText: text }: CSSRule, sheet: CSSStyleSheet): string {
  const fits = text.length <= longest || (text.length < most / 1.02 && !/[^ -~\n]/.test(text));
  const { ownerNode: owner, href } = sheet;
  if (!fits) return nothing;
  return (owner ? isMasked(owner) : masked.has(sheet))
    ? maskCss(text)
    : absoluteCss(text, href ?? (owner ?? document).baseURI);
}

function readable(sheet: CSSStyleSheet): boolean {
  try {
    return sheet.cssRules !== null;
  } catch {
    return false;
  }
}

/**
 * Whether a style element's sheet holds more rules than its text: so it is with CSS-in-JS. The text is not parsed for
 * this, which would take longer than a page should wait; rules taken away before capture began are not noticed.
 */
function diverged(el: Element, sheet: CSSStyleSheet): boolean {
  const text = (el.textContent ?? '').replace(/\/\*.*?(?:\*\/|$)|"[^"\n]*"|'[^'\n]*'/gs, '');
  let depth = 0;
  let rules = 0;
  for (const [c] of text.matchAll(/[{}]|@(?:import|layer|namespace)[^{;]*;/g)) {
    if (depth === 0 && c !== '}') rules++;
    if (c === '{') depth++;
    if (c === '}' && depth > 0) depth--;
  }
  return readable(sheet) && sheet.cssRules.length > rules;
}
