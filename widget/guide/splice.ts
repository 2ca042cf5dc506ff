// Two people in one text: what each changed since both had the same is one
// splice, and two splices that do not overlap make one text. Shared by the
// visitor's page, where values are decided, and the agent's editor.

/** `from` to `to` of a text gave way to `text`; in UTF-16 units. */
export interface Splice {
  from: number;
  to: number;
  text: string;
}

/** What changed from one text to another, without what is alike at both ends. */
export function difference(was: string, is: string): Splice {
  const most = Math.min(was.length, is.length);
  let from = 0;
  while (from < most && was[from] === is[from]) from++;
  let end = 0;
  while (end < most - from && was[was.length - 1 - end] === is[is.length - 1 - end]) end++;
  return { from, to: was.length - end, text: is.slice(from, is.length - end) };
}

/**
 * The text with both changes; null if they overlap. Where both put in text at one place, what is the visitor's comes
 * first: at both ends, so that both have the same.
 */
export function merged(base: string, agents: string, visitors: string): string | null {
  if (agents === visitors || base === agents) return visitors;
  if (base === visitors) return agents;
  const a = difference(base, agents);
  const v = difference(base, visitors);
  if (v.to <= a.from) return put(agents, v);
  if (a.to <= v.from) return put(visitors, a);
  return null;
}

/** Where a place in a text is after a change of it; what was in the part that gave way goes behind what came. */
export function moved(place: number, { from, to, text }: Splice): number {
  if (place <= from) return place;
  return place < to ? from + text.length : place + text.length - (to - from);
}

function put(to: string, splice: Splice): string {
  return to.slice(0, splice.from) + splice.text + to.slice(splice.to);
}

/** Names a text, in a few characters (FNV-1a over its UTF-16 units). It tells versions of a value apart; it hides nothing. */
export function sum(text: string): string {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return `${text.length.toString(36)}.${(hash >>> 0).toString(36)}`;
}
