// The question whether the agent may see the page, and whether it may be
// recorded where the site records: two answers, neither given beforehand.

import { h, say } from './dom.ts';
import type { ChatText, ChatTranslate } from './texts.ts';

export class Ask {
  readonly element: HTMLElement;
  private readonly title = h('h3');
  private readonly record = h('input', { type: 'checkbox' });
  private readonly recordText = h('span');
  private readonly recordLine: HTMLElement;

  constructor(
    private readonly t: ChatTranslate,
    answer: (on: boolean, record: boolean) => void,
  ) {
    const button = (look: string, text: ChatText, on: boolean): HTMLButtonElement => {
      const element = h('button', { type: 'button', class: look }, t(text));
      element.addEventListener('click', () => answer(on, on && !this.recordLine.hidden && this.record.checked));
      return element;
    };
    this.recordLine = h('label', { class: 'also', hidden: true }, this.record, this.recordText);
    this.element = h(
      'section',
      { class: 'ask', 'aria-label': t('shared_brief') },
      this.title,
      h('p', {}, t('share_note')),
      this.recordLine,
      h('div', { class: 'row-of-two' }, button('primary', 'allow', true), button('secondary', 'not_now', false)),
    );
  }

  /** Shows the question or not; days is how long the site keeps recordings, 0 if it makes none. */
  update(asks: boolean, name: string, days: number): void {
    this.element.hidden = !asks;
    say(this.title, asks ? this.t('share_ask', { name }) : '');
    this.recordLine.hidden = days === 0;
    say(this.recordText, days ? this.t('share_record', { n: days }) : '');
    if (!asks) this.record.checked = false;
  }
}
