// Where the window covers the whole screen it gets out of the way of what an
// agent shows: what is left of it is a bar at the bottom that says who does what,
// with the chat and Stop in reach, and with what is new in the chat.

import type { Level, Message } from '../wire/payload.ts';
import { h, icon, say, set } from './dom.ts';
import * as icons from './icons.ts';
import { mayText } from './sharing.ts';
import { sheetQuery } from './style.ts';
import type { ChatTranslate } from './texts.ts';

/** What an agent does is said for so long after it was done, ms. */
const saidFor = 4000;

/** What the bar asks of whoever owns it. */
export interface AsideActions {
  open(): void;
  stop(): void;
  /** Puts the window away. */
  yield(): void;
  /** Puts it back: the screen has room for both. */
  back(): void;
  changed(): void;
}

/** What the bar is drawn from. */
export interface AsideFace {
  open: boolean; // the window
  levels: readonly Level[];
  agent: string;
  shared: string; // with whom the page is shared, as a sentence
  unread: readonly Message[];
}

export class Aside {
  readonly element: HTMLElement;
  readonly chat: HTMLButtonElement;
  private readonly bar: HTMLElement;
  private readonly doing = h('b');
  private readonly may = h('small', { class: 'may' });
  private readonly news: HTMLButtonElement;
  private readonly badge = h('span', { class: 'badge', 'aria-hidden': 'true', hidden: true });
  private readonly spoken = h('p', { class: 'sr', role: 'status' }); // heard whether the bar is there or not
  private readonly sheet = matchMedia(sheetQuery);
  private face: AsideFace = { open: false, levels: [], agent: '', shared: '', unread: [] };
  private granted = false; // a level was allowed, which the node has not confirmed yet
  private stays = false; // the visitor opened the window after that
  private away = false; // the window was put away, not by the visitor
  private intro = ''; // said with the first deed
  private deed: { level: Level; by: string | undefined } | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly t: ChatTranslate,
    private readonly act: AsideActions,
  ) {
    const button = (look: string, press: () => void): HTMLButtonElement => {
      const element = h('button', { type: 'button', class: look });
      element.addEventListener('click', press);
      return element;
    };
    this.news = button('aside-news', () => act.open());
    this.chat = button('aside-chat', () => act.open());
    this.chat.append(icon(icons.bubble), h('span', {}, t('chat')), this.badge);
    const stop = button('stop', () => act.stop());
    stop.append(t('stop'));
    const who = h('span', { class: 'who' }, this.doing, this.may);
    this.bar = h(
      'div',
      { class: 'aside', role: 'region', 'aria-label': t('shared_brief'), hidden: true },
      this.news,
      h('div', { class: 'aside-row' }, who, this.chat, stop),
    );
    this.element = h('div', {}, this.bar, this.spoken);
    this.sheet.addEventListener('change', () => {
      if (this.away && !this.sheet.matches) act.back();
      act.changed();
    });
  }

  /** Whether the bar is there. */
  get on(): boolean {
    return this.sheet.matches && !this.face.open && this.face.levels.length > 0;
  }

  /** The visitor allowed something: the page is to be seen once it counts. */
  allowed(): void {
    this.granted = true;
    this.stays = false;
  }

  /** The visitor opened the window: what an agent does leaves it there. */
  opened(): void {
    this.stays = true;
    this.away = false;
    this.intro = '';
  }

  /** An agent does something on the page. */
  does(level: Level, by?: string): void {
    this.deed = { level, by };
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.deed = null;
      this.intro = '';
      this.draw();
    }, saidFor);
    if (!this.stays) this.yield();
    this.draw();
  }

  render(face: AsideFace): void {
    this.face = face;
    if (!face.levels.length) this.away = false;
    if (this.granted && face.levels.length > 0) {
      this.granted = false;
      this.yield();
    }
    this.draw();
  }

  private yield(): void {
    if (!this.sheet.matches || !this.face.open) return;
    this.intro = this.t('aside');
    this.away = true;
    this.act.yield();
  }

  private draw(): void {
    const { t, face, deed, on } = this;
    this.bar.hidden = !on;
    const said = deed ? t(`doing_${deed.level}`, { name: deed.by || face.agent }) : face.shared;
    say(this.doing, said);
    say(this.may, mayText(t, face.levels));
    if (!on) say(this.spoken, '');
    else if (deed || this.intro) say(this.spoken, `${deed ? `${said}. ` : ''}${this.intro}`);
    this.drawNews();
  }

  private drawNews(): void {
    const { t, face } = this;
    const { length } = face.unread;
    const last = face.unread.at(-1);
    const words = t('unread', { n: length });
    const text = last?.kind === 'text' && last.text ? `${last.author.name || face.agent}: ${last.text}` : words;
    this.news.hidden = !length;
    say(this.news, length ? text : '');
    this.badge.hidden = !length;
    say(this.badge, length > 99 ? '99+' : String(length));
    set(this.chat, 'aria-label', length ? `${t('chat')}, ${words}` : undefined);
  }
}
