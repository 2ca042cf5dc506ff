// The messages: drawn once, then changed only where something changed, so that
// a screen reader hears each message once and the page does no work for the rest.

import type { Line, Tick } from '../wire/conversation.ts';
import { readDeed } from '../wire/deed.ts';
import { type Message, type SiteView, spoken } from '../wire/payload.ts';
import { h, icon, say, set } from './dom.ts';
import * as icons from './icons.ts';
import { linkCard } from './linkcard.ts';
import { draw } from './links.ts';
import type { ChatText, ChatTranslate } from './texts.ts';

/** Messages of one author within this time stand together, ms. */
const together = 2 * 60 * 1000;
/** How near the end counts as at the end, px. */
const nearEnd = 48;

const tickIcon: Record<Tick, string> = {
  sending: icons.clock,
  sent: icons.sent,
  stored: icons.stored,
  delivered: icons.delivered,
  read: icons.delivered,
  not_saved: icons.alert,
};

/** How times are written; made once, because making one is slow. */
class Times {
  readonly day;
  readonly time;

  constructor(locale: string) {
    this.day = new Intl.DateTimeFormat(locale, { dateStyle: 'full' });
    this.time = new Intl.DateTimeFormat(locale, { timeStyle: 'short' });
  }
}

/** One drawn message. */
class Row {
  readonly element: HTMLElement;
  private readonly day = h('p', { class: 'day', hidden: true });
  private readonly name = h('p', { class: 'name' });
  private readonly time = h('time');
  private readonly tick = h('span', { class: 'tick', hidden: true });
  private readonly resend: HTMLButtonElement;
  private shown: Tick | null = null;
  readonly waits: boolean; // it was drawn before the site was known

  constructor(
    private readonly t: ChatTranslate,
    line: Line,
    site: SiteView | null,
    again: () => void,
  ) {
    const { message, mine } = line;
    this.waits = message.kind === 'link' && !site;
    this.resend = h('button', { type: 'button', class: 'plain', hidden: true }, t('resend'));
    this.resend.addEventListener('click', again);
    if (!spoken(message.kind)) {
      this.element = h('div', { class: 'row event' }, this.day, h('p', { class: 'said' }, eventText(t, message)));
      return;
    }
    const author = mine ? t('you') : (message.author.name ?? '');
    say(this.name, author);
    const bubble = h(
      'p',
      { class: 'bubble', dir: 'auto' },
      h('span', { class: 'sr' }, `${author}: `),
      ...(message.kind === 'link' ? [linkCard(message.text ?? '', t('open'), site)] : draw(message.text ?? '')),
    );
    const meta = h('p', { class: 'meta' }, this.time, this.tick, this.resend);
    set(this.name, 'aria-hidden', 'true');
    this.element = h('div', { class: `row ${mine ? 'mine' : 'theirs'}` }, this.day, this.name, bubble, meta);
  }

  update(line: Line, before: Line | undefined, after: Line | undefined, times: Times): void {
    const { message, tick } = line;
    const day = new Date(message.at).toDateString();
    const newDay = before ? new Date(before.message.at).toDateString() !== day : day !== new Date().toDateString();
    this.day.hidden = !newDay;
    say(this.day, newDay ? times.day.format(message.at) : '');
    if (!spoken(message.kind)) return;
    const first = newDay || !sameGroup(before, line);
    const last = !sameGroup(line, after) || after?.tick !== tick || tick === 'not_saved';
    set(this.element, 'data-first', first);
    set(this.element, 'data-last', last);
    this.name.hidden = !first || line.mine;
    say(this.time, times.time.format(message.at));
    this.showTick(tick);
  }

  private showTick(tick: Tick | null): void {
    if (tick === this.shown) return;
    this.shown = tick;
    this.tick.hidden = tick === null;
    this.resend.hidden = tick !== 'not_saved';
    set(this.tick, 'data-tick', tick ?? undefined);
    if (!tick) return;
    const text = this.t(`tick_${tick}`);
    set(this.tick, 'title', text);
    this.tick.replaceChildren(icon(tickIcon[tick]), h('span', { class: tick === 'not_saved' ? '' : 'sr' }, text));
  }
}

function sameGroup(a: Line | undefined, b: Line | undefined): boolean {
  if (!a || !b || !spoken(a.message.kind) || !spoken(b.message.kind)) return false;
  return a.mine === b.mine && a.message.author.name === b.message.author.name && b.message.at - a.message.at < together;
}

