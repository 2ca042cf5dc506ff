// Where a page of this tab connects, and where the last one did.

import type { LinkOptions } from '../wire/link.ts';
import type { Shell } from './shell.ts';

/** Where a page of this tab was connected. */
export interface Reach {
  from?: string;
  wt?: string | undefined;
  hashes?: string[] | undefined;
}

/**
 * Where to connect: to the edge of the quiet socket or, on a page load within a chat, where there was none, to that of
 * the last page; with WebTransport's address if it is that edge's.
 */
export function reach({ nodes, store, welcome }: Shell): Pick<LinkOptions, 'node' | 'wt'> {
  const first = nodes[0] as string;
  const { from = first, wt = '', hashes = [] }: Reach = welcome ?? Object(store.load('sessionStorage', 'reach'));
  const host = (address: string): string => String(address).replace(/^https?:/, '');
  const known = wt && (!nodes[1] || host(wt).startsWith(`${host(from)}/`));
  return { node: String(from), ...(known && { wt: { url: wt, hashes } }) };
}
