// What people wrote, cut into pieces to be drawn as text nodes and links. No
// piece ever becomes HTML.

export interface Piece {
  text: string;
  href?: string; // an http or https address
  hit?: boolean; // matches what was searched for
}

const address = /https?:\/\/[^\s<>"'`]+/gi;
const trailing = /[.,;:!?)\]}»”]+$/;

/** Cuts text into plain pieces and links. Only http and https become links. */
export function linkify(text: string): Piece[] {
  const pieces: Piece[] = [];
  let from = 0;
  for (const match of text.matchAll(address)) {
    const found = match[0].replace(trailing, '');
    const href = httpAddress(found);
    if (!href) continue;
    if (match.index > from) pieces.push({ text: text.slice(from, match.index) });
    pieces.push({ text: found, href });
    from = match.index + found.length;
  }
  if (from < text.length) pieces.push({ text: text.slice(from) });
  return pieces;
}

/** Cuts text so that every occurrence of a word of the query is a piece of its own. */
export function highlight(text: string, query: string): Piece[] {
  const words = query.split(/\s+/).filter((word) => word.length > 0);
  if (words.length === 0) return [{ text }];
  const pattern = new RegExp(words.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('|'), 'giu');
  const pieces: Piece[] = [];
  let from = 0;
  for (const match of text.matchAll(pattern)) {
    if (match.index > from) pieces.push({ text: text.slice(from, match.index) });
    pieces.push({ text: match[0], hit: true });
    from = match.index + match[0].length;
  }
  if (from < text.length) pieces.push({ text: text.slice(from) });
  return pieces;
}

/** Returns host and path of an address for display, the whole text if it is none. */
export function shortAddress(text: string): string {
  try {
    const url = new URL(text);
    return url.host + (url.pathname === '/' ? '' : url.pathname);
  } catch {
    return text;
  }
}

/** Returns the address to write or call to, if the text is one plain e-mail address or phone number. */
export function contactAddress(contact: string): string | null {
  const text = contact.trim();
  if (/^[\w.+-]+@[\w-]+(\.[\w-]+)+$/.test(text)) return `mailto:${text}`;
  const number = text.replace(/[\s().-]/g, '');
  return /^\+?\d{5,15}$/.test(number) ? `tel:${number}` : null;
}

/** Returns the text, or as much of it as makes `most` characters with an ellipsis. */
export function clip(text: string, most: number): string {
  const characters = [...text];
  return characters.length <= most ? text : `${characters.slice(0, most - 1).join('')}…`;
}

function httpAddress(text: string): string | null {
  try {
    const url = new URL(text);
    return url.protocol === 'http:' || url.protocol === 'https:' ? url.href : null;
  } catch {
    return null;
  }
}