/** What a line of the transcript that nobody wrote says. */
function eventText(t: ChatTranslate, { kind, text = '' }: Message): string {
  const keys: Partial<Record<Message['kind'], ChatText>> = {
    joined: 'joined',
    left: 'left',
    consent: text === 'on' ? 'share_on' : text === 'recorded' ? 'share_recorded' : 'share_off',
  };
  if (kind === 'level' || kind === 'act') return deedText(t, kind, text);
  const key = keys[kind];
  return key ? t(key, { name: text }) : '';
}

/** "fill on": a level that was granted; "fill e-mail": what an agent did, and where. */
function deedText(t: ChatTranslate, kind: 'level' | 'act', text: string): string {
  const { deed, what } = readDeed(text);
  const key = (kind === 'level' ? `level_said_${what}` : `act_${deed}`) as ChatText;
  return t(key, { what: kind === 'level' ? t(`level_name_${deed}` as ChatText) : what || t('act_part') });
}

export class Log {
  readonly element: HTMLElement;
  private readonly scroller: HTMLElement;
  private readonly typing: HTMLElement;
  private readonly typingText = h('span', { class: 'sr' });
  private readonly jump: HTMLButtonElement;
  private readonly rows = new Map<string, Row>();
  private readonly times: Times;
  private site: SiteView | null = null;
  private follow = true; // the newest message is in view and stays so

  constructor(
    private readonly t: ChatTranslate,
    locale: string,
    private readonly again: (line: Line) => void,
  ) {
    this.times = new Times(locale);
    const dots = h('span', { class: 'dots', 'aria-hidden': 'true' }, h('i'), h('i'), h('i'));
    this.typing = h('p', { class: 'typing', hidden: true, 'aria-live': 'off' }, dots, this.typingText);
    this.scroller = h('div', {
      class: 'log',
      role: 'log',
      'aria-live': 'polite',
      'aria-relevant': 'additions',
      'aria-label': t('log'),
      tabindex: 0,
    });
    this.scroller.append(this.typing);
    this.scroller.addEventListener('scroll', () => this.scrolled(), { passive: true });
    new ResizeObserver(() => this.follow && this.toEnd()).observe(this.scroller);
    this.jump = h('button', { type: 'button', class: 'jump', hidden: true }, icon(icons.down), t('newest'));
    this.jump.addEventListener('click', () => this.toEnd());
    this.element = h('div', { class: 'history' }, this.scroller, this.jump);
  }

  /** Draws the lines that a person may read; the end is said by the window itself. */
  update(all: readonly Line[], typing: string, site: SiteView | null): void {
    if (site && !this.site) for (const [key, row] of this.rows) if (row.waits) this.forget(key, row); // whether its link may lead there is known now
    this.site = site;
    const lines = all.filter(({ message }) => message.kind !== 'ended');
    const keys = new Set(lines.map(({ key }) => key));
    for (const [key, row] of this.rows) {
      if (!keys.has(key)) this.forget(key, row);
    }
    let mine = false;
    let next: Element = this.scroller.firstElementChild ?? this.typing;
    for (const [i, line] of lines.entries()) {
      let row = this.rows.get(line.key);
      if (!row) {
        row = new Row(this.t, line, site, () => this.again(line));
        this.rows.set(line.key, row);
        mine ||= line.mine && line.tick === 'sending';
      }
      row.update(line, lines[i - 1], lines[i + 1], this.times);
      if (row.element === next) next = next.nextElementSibling ?? this.typing;
      else this.scroller.insertBefore(row.element, next);
    }
    this.typing.hidden = !typing;
    say(this.typingText, typing ? this.t('typing', { name: typing }) : '');
    if (this.follow || mine) this.toEnd();
    this.jump.hidden = this.atEnd;
  }

  private forget(key: string, row: Row): void {
    row.element.remove();
    this.rows.delete(key);
  }

  /** Whether the newest message is in view. */
  get atEnd(): boolean {
    const { scrollHeight, scrollTop, clientHeight } = this.scroller;
    return scrollHeight - scrollTop - clientHeight < nearEnd;
  }

  toEnd(): void {
    this.follow = true;
    this.scroller.scrollTop = this.scroller.scrollHeight;
  }

  private scrolled(): void {
    this.follow = this.atEnd;
    this.jump.hidden = this.follow;
  }
}
