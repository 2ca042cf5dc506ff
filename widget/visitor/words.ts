// The words of a page's text, by number instead of by letter (dom/FORMAT.md, "Words"). Text is held as bytes, a
// character each, so that what is UTF-8 needs no decoding.

const short = 240; // words whose code is one byte
const most = short + 16 * 256; // words that have a code
const [shortest, longest] = [2, 64]; // bytes of a word that is counted
const counted = 16_384; // different words that are counted
const untold = 2; // how often a word comes before it has a code untold
const worth = 8; // bytes that a word has to spare before it is told

const verbatim = 2; // in an outline: the bytes from here to the next one stand for themselves
const otherCase = 3; // the next word begins with the other case
const firstWords = 128; // one word; with a higher one so many more
const firstFigures = 192; // one figure; the same
const mostWords = 64; // of one byte
const mostFigures = 32;

const turn = 4; // ms

/** Addresses as far as their last slash, and words. */
const pattern = /https?:\/\/[^\0- "'()<>?#]*\/|[\w\x80-\xff]+/g;

/** Work in turns that the page does not feel. */
export class Turns {
  private until = performance.now() + turn;
  private count = 0;

  /** `pause` ends the task. */
  constructor(private readonly pause: () => Promise<void>) {}

  /** Whether it is time for `next`; to be asked often. */
  get over(): boolean {
    return (++this.count & 63) === 0 && performance.now() > this.until;
  }

  /** Goes on in another task. */
  async next(): Promise<void> {
    await this.pause();
    this.until = performance.now() + turn;
  }
}

/** How often words come, in the order in which they came first. */
export type Counts = Map<string, number>;

/** Bytes as a text of as many characters. */
export function characters(bytes: Uint8Array): string {
  let text = '';
  for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  return text;
}

/** And back. */
export function bytesOf(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

const isUpper = (word: string): boolean => word < '[' && word >= 'A';
const isLower = (word: string): boolean => word < '{' && word >= 'a';
const uncapital = (word: string): string =>
  isUpper(word) ? String.fromCharCode(word.charCodeAt(0) + 32) + word.slice(1) : word;

/** Counts the words of a text. */
export async function count(text: string, counts: Counts, turns: Turns): Promise<void> {
  for (const [match] of text.matchAll(pattern)) {
    if (turns.over) await turns.next();
    if (match.length < shortest || match.length > longest) continue;
    const word = uncapital(match);
    const n = counts.get(word);
    if (n || counts.size < counted) counts.set(word, (n ?? 0) + 1);
  }
}

/** The words that come most, the most frequent first. */
function frequent(counts: Counts, worthIt: (word: string, n: number) => boolean): string[] {
  const often = [...counts].filter(([word, n]) => worthIt(word, n)).sort((a, b) => b[1] - a[1]);
  return often.slice(0, most).map(([word]) => word);
}

/** A text by its words: those that it tells, its outline, codes of words, and figures. */
export interface Outlined {
  told: Uint8Array;
  outline: Uint8Array;
  codes: Uint8Array;
  figures: Uint8Array;
}

/** A text by its words, some of which both ends know. */
export async function outlined(text: string, known: Counts, turns: Turns): Promise<Outlined> {
  const own: Counts = new Map();
  await count(text, own, turns);
  const common = frequent(known, (_, n) => n >= untold);
  const had = new Set(common);
  const told = frequent(own, (word, n) => !had.has(word) && (n - 1) * (word.length - 1) > worth);
  const words = new Map([...told, ...common].slice(0, most).map((word, i) => [word, i]));
  const pen = new Pen(text);
  for (const { 0: match, index } of text.matchAll(pattern)) {
    if (turns.over) await turns.next();
    const word = uncapital(match);
    const code = words.get(word);
    if (code !== undefined) pen.word(word, code, index, isUpper(match));
  }
  pen.literal(text.length);
  return {
    told: bytesOf(told.join(' ')),
    outline: Uint8Array.from(pen.outline),
    codes: Uint8Array.from(pen.codes),
    figures: Uint8Array.from(pen.figures),
  };
}

/** Writes a text as outline, codes and figures. */
class Pen {
  readonly outline: number[] = [];
  readonly codes: number[] = [];
  readonly figures: number[] = [];
  private done = 0; // characters of the text
  private verbatim = false;
  private spaced = false; // a word was the last, behind which a space goes without saying
  private run = false; // the outline's last byte is of words that can be more

  constructor(private readonly text: string) {}

  /** What comes up to a place, as it is. */
  literal(to: number): void {
    const { text, outline } = this;
    for (; this.done < to; this.done++) {
      const c = text.charCodeAt(this.done);
      this.run = false;
      if (c === verbatim) {
        this.close();
        outline.push(verbatim, verbatim);
      } else if (this.verbatim) outline.push(c);
      else if (c === otherCase || c >= firstWords) {
        this.verbatim = true;
        outline.push(verbatim, c);
      } else if (c >= 48 && c < 58) this.figure(c);
      else outline.push(c);
    }
  }

  private figure(c: number): void {
    const { outline, figures, done, text } = this;
    const last = outline.length - 1;
    figures.push(c);
    const before = text.charCodeAt(done - 1);
    const more = before >= 48 && before < 58 && (outline[last] as number) >= firstFigures;
    if (more && (outline[last] as number) < firstFigures + mostFigures - 1) (outline[last] as number)++;
    else outline.push(firstFigures);
  }

  private close(): void {
    if (this.verbatim) this.outline.push(verbatim);
    this.verbatim = false;
  }

  /** A word of the text at a place. */
  word(word: string, code: number, at: number, upper: boolean): void {
    const { text, outline, codes } = this;
    if (this.spaced && at === this.done + 1 && text[this.done] === ' ') this.done++;
    else this.literal(at);
    this.close();
    const begins = at === 0 || text[at - 1] === '\0';
    const address = word.endsWith('/');
    if (isLower(word) && !address && begins !== upper) {
      outline.push(otherCase);
      this.run = false;
    }
    const last = outline.length - 1;
    if (this.run && (outline[last] as number) < firstWords + mostWords - 1) (outline[last] as number)++;
    else outline.push(firstWords);
    this.run = true;
    if (code < short) codes.push(code);
    else codes.push(short + ((code - short) >> 8), (code - short) & 255);
    this.done = at + word.length;
    this.spaced = !address;
  }
}
