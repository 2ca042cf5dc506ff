// The chat, loaded on the click or when a session is on: it joins the session,
// the window, the shared page and what draws attention.

import type { Guide } from '../guide/guide.ts';
import { isAway } from '../guide/record.ts';
import { translator } from '../i18n/index.ts';
import { newId } from '../wire/frame.ts';
import { Link } from '../wire/link.ts';
import { type Fault, type Level, type Message, type Payloads, spoken } from '../wire/payload.ts';
import { Aside } from './aside.ts';
import { Chime, TitleNews } from './attention.ts';
import { h, say } from './dom.ts';
import { Levels } from './levels.ts';
import { Panel } from './panel.ts';
import { Permit } from './permit.ts';
import { type Reach, reach } from './reach.ts';
import { Chat } from './session.ts';
import { type Capture, Share, siteOptions } from './share.ts';
import type { ChatHandle, Shell } from './shell.ts';
import { live } from './store.ts';
import { TabWatch } from './tab.ts';
import { texts } from './texts.ts';
import { facts, known, note } from './trail.ts';
import { presence } from './whereabouts.ts';

declare const CAPTURE_MODULE: string; // file names, by build.mjs
declare const FRAMES_MODULE: string;
declare const GUIDE_MODULE: string;
declare const FAULTS_MODULE: string;

class Visitor implements ChatHandle {
  private readonly tab = newId(); // this page load's: a duplicated tab is another one
  private readonly t;
  private readonly link: Link;
  private readonly chat: Chat;
  private readonly panel: Panel;
  private readonly share: Share;
  private readonly levels: Levels;
  private readonly permit: Permit;
  private readonly aside: Aside;
  private guide: Promise<Guide> | null = null;
  private faults: Promise<() => void> | null = null; // ends telling of them
  private readonly tabs: TabWatch;
  private readonly titleNews: TitleNews;
  private readonly chime = new Chime();
  private readonly spoken = h('p', { class: 'sr', role: 'status' });
  private on = false; // the link is wanted
  private readUpTo = 0; // seq
  private heard = 0; // seq of the last message that sounded
  private startedAt = Date.now(); // by the node's clock
  private drawing = false;
  private told = ''; // of which page the node was told on this connection

  constructor(private readonly shell: Shell) {
    const { settings, store, welcome, frame } = shell;
    this.t = translator(texts, settings.lang);
    this.tabs = new TabWatch((tab) => {
      if (tab.focused) this.lead();
      note(store, tab.url, tab.title, Date.now());
      this.sendTab();
      this.sendPresence();
      this.changed();
    });
    this.titleNews = new TitleNews(this.tabs);
    this.link = new Link({ ...reach(shell), others: shell.nodes, hello: () => this.chat.hello() });
    const { site, lang, department } = settings;
    this.chat = new Chat(
      this.link,
      store,
      { site, lang, department, tab: this.tab },
      () => known(store, this.tabs.now),
      () => facts(store),
    );
    this.chat.site = welcome?.site ?? null;
    this.chat.button = welcome?.button ?? null;
    this.panel = new Panel(shell, this.chat, this.link, this.t, {
      minimise: () => this.close(),
      mute: (muted) => {
        store.patch({ muted });
        this.changed();
      },
    });
    this.levels = new Levels(this.link, store, this.chat, () => this.changed());
    this.permit = new Permit(this.levels, this.t, () => this.aside.allowed());
    this.aside = new Aside(this.t, {
      open: () => this.wake(true),
      stop: () => this.chat.consent(false),
      yield: () => this.close(),
      back: () => store.patch({ open: true }),
      changed: () => this.changed(),
    });
    const module = `${settings.node}/kohe/a/${CAPTURE_MODULE}`;
    this.share = new Share(
      this.link,
      this.tab,
      () => import(module) as Promise<Capture>,
      () => siteOptions(this.chat.site),
      async (capture, point) => {
        const { Frames } = (await import(`${settings.node}/kohe/a/${FRAMES_MODULE}`)) as typeof import('./frames.ts');
        return new Frames(capture, site, this.chat.site?.origins ?? [], point);
      },
    );
    frame.append(this.permit.element, this.aside.element, this.spoken);
    this.listen();
  }

