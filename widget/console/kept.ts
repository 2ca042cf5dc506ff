// The empty documents that mirrors are drawn in, kept in this browser. They bring
// a CSP of their own and the console reaches into them, so they have to come from
// the console's origin, and the node there may be gone by the time one is needed.

declare const KEEPER: string; // the service worker's script

/** Where a site's document is, at the node and, without it, in the cache. */
export const mirrorOf = (site: string): string => `/kohe/mirror/${encodeURIComponent(site)}`;
export const scope = '/kohe/kept/'; // what the service worker answers, and nothing else
export const cacheName = 'kohe-mirrors';
const atNode = mirrorOf('');

/** The address in the cache of what the service worker is asked for. */
export const keptAs = (path: string): string => atNode + path.slice(scope.length);

export class KeptMirrors {
  #kept = new Set<string>();
  #turn = Promise.resolve();

  /** Keeps the documents at some addresses, as they are now, and no others. */
  keep(addresses: readonly string[]): void {
    if (!navigator.serviceWorker || !globalThis.caches) return; // a private window, or no secure context
    this.#turn = this.#turn.then(() => this.#fill(addresses)).catch(() => undefined); // then there is no other way
  }

  /** Where a document is in this browser, if it is. */
  instead(address: string): { instead?: string } {
    return this.#kept.has(address) ? { instead: scope + address.slice(atNode.length) } : {};
  }

  async #fill(addresses: readonly string[]): Promise<void> {
    if (addresses.length > 0) await navigator.serviceWorker.register(`/kohe/a/${KEEPER}`, { scope });
    const cache = await caches.open(cacheName);
    // Where the node does not answer, what there is stays.
    await Promise.all(addresses.map((address) => cache.add(address).catch(() => undefined)));
    const there = (await cache.keys()).map(({ url }) => new URL(url).pathname);
    for (const address of there) if (!addresses.includes(address)) await cache.delete(address);
    this.#kept = new Set(there.filter((address) => addresses.includes(address)));
  }
}
