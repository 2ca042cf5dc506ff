// What a mask lets through of names and of CSS text; the edge does the same (dom/mask, whose vectors the tests share).

/** What a name is not: a number as people and orders have them, an address, what is too long, or not ASCII. */
const record = /\d{4}(?:[^a-z]|$)|[^!-~]|@|url\((?:["']?[^"'#]|["']?$)|.{65}/i;
const colour = /^#[\da-f]{3,8}$/i;

/** Those words of a value that are names. */
export function words(value: string): string {
  const all = value.split(/\s+/);
  const kept = all.filter((w) => !record.test(w) || colour.test(w));
  return kept.length === all.length ? value : kept.join(' ').trim();
}

const quoted = String.raw`"(?:[^"\\\n\r\f]|\\[^]?)*"?|'(?:[^'\\\n\r\f]|\\[^]?)*'?`;
/** Comments, addresses, strings, which end with their line, what ends a declaration; words, functions and properties. */
const token = new RegExp(
  String.raw`\/\*[^]*?(?:\*\/|$)|url\(\s*(?:${quoted})?(?:[^)\\]|\\[^]?)*(?:\)|$)|${quoted}|[;{}]|[.#]?(?:[-\w]|[^\0-\x7f]|\\[^]?)+(?:\(|\s*:)?`,
  'gi',
);
const symbol = /^(?:[^\p{L}\p{N}]|\\[ef2][\da-f]{3})?$/iu;

/** CSS text without what it could write: strings (but for symbols and names of fonts and areas), addresses, and words in custom properties. */
export function maskCss(css: string): string {
  let property = '';
  return css.replace(token, (t: string, at: number) => {
    const c = t[0] as string;
    const custom = property.startsWith('--');
    if (c === '/') return ' ';
    if (/^[;{}]/.test(c)) property = '';
    else if (/["']/.test(c)) {
      const inner = t.slice(1, -1);
      const quiet = !custom && (css[at - 1] === '=' || /^(?:font|grid|src)/i.test(property)) && words(inner) === inner;
      return t.length > 1 && t.endsWith(c) && (quiet || symbol.test(inner)) ? t : '""';
    } else if (/^url\(/i.test(t)) return custom ? '' : /^url\(\s*["']?#[-\w]+["']?\s*\)$/i.test(t) ? t : 'none';
    else if (t.endsWith(':')) property = t;
    else if (custom && !/\($|^(?:--.*|-?\d{1,5}[a-z]{0,4}|\.\d+[a-z]*|#[\da-f]{3,8})$/i.test(t)) return '';
    return t;
  });
}
