// The chat window. Everything drawn here is a function of the Chat and the
// connection; render() writes what differs.

import type { Level } from '../wire/payload.ts';
import { Ask } from './ask.ts';
import { Composer } from './composer.ts';
import { h, icon, say, set } from './dom.ts';
import { CardForm, StartForm } from './forms.ts';
import * as icons from './icons.ts';
import { Log } from './log.ts';
import type { Chat, Edge, Stage } from './session.ts';
import { Sharing } from './sharing.ts';
import type { Shell } from './shell.ts';
import { panelStyle, sheetQuery } from './style.ts';
import type { ChatText, ChatTranslate } from './texts.ts';
import { palette } from './theme.ts';

/** The connection may be gone this long before the visitor is told, ms. */
const patience = 1500;

/** What the panel asks of whoever owns it. */
export interface PanelActions {
  minimise(): void;
  mute(on: boolean): void;
}

export class Panel {
  readonly window: HTMLElement;
  readonly composer: Composer;
  private readonly title = h('h2', { id: 'kohe-title', tabindex: -1 });
  private readonly state = h('p', { class: 'state' });
  private readonly face = h('span', { class: 'face', 'aria-hidden': 'true' });
  private readonly eye: HTMLButtonElement;
  private readonly mute: HTMLButtonElement;
  private readonly leave: HTMLButtonElement;
  private readonly strip: HTMLElement;
  private readonly stripText = h('span', { role: 'status' });
  private readonly stripCount = h('span', { 'aria-hidden': 'true' });
  private readonly retry: HTMLButtonElement;
  private readonly fault = h('p', { class: 'fault', role: 'alert' });
  private readonly sharing: Sharing;
  private readonly start: StartForm;
  private readonly card: CardForm;
  private readonly thanks: HTMLElement;
  private readonly thanksTitle = h('h3', { tabindex: -1 });
  private readonly plain = h('div', { class: 'form' });
  private readonly talk: HTMLElement;
  private readonly log: Log;
  private readonly queue: HTMLElement;
  private readonly place = h('p', { class: 'place', role: 'status' });
  private readonly queueNote: HTMLElement;
  private readonly ask: Ask;
  private readonly confirm: HTMLElement;
  private readonly goOn: HTMLButtonElement;
  private readonly over: HTMLElement;
  private readonly overText = h('p', { role: 'status' });
  private readonly again: HTMLButtonElement;
  private readonly sheet = matchMedia(sheetQuery);
  private readonly colors = new CSSStyleSheet();
  private confirming = false;
  private lostAt = 0; // when the connection was lost, ms; 0 while it is there
  private ticker: ReturnType<typeof setTimeout> | undefined;
  private shownStage: Stage | null = null;

