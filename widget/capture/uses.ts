// What SVG draws out of files of the page's origin (`use` of a sprite), which the
// mirror may not load: it travels as a root inside the use, as a shadow root does.
import { attributeOf, isConnected, localNameOf } from '../native.ts';
import { expect, isMasked, told } from './core.ts';
import { hiddenRoots } from './early.ts';
import type { Part } from './part.ts';
import { resolve, sameOrigin } from './url.ts';

const longest = 4 << 20; // UTF-16 units of a file
const most = 64 << 10; // UTF-16 units of what one element draws
const kept = 20; // files

const files = new Map<string, Promise<Document>>();
const addresses = new WeakMap<Element, string>(); // of what is drawn; '' for nothing

const withoutHash = (url: string): string => url.replace(/#.*/s, '');

async function read(url: string): Promise<Document> {
  const answer = await fetch(url, { cache: 'force-cache' });
  const text = answer.ok ? await answer.text() : '';
  return new DOMParser().parseFromString(text.length > longest ? '' : text, 'image/svg+xml');
}

async function draw(el: Element, url: string): Promise<void> {
  const address = withoutHash(url);
  const file = files.get(address) ?? read(address);
  if (files.size >= kept) files.clear();
  files.set(address, file);
  const root = take(await file, decodeURIComponent(url.slice(address.length + 1)));
  if (!root || addresses.get(el) !== url) return;
  hiddenRoots.set(el, root as ShadowRoot);
  told.rerooted(el);
}

/** An element of a file with all that it refers to and the file's styles; null if that is too much, or nothing. */
function take(file: Document, id: string): DocumentFragment | null {
  const root = file.createDocumentFragment();
  let room = most;
  const put = (el: Element): void => {
    room -= el.outerHTML.length;
    if (room >= 0) root.append(el.cloneNode(true));
  };
  const ids = new Set([id]);
  for (const wanted of ids) {
    const el = file.getElementById(wanted);
    if (!el || root.getElementById(wanted)) continue;
    put(el);
    for (const [, other] of el.outerHTML.matchAll(/(?:href="|url\(["']?)#([^"')]+)/g)) ids.add(other as string);
  }
  if (root.firstChild) for (const style of file.querySelectorAll('style')) put(style);
  return room >= 0 && root.firstChild ? root : null;
}

export const uses: Part = {
  touched(el) {
    if (localNameOf(el) !== 'use' || !isConnected(el)) return;
    let url = resolve(attributeOf(el, 'href') ?? attributeOf(el, 'xlink:href') ?? '', el);
    if (isMasked(el) || !/^http.*#/.test(url) || !sameOrigin(url) || withoutHash(url) === withoutHash(location.href))
      url = '';
    if (url === (addresses.get(el) ?? '')) return;
    addresses.set(el, url);
    hiddenRoots.delete(el);
    told.rerooted(el);
    if (url) expect(draw(el, url).catch(() => {})); // it cannot be read: it is not drawn
  },
};
