// Where this tab is, as the node is told of it. Apart from presence.ts because
// the chat tells it as well, and from trail.ts because the button does not.

import { newId } from '../wire/frame.ts';
import type { Presence } from '../wire/payload.ts';
import type { Store } from './store.ts';
import { known, path, trail } from './trail.ts';

const before = 5; // addresses that go with a presence, besides the page's own

/** Where this tab is, without query and fragment: agents see it before anybody has asked for help. invited is how long ago it was invited to a chat, ms, 0: not. */
export function presence(store: Store, invited: number): Presence {
  const pages = trail(store).map((page) => known(store, page));
  const now = Date.now();
  const here = pages.at(-1) ?? { ...known(store, { url: location.href, title: document.title }), at: now };
  return {
    ...visitOf(store),
    url: path(here.url),
    ...(here.title && { title: here.title }),
    page_ms: now - here.at,
    visit_ms: now - (pages[0]?.at ?? now),
    pages: pages
      .slice(0, -1)
      .slice(-before)
      .map(({ url }) => path(url)),
    ...(invited && { invited_ms: invited }),
  };
}

/** The tab's visit: an id of its own, and the host that it came from. */
function visitOf(store: Store): { visit: string; referrer: string } {
  const kept = store.load('sessionStorage', 'visit') as { visit: string; referrer: string } | undefined;
  if (kept) return kept;
  const from = document.referrer && new URL(document.referrer).host; // of a page, or empty
  const visit = { visit: newId(), referrer: from === location.host ? '' : from };
  store.save('sessionStorage', 'visit', visit);
  return visit;
}
