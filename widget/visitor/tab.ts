// What the node is told of this tab: address, title, whether it is seen and has
// the focus. Pages that change their address without loading are noticed too.

import type { Tab } from '../wire/payload.ts';
import { Limit } from '../wire/payload.ts';

/** How often the address is looked at where the browser cannot say that it changed, ms. */
const look = 500;

export class TabWatch {
  private last = '';
  private ownTitle: string | null = null; // the page's, while the title is borrowed
  private borrowed = '';

  constructor(private readonly changed: (tab: Tab) => void) {
    const notice = (): void => this.notice();
    for (const event of ['focus', 'blur', 'popstate', 'hashchange', 'pageshow']) addEventListener(event, notice);
    document.addEventListener('visibilitychange', notice);
    const { navigation } = window as { navigation?: EventTarget };
    if (navigation) navigation.addEventListener('currententrychange', notice);
    else setInterval(() => document.hidden || notice(), look);
    new MutationObserver(notice).observe(document.head ?? document.documentElement, {
      childList: true,
      subtree: true,
      characterData: true,
    });
  }

  get now(): Tab {
    return {
      url: location.href.slice(0, Limit.url),
      title: (this.ownTitle ?? document.title).slice(0, Limit.title),
      visible: !document.hidden,
      focused: document.hasFocus(),
    };
  }

  /** Shows another title in place of the page's own; null gives it back. */
  borrowTitle(title: string | null): void {
    this.pageTitled();
    if (title === null) {
      if (this.ownTitle !== null) document.title = this.ownTitle;
      this.ownTitle = null;
    } else {
      this.ownTitle ??= document.title;
      this.borrowed = title;
      document.title = title;
    }
  }

  /** A title that the page gave itself in the meantime is the one to give back. */
  private pageTitled(): void {
    if (this.ownTitle !== null && document.title !== this.borrowed) this.ownTitle = document.title;
  }

  private notice(): void {
    this.pageTitled();
    const tab = this.now;
    const text = JSON.stringify(tab);
    if (text === this.last) return;
    this.last = text;
    this.changed(tab);
  }
}