  constructor(
    private readonly shell: Shell,
    private readonly chat: Chat,
    private readonly edge: Edge,
    private readonly t: ChatTranslate,
    private readonly act: PanelActions,
  ) {
    const { store, settings, root, frame } = shell;
    const { name = '' } = store.memory;
    const preset = { name, department: settings.department };

    this.eye = this.tool(icons.eye, () => chat.reconsider());
    this.mute = this.tool(icons.soundOn, () => act.mute(!store.memory.muted));
    this.leave = this.tool(icons.leave, () => this.confirmEnd(true));
    const down = this.tool(icons.down, () => act.minimise());
    label(down, t('minimise'));
    label(this.leave, t('end'));
    const who = h('div', { class: 'who' }, this.title, this.state);
    const head = h('div', { class: 'head' }, this.face, who, this.eye, this.mute, this.leave, down);

    this.retry = this.button('plain', 'try_now', () => edge.kick());
    this.strip = h('div', { class: 'strip', hidden: true }, this.stripText, this.stripCount, this.retry);
    this.sharing = new Sharing(t, { stop: () => chat.consent(false), seePage: () => act.minimise() });

    this.start = new StartForm(t, preset, {
      start: (who, department) => chat.open(who, department),
      card: () => chat.writeCard(true),
    });
    this.card = new CardForm(t, preset, {
      leave: (card) => chat.leaveCard(card),
      wrote: () => chat.writes(),
      chat: ({ name, department = '' }) => {
        this.leaveCard();
        if (name) chat.open(name, department);
      },
      back: () => this.leaveCard(),
    });
    this.thanks = h(
      'div',
      { class: 'form thanks' },
      h('span', { class: 'done' }, icon(icons.check)),
      this.thanksTitle,
      h('p', {}, t('thanks_note')),
      this.button('secondary', 'close', () => {
        chat.dismiss();
        act.minimise();
      }),
    );

    this.log = new Log(t, localeOf(settings.lang), ({ key, message }) => chat.resend(key, message.text ?? ''));
    this.queueNote = h('p', {}, t('waiting_note'));
    const instead = this.button('plain', 'leave_instead', () => {
      this.card.write(this.composer.text.value);
      chat.writeCard(true);
    });
    this.queue = h('div', { class: 'queue' }, this.place, this.queueNote, instead);
    this.ask = new Ask(t, (on, record) => chat.consent(on, record));
    this.goOn = this.button('secondary', 'go_on', () => this.confirmEnd(false));
    this.confirm = h(
      'div',
      { class: 'ask', role: 'group', 'aria-label': t('end'), hidden: true },
      h('h3', {}, t('end_ask')),
      h(
        'div',
        { class: 'row-of-two' },
        this.button('primary danger', 'end', () => {
          this.confirming = false;
          chat.end();
        }),
        this.goOn,
      ),
    );
    this.again = this.button('primary', 'again', () => chat.dismiss());
    this.over = h('div', { class: 'over' }, this.overText, this.again);
    this.composer = new Composer(t, store, { say: (text) => chat.say(text), typed: (on) => chat.typed(on) });
    const asks = h('div', { 'aria-live': 'polite' }, this.ask.element);
    this.talk = h(
      'div',
      { class: 'talk' },
      this.queue,
      this.log.element,
      asks,
      this.confirm,
      this.over,
      this.composer.element,
    );

    const main = h('div', { class: 'main' }, this.start.element, this.card.element, this.thanks, this.plain, this.talk);
    this.window = h(
      'section',
      { class: 'window', role: 'dialog', 'aria-labelledby': 'kohe-title', hidden: true },
      head,
      this.strip,
      this.sharing.strip,
      this.fault,
      main,
    );
    this.window.addEventListener('keydown', (event) => this.key(event));
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(panelStyle);
    const view = new CSSStyleSheet();
    root.adoptedStyleSheets = [...root.adoptedStyleSheets, this.colors, sheet, view];
    this.paint(store.memory.color);
    followViewport(view);
    frame.append(this.window, this.sharing.mark);
    for (const type of ['keydown', 'keyup', 'keypress', 'focusin', 'focusout'] as const) {
      // The page's own shortcuts and focus traps are not meant for what is typed here.
      frame.addEventListener(type, (event) => event.stopPropagation());
    }
    this.sheet.addEventListener('change', () => this.render());
  }

  get open(): boolean {
    return this.shell.store.memory.open === true;
  }

  /** Draws everything in the site's colour. */
  paint(color: string | undefined): void {
    const { settings } = this.shell;
    this.shell.paint(color);
    this.colors.replaceSync(palette(settings.color || color, settings.theme));
  }

  /** Whether the newest message can be seen now. */
  get looking(): boolean {
    return this.open && !document.hidden && this.chat.stage !== 'card' && this.log.atEnd;
  }

  /** Puts the focus where the next step is. On a touch screen the keyboard waits to be asked. */
  focus(): void {
    const targets: Partial<Record<Stage, HTMLElement>> = {
      start: this.start.first,
      card: this.card.first,
      thanks: this.thanksTitle,
      waiting: this.composer.text,
      active: this.composer.text,
      ended: this.again,
    };
    const target = targets[this.chat.stage] ?? this.title;
    const touch = matchMedia('(pointer: coarse)').matches;
    (touch && target.matches('input, textarea') ? this.title : target).focus();
  }

  /** The connection came or went. */
  linkChanged(): void {
    const { state } = this.edge;
    if (state === 'open' || state === 'closed') this.lostAt = 0;
    else this.lostAt ||= Date.now();
    this.render();
  }

