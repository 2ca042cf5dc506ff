// Two people in one field. Its value is decided here and nowhere else: an
// agent's text says what it was based on, and what the visitor typed meanwhile
// stays, if both can be had (PROTOCOL.md, Guiding). Whose text it is stands at
// the field, with a way to take it back.

import type { Acted } from '../wire/payload.ts';
import { changed, contentOf, type FieldKind, fill, kindOf, rivalOf, visited } from './fields.ts';
import { merged, sum } from './splice.ts';
import { NameTag } from './tag.ts';

/** How many fields are remembered, and how many texts of each that an agent's may be based on. */
const keptFields = 16;
const keptTexts = 64;
/** A field counts as left when its agent has not said so and does nothing in it, ms. */
const leftAfter = 5_000;

type Outcome = Pick<Acted, 'why' | 'now'>;

interface Shared {
  texts: string[]; // that were in the field, or were an agent's; the newest last
  before: string; // what was there before the agent began
  after: string; // what the agent's last text made of it
  rival: Element | null; // of radio buttons the one that the agent chose another for
}

export class Together {
  readonly #fields = new Map<Element, Shared>(); // the newest last
  readonly #tag: NameTag;
  #in: Element | null = null; // where the agent is
  #composing: EventTarget | undefined; // where the visitor's input method is at work
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** words: what taking back is called. */
  constructor(frame: HTMLElement, undo: string) {
    this.#tag = new NameTag(frame, undo, (el) => this.#takeBack(el));
    for (const type of ['focusin', 'input']) addEventListener(type, (event) => this.#note(event), true);
    addEventListener('compositionstart', (event) => (this.#composing = event.composedPath()[0]), true);
    addEventListener('compositionend', () => (this.#composing = undefined), true);
  }

  /** Fills in a field with what an agent made of the text that `base` names; done: the agent leaves it. */
  async fill(el: Element, text: string, base: string | undefined, by: string, done: boolean): Promise<Outcome> {
    const kind = kindOf(el);
    if (!kind) return { why: 'refused' };
    if (this.#in !== el) {
      this.leave();
      visited(el, true);
      this.#in = el;
    }
    const field = this.#shared(el, contentOf(el, kind));
    const current = contentOf(el, kind);
    const next = this.#composing === el ? null : decided(kind, field, text, base, current);
    const chosen = rivalOf(el);
    const rival = chosen && this.#tag.isAt(chosen) ? (this.#fields.get(chosen)?.rival ?? null) : chosen; // the visitor's own
    const why = next === null ? 'stale' : fill(el, kind, next) ? '' : 'refused';
    if (why === '' && next !== current) {
      field.before = this.#tag.isAt(el) ? without(field, kind, current) : current;
      field.rival = rival;
      this.#tag.show(el, by);
    }
    if (why === '') keep(field, text);
    await null; // a framework that puts things right does it now
    const now = contentOf(el, kind);
    field.after = now;
    keep(field, now);
    if (done) this.leave();
    else this.#waitForMore();
    return { ...(why && { why }), now: sum(now) };
  }

  /** The agent is in no field any more. */
  leave(): void {
    clearTimeout(this.#timer);
    const el = this.#in;
    this.#in = null;
    if (!el?.isConnected) return;
    const kind = kindOf(el);
    if (kind === 'text' || kind === 'value' || kind === 'rich') changed(el);
    visited(el, false);
  }

  /** Takes away what is drawn. */
  clear(): void {
    this.leave();
    this.#tag.hide();
  }

  #waitForMore(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.leave(), leftAfter);
  }

  /** Puts back what was there before the agent began, and leaves what the visitor typed after that. */
  #takeBack(el: Element): void {
    const kind = kindOf(el);
    const field = this.#fields.get(el);
    if (!kind || !field) return;
    const back = without(field, kind, contentOf(el, kind));
    field.texts = []; // what the agent is still sending is out of date
    if (back === 'off' && field.rival?.isConnected) fill(field.rival, kind, 'on');
    else fill(el, kind, back);
    if (this.#in !== el) changed(el);
  }

  /** Remembers what the visitor has in a field: an agent's text may be based on it. */
  #note(event: Event): void {
    const el = event.composedPath()[0] as Element;
    const kind = el instanceof Element ? kindOf(el) : null;
    if (kind && typed(kind)) this.#shared(el, contentOf(el, kind));
  }

  #shared(el: Element, value: string): Shared {
    const field = this.#fields.get(el) ?? { texts: [], before: value, after: value, rival: null };
    this.#fields.delete(el);
    this.#fields.set(el, field);
    keep(field, value);
    const [oldest] = this.#fields.keys();
    if (oldest && this.#fields.size > keptFields) this.#fields.delete(oldest);
    return field;
  }
}

const typed = (kind: FieldKind): boolean => kind === 'text' || kind === 'rich';

function keep(field: Shared, text: string): void {
  if (field.texts.at(-1) !== text) field.texts = [...field.texts, text].slice(-keptTexts);
}

/** What a field would hold if the agent had not been there: with what the visitor typed since the agent's last text. */
function without({ before, after }: Shared, kind: FieldKind, current: string): string {
  return typed(kind) ? (merged(after, before, current) ?? before) : before;
}

/** The value that a field gets, null if the agent's is out of date. */
function decided(
  kind: FieldKind,
  { texts }: Shared,
  text: string,
  base: string | undefined,
  current: string,
): string | null {
  if (base === undefined || base === sum(current)) return text;
  const based = typed(kind) ? texts.find((one) => sum(one) === base) : undefined;
  return based === undefined ? null : merged(based, text, current);
}
