// Pictures that only this page can load (blob: addresses) travel by content, as
// data: addresses. An attribute is sent without them, and again once they are read.
import { again } from './core.ts';

const most = 1 << 20; // bytes of a picture; a larger one is not shown
const kept = 100; // pictures remembered
const address = /blob:[^\s"')]+/g;
/** What was read of them; a promise while it is not there yet. */
const contents = new Map<string, string | Promise<string>>();

/** An element's attribute or style with its blob: addresses replaced; those not read yet are left out. */
export function inline(value: string, el: Element): string {
  return value.replace(address, (url) => {
    let content = contents.get(url);
    if (content === undefined) {
      if (contents.size >= kept) contents.clear();
      content = read(url);
      contents.set(url, content);
    }
    if (typeof content === 'string') return content;
    content.then((found) => {
      contents.set(url, found);
      again(el);
    });
    return '';
  });
}

/** A picture's content, '' if it is revoked, forbidden by the page's CSP, too large or none. */
async function read(url: string): Promise<string> {
  const blob = await fetch(url).then(
    (answer) => answer.blob(),
    () => null,
  );
  return blob && blob.size <= most && blob.type.startsWith('image/') ? dataUrl(blob) : '';
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
