// Addresses in a message become links; nothing else of a text is ever more than
// text. Only http and https, never anything that a browser would run.

import { h } from './dom.ts';

const address = /\b(?:https?:\/\/|www\.)[^\s<>"'`]+/gi;
const trailing = /[.,:;!?…»”’)\]}]+$/;

export type Piece = string | { text: string; url: string };

/** Splits a text into plain parts and links. */
export function pieces(text: string): Piece[] {
  const list: Piece[] = [];
  let from = 0;
  for (const match of text.matchAll(address)) {
    const found = trim(match[0]);
    const url = safe(found);
    if (!url) continue;
    if (match.index > from) list.push(text.slice(from, match.index));
    list.push({ text: found, url });
    from = match.index + found.length;
  }
  if (from < text.length) list.push(text.slice(from));
  return list;
}

/** Punctuation after an address belongs to the sentence, unless it closes a bracket of the address. */
function trim(found: string): string {
  let text = found;
  while (trailing.test(text)) {
    const last = text.at(-1);
    if (last === ')' && text.split('(').length > text.split(')').length - 1) break;
    text = text.slice(0, -1);
  }
  return text;
}

function safe(text: string): string | null {
  try {
    const url = new URL(/^www\./i.test(text) ? `https://${text}` : text);
    return (url.protocol === 'http:' || url.protocol === 'https:') && !url.username && !url.password ? url.href : null;
  } catch {
    return null;
  }
}

/** Draws a text. Links of this site open here, so that the chat goes along; others in a tab of their own. */
export function draw(text: string): Node[] {
  return pieces(text).map((piece) => {
    if (typeof piece === 'string') return document.createTextNode(piece);
    const here = new URL(piece.url).origin === location.origin;
    return h(
      'a',
      { href: piece.url, rel: 'noopener noreferrer nofollow', target: here ? undefined : '_blank' },
      piece.text,
    );
  });
}