  render(): void {
    const { chat, open } = this;
    const { stage, session } = chat;
    const name = session?.agent_name ?? '';
    const wasHidden = this.window.hidden;
    const hadFocus = this.window.contains(this.shell.root.activeElement);
    this.window.hidden = !open;
    set(this.window, 'data-form', stage === 'start' || stage === 'card' || stage === 'thanks');
    set(this.window, 'aria-modal', this.sheet.matches ? 'true' : undefined);
    this.drawHead(stage, name);
    this.drawStrip();
    this.sharing.render(this.shared, open);
    this.drawForms(stage);
    this.drawTalk(stage, name);
    say(this.fault, chat.fault ? this.t(chat.fault) : '');
    if (stage !== this.shownStage) {
      this.shownStage = stage;
      const given = this.shell.store.memory.name ?? '';
      this.card.named(given || this.start.first.value);
      this.start.named(given || this.card.first.value);
      this.composer.restore();
    }
    if (wasHidden && open) {
      this.composer.fit();
      this.log.toEnd();
    } else if (open && hadFocus && !this.window.contains(this.shell.root.activeElement)) this.focus();
    chat.mark(this.looking);
  }

  private drawHead(stage: Stage, name: string): void {
    const { chat, t } = this;
    const talking = stage === 'active' || stage === 'ended';
    const title = (talking && name) || (chat.site?.name ?? t('chat'));
    say(this.title, title);
    const initial = [...title.trim()][0] ?? '';
    if (this.face.textContent !== initial) this.face.replaceChildren(initial.toLocaleUpperCase());
    const live = stage === 'active' || stage === 'waiting' || stage === 'opening' || stage === 'resuming';
    this.leave.hidden = !live;
    this.eye.hidden = stage !== 'active' || !chat.site?.cobrowse || chat.shared || chat.asksConsent;
    label(this.eye, t('share_again', { name }));
    const { muted = false } = this.shell.store.memory;
    label(this.mute, t(muted ? 'unmute' : 'mute'));
    if (this.mute.getAttribute('data-muted') !== String(muted)) {
      this.mute.replaceChildren(icon(muted ? icons.soundOff : icons.soundOn));
      set(this.mute, 'data-muted', String(muted));
    }
    this.mute.hidden = !live;
  }

  /** What is under the name: that they are in the chat, as far as the connection lets one know. */
  private drawState(connected: boolean): void {
    const { site, session, stage } = this.chat;
    const { departments = [] } = site ?? {};
    const department = departments.length > 1 ? departments.find(({ id }) => id === session?.department)?.name : '';
    const here = stage === 'active' && connected;
    say(this.state, here ? this.t('online') : (department ?? ''));
    set(this.state, 'data-on', here);
  }

  /** Nothing is said of a short gap; after that a line, and when the next try is far off, how long. */
  private drawStrip(): void {
    clearTimeout(this.ticker);
    const gone = this.lostAt ? Date.now() - this.lostAt : 0;
    const show = this.lostAt > 0 && gone >= patience;
    this.strip.hidden = !show;
    this.drawState(!show);
    say(this.stripText, show ? this.t('reconnecting') : '');
    const seconds = Math.ceil(((this.edge.retryAt ?? 0) - Date.now()) / 1000);
    const counts = show && seconds > 1;
    say(this.stripCount, counts ? this.t('offline_for', { n: seconds }) : '');
    set(this.strip, 'data-counts', counts);
    this.retry.hidden = !counts;
    if (this.lostAt) this.ticker = setTimeout(() => this.drawStrip(), show ? 1000 : patience - gone);
  }

  /** With whom the page is shared, as a sentence; '' if with nobody. */
  get shared(): string {
    const { shared, session } = this.chat;
    const name = session?.agent_name;
    const parts = [
      name ? this.t('shared', { name }) : this.t('shared_brief'),
      ...(session?.record ? [this.t('recorded')] : []),
    ];
    return shared ? parts.join(' · ') : '';
  }

  /** Says what the agent may do on the page, besides seeing it; aside: the bar at the bottom says so. */
  may(levels: readonly Level[], aside: boolean): void {
    this.sharing.may(levels);
    set(this.sharing.mark, 'data-aside', aside);
  }

  private drawForms(stage: Stage): void {
    const { chat } = this;
    const departments = chat.site?.departments ?? [];
    this.start.element.hidden = stage !== 'start';
    this.start.update(chat.button?.state === 'busy', chat.button?.waiting ?? 0, departments);
    const wasThanked = !this.thanks.hidden;
    this.card.element.hidden = stage !== 'card';
    this.card.update(chat.button?.state ?? 'closed', chat.card !== null, departments);
    this.thanks.hidden = stage !== 'thanks';
    if (stage === 'thanks' && !wasThanked) this.card.clear();
    say(this.thanksTitle, this.t('thanks', { name: chat.thanked ?? '' }));
    const texts: Partial<Record<Stage, ChatText>> = {
      connecting: 'starting',
      opening: 'starting',
      blocked: 'error_blocked',
    };
    const text = texts[stage];
    this.plain.hidden = !text;
    say(this.plain, text ? this.t(text) : '');
  }

