// Pictures that only this page can load (blob: addresses) travel by content, as
// data: addresses. An attribute is sent without them, and again once they are read.

const most = 1 << 20; // bytes of a picture; a larger one is not shown
const kept = 100; // pictures remembered
const address = /blob:[^\s"')]+/g;

export class Blobs {
  #read = new Map<string, string>();
  readonly #waiting = new Map<string, Set<Element>>();

  constructor(
    /** An element's attributes can be sent again, now with the picture. */
    readonly again: (el: Element) => void,
  ) {}

  /** An element's attribute or style with its blob: addresses replaced; those not read yet are left out. */
  inline(value: string, el: Element): string {
    return value.includes('blob:')
      ? value.replace(address, (url) => this.#read.get(url) ?? this.#wait(url, el))
      : value;
  }

  #wait(url: string, el: Element): string {
    const waiting = this.#waiting.get(url);
    if (waiting) waiting.add(el);
    else {
      this.#waiting.set(url, new Set([el]));
      void this.#fetch(url);
    }
    return '';
  }

  async #fetch(url: string): Promise<void> {
    let content = '';
    try {
      const blob = await (await fetch(url)).blob();
      if (blob.size <= most && blob.type.startsWith('image/')) content = await dataUrl(blob);
    } catch {
      // revoked, or forbidden by the page's CSP: it is not shown
    }
    if (this.#read.size >= kept) this.#read = new Map();
    this.#read.set(url, content);
    const elements = this.#waiting.get(url);
    this.#waiting.delete(url);
    if (content) for (const el of elements ?? []) this.again(el);
  }
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
