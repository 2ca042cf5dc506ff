// The question for a level, over the page: who asks, what for, yes or not now.
// It takes no focus from what the visitor is doing; Escape is "not now".

import { h, say } from './dom.ts';
import type { Levels } from './levels.ts';
import type { ChatText, ChatTranslate } from './texts.ts';

export class Permit {
  readonly element: HTMLElement;
  private readonly title = h('h3');

  constructor(
    private readonly levels: Levels,
    private readonly t: ChatTranslate,
    allowed: () => void,
  ) {
    const button = (look: string, text: ChatText, on: boolean): HTMLButtonElement => {
      const element = h('button', { type: 'button', class: look }, t(text));
      element.addEventListener('click', () => {
        if (on) allowed();
        levels.answer(on);
      });
      return element;
    };
    this.element = h(
      'section',
      { class: 'permit', role: 'alertdialog', 'aria-label': t('shared_brief'), hidden: true },
      this.title,
      h('p', {}, t('level_note')),
      h('div', { class: 'row-of-two' }, button('primary', 'allow', true), button('secondary', 'not_now', false)),
    );
    addEventListener('keydown', (event) => this.key(event), true);
  }

  render(): void {
    const { asked } = this.levels;
    this.element.hidden = !asked;
    if (asked) say(this.title, this.t(`level_${asked.level}_ask`, { name: asked.by ?? '' }));
  }

  /** Escape refuses what is asked, or takes back what is on. */
  private key(event: KeyboardEvent): void {
    if (event.key !== 'Escape') return;
    if (this.levels.asked) this.levels.answer(false);
    else if (this.levels.on.length) this.levels.stop();
  }
}