  private drawTalk(stage: Stage, name: string): void {
    const { chat, t } = this;
    const { place = 0, ended_by } = chat.session ?? {};
    this.talk.hidden = !['resuming', 'waiting', 'active', 'ended'].includes(stage);
    this.queue.hidden = stage !== 'waiting';
    say(this.place, stage === 'waiting' ? (place > 1 ? t('place', { n: place }) : t('next')) : '');
    this.log.update(chat.lines, chat.talk?.typing?.name ?? (chat.talk?.typing ? name : ''), chat.site);
    this.ask.update(chat.asksConsent, name, chat.site?.record ?? 0);
    if (stage === 'ended') this.confirming = false;
    this.confirm.hidden = !this.confirming;
    this.over.hidden = stage !== 'ended';
    this.composer.element.hidden = stage === 'ended' || this.confirming;
    const ends: Partial<Record<string, ChatText>> = {
      visitor: 'ended_visitor',
      agent: 'ended_agent',
      timeout: 'ended_timeout',
    };
    const byMe = chat.session?.state !== 'ended' && chat.endedHere;
    say(this.overText, stage === 'ended' ? t(ends[byMe ? 'visitor' : (ended_by ?? '')] ?? 'ended', { name }) : '');
  }

  /** From the offline form to the chat: what was written there is what is said first. */
  private leaveCard(): void {
    const text = this.card.take();
    if (text) this.shell.store.save('localStorage', 'draft', text);
    this.chat.writeCard(false);
  }

  private confirmEnd(on: boolean): void {
    this.confirming = on;
    this.render();
    (on ? this.goOn : this.leave).focus();
  }

  private key(event: KeyboardEvent): void {
    if (event.key === 'Escape') {
      if (this.confirming) this.confirmEnd(false);
      else this.act.minimise();
    } else if (event.key === 'Tab' && this.sheet.matches) this.keepFocus(event);
  }

  /** The full-screen sheet hides the page, so the focus stays in it. */
  private keepFocus(event: KeyboardEvent): void {
    const all = [
      ...this.window.querySelectorAll<HTMLElement>('button, input, select, textarea, a[href], [tabindex="0"]'),
    ];
    const reached = all.filter((element) => element.checkVisibility() && !element.matches(':disabled'));
    const [from, to] = event.shiftKey ? [reached[0], reached.at(-1)] : [reached.at(-1), reached[0]];
    if (this.shell.root.activeElement !== from) return;
    event.preventDefault();
    to?.focus();
  }

  private tool(path: string, act: () => void): HTMLButtonElement {
    const button = h('button', { type: 'button', class: 'tool' }, icon(path));
    button.addEventListener('click', act);
    return button;
  }

  private button(look: string, text: ChatText, act: () => void): HTMLButtonElement {
    const button = h('button', { type: 'button', class: look }, this.t(text));
    button.addEventListener('click', act);
    return button;
  }
}

/** The browser's own way of writing times in the widget's language: en-GB and en-US differ. */
function localeOf(lang: string): string {
  return navigator.languages.find((tag) => tag.toLowerCase().startsWith(lang)) ?? (lang === 'en' ? 'en-GB' : lang);
}

function label(button: HTMLElement, text: string): void {
  set(button, 'aria-label', text);
  set(button, 'title', text);
}

/** Tells the sheet how much of a phone's screen the keyboard leaves, and where. */
function followViewport(sheet: CSSStyleSheet): void {
  const { visualViewport } = window;
  if (!visualViewport) return;
  const follow = (): void => {
    const { height, offsetTop, scale } = visualViewport;
    const below = Math.max(0, document.documentElement.clientHeight - offsetTop - height);
    sheet.replaceSync(
      scale > 1.01
        ? ''
        : `.window{--view-height:${height}px;--view-top:${offsetTop}px}.aside{--view-bottom:${below}px}`,
    );
  };
  visualViewport.addEventListener('resize', follow);
  visualViewport.addEventListener('scroll', follow);
  follow();
}