  wake(open: boolean): void {
    const { store, welcome } = this.shell;
    if (!this.on) {
      this.on = true;
      this.shell.frame.querySelector('.invite')?.remove();
      this.chat.button = welcome?.button ?? this.chat.button;
      this.link.start();
    }
    if (document.hasFocus()) this.lead();
    if (open) store.patch({ open: true });
    this.panel.render();
    this.changed();
    if (!open) return;
    this.aside.opened();
    this.chime.allow();
    this.panel.focus();
  }

  close(): void {
    const { store, launcher } = this.shell;
    const hadFocus = this.panel.window.contains(this.shell.root.activeElement);
    this.panel.composer.keep();
    store.patch({ open: false });
    if (this.chat.thanked !== null || this.chat.stage === 'ended') this.chat.dismiss();
    this.draw();
    if (hadFocus) (this.aside.on ? this.aside.chat : launcher.element).focus();
  }

  private sendTab(): void {
    if (this.link.state === 'open') this.link.send('Tab', known(this.shell.store, this.tabs.now));
  }

  /** Tells where the tab is, for a site that shows its visitors. */
  private sendPresence(): void {
    const { url, title } = this.tabs.now;
    if (this.link.state !== 'open' || !this.chat.site?.visitors || this.told === url + title) return;
    this.told = url + title;
    this.link.send('Presence', presence(this.shell.store, 0));
  }

  private listen(): void {
    const { store, root } = this.shell;
    this.chat.subscribe(() => this.changed());
    this.link.on('Mirror', (mirror) => {
      this.share.named(mirror);
      this.changed();
    });
    this.link.on('Act', (act) => void this.act(act));
    this.link.on('Draw', (draw) => this.shows(draw.session, 'draw', (guide) => guide.draw(draw)));
    this.link.onHand((session, record) => {
      const level = this.levels.has('point') ? 'point' : 'draw'; // a hand that draws is seen too
      this.shows(session, level, (guide) => guide.hand(record), !isAway(record));
    });
    this.link.on('Welcome', ({ now, site, wt, hashes }) => {
      this.shell.store.save('sessionStorage', 'reach', { from: this.link.node, wt, hashes } satisfies Reach);
      this.startedAt = Math.min(this.startedAt, now);
      this.told = ''; // another node, perhaps, though the link was open all the time
      if (!site) return;
      this.panel.paint(site.color);
      const { maskAll } = store.memory;
      store.patch({ maskAll: site.mask_all ?? false });
      if (maskAll === undefined) this.sendTab(); // the hello said less
    });
    this.link.onState((link) => {
      if (link.state !== 'open') {
        this.share.lost();
        this.changed();
      } else this.sendPresence();
      this.panel.linkChanged();
    });
    store.watch((name) => {
      if (name === 'draft') this.panel.composer.restore();
      else this.changed();
    });
    root.addEventListener('click', (event) => {
      this.chime.allow();
      const link = event.target instanceof Element ? event.target.closest('a') : null;
      if (link && !link.target) store.patch({ open: !matchMedia('(max-width: 479.98px)').matches });
    });
    for (const event of ['online', 'focus']) addEventListener(event, () => this.on && this.link.kick());
    addEventListener('pagehide', () => this.leaving());
    addEventListener('pageshow', (event) => {
      if (event.persisted && this.on) this.link.start();
    });
    document.addEventListener('visibilitychange', () => {
      this.changed();
      if (document.hidden) this.panel.composer.keep();
    });
  }

  /** What shows the agent's hand and does what the agent is let do; loaded when it is needed first. */
  private guided(): Promise<Guide> {
    const module = `${this.shell.settings.node}/kohe/a/${GUIDE_MODULE}`;
    this.guide ??= import(module).then(
      (loaded) =>
        new loaded.Guide(
          this.shell.frame,
          (id: number) => this.share.find(id),
          (level: never) => this.levels.has(level),
          this.t('undo'),
          (url: URL) => this.chat.site?.origins?.includes(url.origin),
        ) as Guide,
    );
    return this.guide;
  }

  /** Lets the guide show something, if that is of this session and the visitor allows it. */
  private shows(session: string, level: Level, show: (guide: Guide) => void, seen = true): void {
    if (session !== this.chat.session?.id || !this.levels.has(level)) return;
    if (seen) this.aside.does(level);
    void this.guided().then(show);
  }

  /** What goes wrong on this page is told while it is shown. */
  private tellFaults(on: boolean): void {
    if (on === (this.faults !== null)) return;
    void this.faults?.then((end) => end());
    const { store, settings } = this.shell;
    this.faults = on
      ? import(`${settings.node}/kohe/a/${FAULTS_MODULE}`).then(
          ({ watchFaults }: typeof import('../faults/index.ts')) =>
            watchFaults(
              (faults) => this.sendFaults(faults),
              store.memory.maskAll !== false,
              (el) => this.share.hidden(el),
            ),
        )
      : null;
  }

