// The pages looked at in this tab and what an agent may know of the visitor's
// browser. It stays in the browser until the visitor opens a chat; where the site
// shows its agents who is on its pages, the node is told where the visitor is.

import type { Facts, PageView } from '../wire/payload.ts';
import type { Store } from './store.ts';

/** How many page views are kept, the newest, and how much of an address and a title. */
const pages = 20;
const characters = 300;

/** Notes a page view; of the page already noted last only its title. */
export function note(store: Store, url: string, title: string, at: number): void {
  const kept = trail(store);
  const view = { url: url.slice(0, characters), title: title.slice(0, characters), at };
  const last = kept.at(-1);
  if (last?.url === view.url) {
    view.at = last.at;
    kept.pop();
  }
  store.save('sessionStorage', 'trail', [...kept, view].slice(-pages));
}

export function trail(store: Store): PageView[] {
  const kept = store.load('sessionStorage', 'trail');
  return Array.isArray(kept) ? (kept as PageView[]) : [];
}

/** A page as the node may know it: by its path, if the site masks everything or has not said yet. */
export function known<T extends { url: string; title?: string }>(store: Store, page: T): T {
  return store.memory.maskAll === false ? page : { ...page, url: path(page.url), title: '' };
}

/** An address without query and fragment. */
export const path = (url: string): string => url.replace(/[?#].*/s, '');

/** The facts that go with an opened session. */
export function facts(store: Store): Facts {
  const { visits = 1, firstSeen = Date.now() } = store.memory;
  return {
    visits,
    first_seen: firstSeen,
    referrer: known(store, { url: document.referrer }).url.slice(0, characters),
    user_agent: navigator.userAgent.slice(0, characters),
    screen: `${screen.width}x${screen.height}`,
    time_zone: Intl.DateTimeFormat().resolvedOptions().timeZone,
    pages: trail(store).map((page) => known(store, page)),
  };
}
