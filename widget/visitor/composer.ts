// Where the visitor writes: Enter sends, Shift+Enter starts a new line, and what
// is half written is kept over page loads and shared by the site's tabs.

import { Limit } from '../wire/payload.ts';
import { h, icon, set } from './dom.ts';
import * as icons from './icons.ts';
import { parts } from './session.ts';
import type { Store } from './store.ts';
import type { ChatTranslate } from './texts.ts';

/** A draft is saved this long after the last key, ms; at most so many characters of it. */
const saveAfter = 300;
const draftMost = 4 * Limit.text;

export class Composer {
  readonly element: HTMLFormElement;
  readonly text: HTMLTextAreaElement;
  private readonly button: HTMLButtonElement;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    t: ChatTranslate,
    private readonly store: Store,
    private readonly act: { say(text: string): void; typed(on: boolean): void },
  ) {
    this.text = h('textarea', {
      rows: 1,
      maxlength: draftMost,
      'aria-label': t('input'),
      placeholder: t('input'),
      enterkeyhint: 'send',
    });
    this.button = h(
      'button',
      { type: 'submit', class: 'send', 'aria-label': t('send'), title: t('send') },
      icon(icons.send),
    );
    this.element = h('form', { class: 'write' }, this.text, this.button);
    this.element.addEventListener('submit', (event) => {
      event.preventDefault();
      this.submit();
    });
    this.text.addEventListener('keydown', (event) => {
      if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.submit();
    });
    this.text.addEventListener('input', () => {
      this.fit();
      act.typed(this.text.value.trim() !== '');
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.keep(), saveAfter);
    });
    this.restore();
  }

  /** Takes over what was half written in another tab or on the page before, unless this tab is being written in. */
  restore(): void {
    if (this.text.matches(':focus')) return;
    const draft = this.store.load('localStorage', 'draft');
    this.text.value = typeof draft === 'string' ? draft : '';
    this.fit();
  }

  keep(): void {
    clearTimeout(this.timer);
    this.store.save('localStorage', 'draft', this.text.value.trim() ? this.text.value.slice(0, draftMost) : undefined);
  }

  /** Grows with its text; the sheet bounds it. */
  fit(): void {
    const lines = Math.min(6, this.text.value.split('\n').length);
    set(this.text, 'rows', lines);
    for (let rows = lines; rows < 6 && this.text.scrollHeight > this.text.clientHeight + 1; rows++) {
      set(this.text, 'rows', rows + 1);
    }
    set(this.button, 'data-ready', this.text.value.trim() !== '');
  }

  private submit(): void {
    const text = this.text.value.trim();
    if (!text) return;
    this.text.value = '';
    this.fit();
    this.keep();
    for (const part of parts(text)) this.act.say(part);
    this.text.focus();
  }
}