  private sendFaults(faults: Fault[]): void {
    const { session } = this.chat;
    if (session) this.link.send('Faults', { session: session.id, faults });
  }

  private async act(act: Payloads['Act']): Promise<void> {
    if (act.session !== this.chat.session?.id) return;
    const level = act.do === 'open' ? 'click' : act.do;
    if (this.levels.has(level)) this.aside.does(level, act.by);
    const outcome = this.levels.on.length ? await (await this.guided()).act(act) : { why: 'refused' };
    this.link.send('Acted', { session: act.session, id: act.id, ...outcome });
  }

  /** The page goes away, perhaps to come back from the back/forward cache. */
  private leaving(): void {
    const { store } = this.shell;
    this.panel.composer.keep();
    this.chat.keep();
    if (store.memory.lead === this.tab) store.patch({ lead: undefined });
    this.link.close();
  }

  /** This tab is the one that sounds. */
  private lead(): void {
    const { store } = this.shell;
    if (store.memory.lead !== this.tab) store.patch({ lead: this.tab });
  }

  /** Draws once however many frames came. Not by animation frame: hidden tabs have none. */
  private changed(): void {
    if (this.drawing) return;
    this.drawing = true;
    queueMicrotask(() => {
      this.drawing = false;
      this.draw();
    });
  }

  private draw(): void {
    const { chat, panel, shell } = this;
    panel.render();
    this.levels.settle();
    this.permit.render();
    const unread = this.news();
    this.aside.render({
      open: panel.open,
      levels: this.levels.on,
      agent: chat.session?.agent_name ?? '',
      shared: panel.shared,
      unread,
    });
    panel.may(this.levels.on, this.aside.on);
    void this.guide?.then((guide) => guide.settle());
    this.share.allow(chat.shared);
    this.tellFaults(this.share.on);
    this.drawLauncher(unread.length);
    if (!panel.open) this.restIfOver();
    if (panel.open || this.aside.on) shell.launcher.hide();
  }

  /** What was not read; draws attention to what of it is new. */
  private news(): Message[] {
    const { chat, panel } = this;
    const theirs = chat.lines.filter(({ mine, message }) => !mine && message.seq > 0 && spoken(message.kind));
    const last = theirs.at(-1)?.message;
    this.readUpTo = Math.max(
      this.readUpTo,
      chat.session?.visitor_marks.read ?? 0,
      panel.looking ? (last?.seq ?? 0) : 0,
    );
    const unread = theirs.filter(({ message }) => message.seq > this.readUpTo);
    const name = chat.session?.agent_name ?? '';
    if (last && last.seq > this.heard) {
      this.heard = last.seq;
      if (unread.length && last.at > this.startedAt) this.sound(name);
    }
    this.titleNews.show(document.hidden && unread.length ? `● ${this.t('unread', { n: unread.length })}` : null);
    if (!unread.length) say(this.spoken, '');
    return unread.map(({ message }) => message);
  }

  private sound(name: string): void {
    const { memory } = this.shell.store;
    if (memory.lead && memory.lead !== this.tab) return;
    this.lead();
    if (!this.panel.open) say(this.spoken, this.t('arrived', { name }));
    if (!memory.muted) this.chime.play();
  }

  private drawLauncher(unread: number): void {
    const { chat, shell, t } = this;
    const { stage, session } = chat;
    if (stage === 'start' || stage === 'card' || stage === 'connecting') {
      shell.launcher.truth(chat.button);
      return;
    }
    const place = session?.place ?? 1;
    const label = stage === 'waiting' ? t('waiting', { n: place }) : (session?.agent_name ?? t('chat'));
    shell.launcher.chat({ label, unread, news: unread ? t('unread', { n: unread }) : '' });
  }

  /** With the window closed and nothing left to say or hear, the quiet socket is enough. */
  private restIfOver(): void {
    const { memory } = this.shell.store;
    if (!this.on || memory.open || live(memory) || this.chat.card || this.chat.stage === 'ended') return;
    this.on = false;
    this.link.close();
    this.shell.rest();
  }
}

/** Called by the loader. */
export function start(shell: Shell): ChatHandle {
  return new Visitor(shell);
}
