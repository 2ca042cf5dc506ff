// That the page is shared, and what the agent may do on it: a frame around the
// page with a word in its corner, and where the window covers the page, a line in
// the window. Stop is in both.

import type { Level } from '../wire/payload.ts';
import { h, icon, say, set } from './dom.ts';
import * as icons from './icons.ts';
import type { ChatText, ChatTranslate } from './texts.ts';

/** What the visitor can do there. */
export interface SharingActions {
  stop(): void;
  seePage(): void;
}

export class Sharing {
  /** Around the page. */
  readonly mark: HTMLElement;
  /** In the window. */
  readonly strip: HTMLElement;
  private readonly markText = h('span', { class: 'label' });
  private readonly markMay = h('small', { class: 'may', role: 'status' });
  private readonly stripText = h('span');
  private readonly stripMay = h('small', { class: 'may' });
  private readonly see: HTMLButtonElement;

  constructor(
    private readonly t: ChatTranslate,
    act: SharingActions,
  ) {
    const button = (look: string, text: ChatText, press: () => void): HTMLButtonElement => {
      const element = h('button', { type: 'button', class: look }, t(text));
      element.addEventListener('click', press);
      return element;
    };
    const stop = (): HTMLButtonElement => button('stop', 'stop', () => act.stop());
    this.see = button('see', 'see_page', () => act.seePage());
    this.see.hidden = true;
    this.strip = h(
      'div',
      { class: 'sharing', hidden: true },
      icon(icons.eye),
      h('span', {}, this.stripText, this.stripMay),
      this.see,
      stop(),
    );
    const pill = h(
      'div',
      { class: 'pill', role: 'region', 'aria-label': t('shared_brief') },
      icon(icons.eye),
      h('span', {}, this.markText, this.markMay),
      stop(),
    );
    this.mark = h('div', { class: 'mark', hidden: true }, pill);
  }

  /** Draws with whom the page is shared, '' if with nobody; open: the window is there. */
  render(text: string, open: boolean): void {
    this.mark.hidden = !text;
    this.strip.hidden = !text;
    set(this.mark, 'data-under', open);
    say(this.markText, text);
    say(this.stripText, text);
  }

  /** Says what the agent may do on the page, besides seeing it. */
  may(levels: readonly Level[]): void {
    const text = mayText(this.t, levels);
    say(this.markMay, text);
    say(this.stripMay, text);
    this.see.hidden = !text;
  }
}

/** "May point, fill in", or nothing. */
export function mayText(t: ChatTranslate, levels: readonly Level[]): string {
  const list = levels.map((level) => t(`level_${level}`)).join(', ');
  return list && t('level_may', { list });
}
