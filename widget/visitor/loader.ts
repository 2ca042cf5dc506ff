// kohe.js: the button. It is all that a page loads before the click, so it is
// small (5 kB gzip with all it imports), asks for nothing but one quiet
// WebSocket, and never throws into the page.

import type { SiteView, Welcome } from '../wire/payload.ts';
import { openQuiet, type QuietOptions } from '../wire/quiet.ts';
import { buttonTexts } from './button-texts.ts';
import { accents } from './color.ts';
import { h } from './dom.ts';
import { Launcher, launcherStyle } from './launcher.ts';
import { settings } from './settings.ts';
import type { ChatHandle, ChatModule, Shell } from './shell.ts';
import { forget, live, Store, visit } from './store.ts';
import { note } from './trail.ts';

declare const CHAT_MODULE: string; // file names, by build.mjs
declare const NEAR_MODULE: string;

declare global {
  interface Window {
    /** What a site may call: its own "Ask us" links, for example. */
    Kohe?: { open(): void; close(): void };
  }
}

function warn(error: unknown): void {
  console.warn('Kohe:', error instanceof Error ? error.message : error);
}

type NearModule = typeof import('./near.ts');

class Loader implements Shell {
  readonly settings;
  readonly store: Store;
  readonly root: ShadowRoot;
  readonly frame: HTMLElement;
  readonly launcher: Launcher;
  welcome: Welcome | null = null;
  nodes: string[];

  private readonly colors = new CSSStyleSheet();
  private chat: Promise<ChatHandle | null> | null = null;
  resting = true;
  private quiet: { close(): void } | null = null;
  private refusals = 0; // hellos since the last welcome

  constructor(script: HTMLScriptElement | null) {
    this.settings = settings(script, [document.documentElement.lang, ...navigator.languages]);
    const { site, lang, position } = this.settings;
    this.store = new Store(site);
    const near = this.store.load('localStorage', 'near') as string; // or anything
    this.nodes = [...new Set([near, this.settings.node].flat())].filter((node) => /^http/.test(node));
    this.store.memory = visit(forget(this.store.memory, Date.now()), Date.now());
    note(this.store, location.href, document.title, Date.now());

    this.launcher = new Launcher(buttonTexts[lang], () => this.open());
    this.frame = h('div', { lang, dir: 'ltr', class: `kohe at-${position}` }, this.launcher.element);
    const host = document.createElement('kohe-widget');
    host.setAttribute('data-kohe-ui', '');
    this.root = host.attachShadow({ mode: 'open' });
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(launcherStyle);
    this.root.adoptedStyleSheets = [this.colors, sheet];
    this.root.append(this.frame);
    this.paint(this.store.memory.color);
    document.documentElement.append(host); // not body: nothing of the page's own is re-ordered or re-counted

    if (this.wanted) void this.load(false);
    else this.listen();
    this.store.watch(() => {
      if (this.wanted) void this.load(false); // begun in another tab
    });
    addEventListener('pagehide', () => this.quiet?.close()); // an open socket would keep the page out of the back/forward cache
    addEventListener('pageshow', (event) => {
      if (event.persisted && this.resting) this.listen();
    });
  }

  open(): void {
    void this.load(true);
  }

  close(): void {
    void this.chat?.then((chat) => chat?.close());
  }

  paint(color: string | undefined): void {
    this.colors.replaceSync(accents(this.settings.color || color));
  }

  rest(): void {
    this.resting = true;
    this.listen();
  }

  /** A session is on, or the window was left open. */
  private get wanted(): boolean | undefined {
    const { memory } = this.store;
    return live(memory) || memory.open;
  }

  /** Keeps the one quiet socket that says what the button says. */
  private listen(): void {
    this.quiet?.close();
    const { site, lang } = this.settings;
    this.quiet = openQuiet({
      nodes: this.nodes,
      hello: () => {
        const token = this.refusals++ < 3 && this.store.memory.token; // a node with another key refuses it for ever
        return { v: 1, role: 'visitor', quiet: true, site, lang, ...(token && { token }) };
      },
      onWelcome: this.welcomed,
      onButton: (button) => this.launcher.truth(button),
    });
  }

  private readonly welcomed: QuietOptions['onWelcome'] = (welcome, send, socket) => {
    this.welcome = welcome;
    const { token, visitor, site, nodes } = welcome;
    const { color, mask_all: maskAll = false, visitors } = site ?? ({} as Partial<SiteView>);
    if (nodes || this.nodes[1] || visitors || parent !== window) {
      import(`${this.settings.node}/kohe/a/${NEAR_MODULE}`).then(
        (module: NearModule) => module.settle(this, send, socket),
        warn, // it stays where it is
      );
    }
    this.refusals = 0;
    this.store.patch({ ...(token && { token }), ...(visitor && { visitor }), color, maskAll });
    this.paint(color);
  };

  /** Loads the chat, once, or wakes it; open says whether its window is wanted now. */
  private async load(open: boolean): Promise<void> {
    this.resting = false;
    this.quiet?.close();
    this.chat ??= this.fetch();
    const chat = await this.chat;
    if (chat) chat.wake(open);
    else this.rest();
  }

  private async fetch(): Promise<ChatHandle | null> {
    try {
      const url = `${this.settings.node}/kohe/a/${CHAT_MODULE}`;
      const module = (await import(url)) as ChatModule;
      return module.start(this);
    } catch (error) {
      warn(error);
      this.chat = null; // the next click tries again
      return null;
    }
  }
}

const { currentScript } = document;
if (!window.Kohe) {
  try {
    const script = currentScript instanceof HTMLScriptElement ? currentScript : null;
    const loader = new Loader(script ?? document.querySelector('script[data-site][src*="/kohe.js"]'));
    window.Kohe = { open: () => loader.open(), close: () => loader.close() };
  } catch (error) {
    warn(error);
  }
}
