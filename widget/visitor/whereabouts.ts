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
  const { visit, referrer, since } = visitOf(store, pages[0]?.at ?? now);
  return {
    visit,
    referrer,
    url: path(here.url),
    ...(here.title && { title: here.title }),
    page_ms: now - here.at,
    visit_ms: now - since,
    pages: pages
      .slice(0, -1)
      .slice(-before)
      .map(({ url }) => path(url)),
    ...(invited && { invited_ms: invited }),
  };
}

/** The tab's visit. */
interface Visit {
  visit: string; // an id of its own
  referrer: string; // the host that it came from
  since: number; // ms since 1970
}

function visitOf(store: Store, since: number): Visit {
  const kept = store.load('sessionStorage', 'visit') as Visit | undefined;
  if (kept) return { ...kept, since: Math.min(kept.since ?? since, since) };
  const from = document.referrer && new URL(document.referrer).host; // of a page, or empty
  const visit = { visit: newId(), referrer: from === location.host ? '' : from, since };
  store.save('sessionStorage', 'visit', visit);
  return visit;
}
