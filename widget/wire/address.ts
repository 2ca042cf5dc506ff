// The pages that agents send visitors to: a message of kind link is an address,
// and after a space what it is called.

export interface PageLink {
  url: URL;
  title: string; // the host, if it is called nothing
}

/** The address of a page; null for what is none, or holds a name or a password. */
export function pageAddress(text: string): URL | null {
  try {
    const url = new URL(text);
    return /^https?:$/.test(url.protocol) && !url.username && !url.password ? url : null;
  } catch {
    return null;
  }
}

export function parseLink(text: string): PageLink | null {
  const [address = '', title = ''] = text.split(/ (.*)/s);
  const url = pageAddress(address);
  return url && { url, title: title.trim() || url.host };
}
