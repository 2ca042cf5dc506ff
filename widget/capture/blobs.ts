// Pictures that only this page can load travel by content, as data: addresses:
// blob: ones, and images behind a sign-in that the site names. An attribute is
// sent without them, and again once they are read.
import { localNameOf } from '../native.ts';
import { again, expect } from './core.ts';
import { sameOrigin } from './url.ts';

const most = 1 << 20; // bytes of a picture; a larger one is not shown
const kept = 100; // pictures remembered
const address = /blob:[^\s"')]+/g;
let room = 2 << 20; // bytes of images behind a sign-in that may still travel: a slow phone has to send them
let selector = ''; // of these
/** What was read of them; a promise while it is not there yet. */
const contents = new Map<string, string | Promise<string>>();
const named = new WeakMap<Element, boolean>(); // what is decided once does not change under way

/** Sets which images the site names. */
export function imagesBy(selectors: readonly string[] = []): void {
  selector = selectors.join();
}

/** Whether an element is an image that the site names, or a source of it. */
export function isNamed(el: Element): boolean {
  if (!selector || !/^(?:img|image|source)$/.test(localNameOf(el))) return false;
  let is = named.get(el);
  if (is === undefined) {
    is = (localNameOf(el) === 'source' ? el.parentElement?.querySelector('img') : el)?.matches(selector) ?? false;
    named.set(el, is);
  }
  return is;
}

/** Whether a value of an element's attribute travels, in part, by content. */
export const isInlined = (el: Element, value: string): boolean => /blob:/.test(value) || isNamed(el);

/** An element's attribute or style with what only this page can load replaced; what is not read yet is left out. */
export function inline(value: string, el: Element, masked: boolean): string {
  return !masked && isNamed(el) && sameOrigin(value)
    ? content(value, el)
    : value.replace(address, (url) => content(url, el));
}

function content(url: string, el: Element): string {
  let found = contents.get(url);
  if (found === undefined) {
    if (contents.size >= kept) contents.clear();
    found = read(url);
    expect(found);
    contents.set(url, found);
  }
  if (typeof found === 'string') return found || (/^blob:/.test(url) ? '' : url);
  found.then((read) => {
    contents.set(url, read);
    again(el);
  });
  return '';
}

/** A picture's content, '' if it is revoked, forbidden by the page's CSP, too large or none. */
async function read(url: string): Promise<string> {
  const blob = await fetch(url, { cache: 'force-cache' }).then(
    (answer) => answer.blob(),
    () => null,
  );
  if (!blob || blob.size > most || !blob.type.startsWith('image/')) return '';
  if (!/^blob:/.test(url)) {
    if (blob.size > room) return '';
    room -= blob.size;
  }
  return dataUrl(blob);
}

/** A blob as a data: address. */
export function dataUrl(blob: Blob): Promise<string> {
  return new Promise((done, failed) => {
    const reader = new FileReader();
    reader.onload = () => done(reader.result as string);
    reader.onerror = failed;
    reader.readAsDataURL(blob);
  });
}
