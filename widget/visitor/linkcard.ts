// A page that an agent sent, as a card: what it is called, where it is, and a
// way there. The node has looked at the address; here it is looked at again.

import { parseLink } from '../wire/address.ts';
import type { SiteView } from '../wire/payload.ts';
import { h } from './dom.ts';

/** Whether a link may lead to an address: to this site, or to where the site lets links lead. */
export function mayLead({ origin }: URL, site: SiteView | null): boolean {
  return origin === location.origin || [...(site?.origins ?? []), ...(site?.links ?? [])].includes(origin);
}

/** Pages of this site open here, so that the chat goes along; others in a tab of their own. */
export function linkCard(text: string, open: string, site: SiteView | null): HTMLElement {
  const link = parseLink(text);
  if (!link || !mayLead(link.url, site)) return h('span', {}, link?.title ?? '');
  const { url, title } = link;
  const target = url.origin === location.origin ? undefined : '_blank';
  return h(
    'span',
    { class: 'card' },
    h('strong', {}, title),
    h('small', {}, url.host),
    h(
      'a',
      { class: 'open', href: url.href, rel: 'noopener noreferrer nofollow', target, 'aria-label': `${open}: ${title}` },
      open,
    ),
  );
}
