// A visitor's tag: a colour and, for those who share a name, two characters
// drawn from the visitor's id, so that two people are never taken for each
// other and the same person looks the same tomorrow. Ids are random base32, so
// their characters are evenly spread.

const alphabet = 'abcdefghijklmnopqrstuvwxyz234567';
const hues = 12; // as many as there are .hue-N in tokens.css

export interface Tag {
  letters: string;
  hue: string; // class name
}

/** Returns the tag of a visitor's id. */
export function tagOf(visitor: string): Tag {
  const digit = (i: number) => Math.max(0, alphabet.indexOf(visitor[i] ?? 'a'));
  return { letters: visitor.slice(0, 2).toUpperCase(), hue: `hue-${(digit(2) * 32 + digit(3)) % hues}` };
}

/** Returns the initials of a name, of its first and last word; "" where it has no letter or digit. */
export function initialsOf(name: string): string {
  const [first = '', ...others] = name.split(/\s+/).flatMap((word) => word.match(/[\p{L}\p{N}]/u) ?? []);
  return (first + (others.at(-1) ?? '')).toLocaleUpperCase();
}
