// Media queries at the visitor's. The mirror has the visitor's viewport, so that
// widths and heights answer by themselves; a question about the visitor's system,
// screen or pointer gives way to one that is always or never true.

/** What the visitor's browser is asked: bit i of `answers` belongs to the question at place i. New ones come last. */
export const questions = {
  dark: '(prefers-color-scheme:dark)',
  still: '(prefers-reduced-motion:reduce)',
  more: '(prefers-contrast:more),(prefers-contrast:custom)',
  hover: '(hover)',
  fine: '(pointer:fine)',
  coarse: '(pointer:coarse)',
  anyHover: '(any-hover)',
  anyFine: '(any-pointer:fine)',
  anyCoarse: '(any-pointer:coarse)',
  less: '(prefers-contrast:less),(prefers-contrast:custom)',
  opaque: '(prefers-reduced-transparency:reduce)',
  forced: '(forced-colors:active)',
  inverted: '(inverted-colors:inverted)',
  p3: '(color-gamut:p3)',
  rec2020: '(color-gamut:rec2020)',
  high: '(dynamic-range:high)',
  standalone: '(display-mode:standalone)',
} as const;
const names = Object.keys(questions) as (keyof typeof questions)[];

/** Whether the values of a feature are true, by features. */
type Answers = Record<string, Record<string, boolean>>;

function answersTo(bits: number): Answers {
  const scripting = { none: false, 'initial-only': false, enabled: true }; // or nothing would be captured
  if (bits < 0) return { scripting };
  const is = Object.fromEntries(names.map((name, i) => [name, ((bits >> i) & 1) === 1])) as Record<
    keyof typeof questions,
    boolean
  >;
  return {
    scripting,
    'prefers-color-scheme': { light: !is.dark, dark: is.dark },
    'prefers-reduced-motion': { 'no-preference': !is.still, reduce: is.still },
    'prefers-reduced-transparency': { 'no-preference': !is.opaque, reduce: is.opaque },
    'prefers-contrast': {
      'no-preference': !is.more && !is.less,
      more: is.more && !is.less,
      less: is.less && !is.more,
      custom: is.more && is.less,
    },
    'forced-colors': { none: !is.forced, active: is.forced },
    'inverted-colors': { none: !is.inverted, inverted: is.inverted },
    hover: { none: !is.hover, hover: is.hover },
    'any-hover': { none: !is.anyHover, hover: is.anyHover },
    pointer: { none: !is.fine && !is.coarse, coarse: is.coarse, fine: is.fine },
    'any-pointer': { none: !is.anyFine && !is.anyCoarse, coarse: is.anyCoarse, fine: is.anyFine },
    'color-gamut': { srgb: true, p3: is.p3, rec2020: is.rec2020 },
    'dynamic-range': { standard: true, high: is.high },
    'display-mode': { browser: !is.standalone, standalone: is.standalone },
  };
}

const yes = '(min-width:0)';
const no = '(max-width:0)'; // nothing that is seen is in a viewport that small
const neutral = new Set(['none', 'no-preference']); // do not count where a feature stands without a value

const feature = /\(\s*([-a-z]+)\s*(?::\s*([-.\w]+)\s*)?\)/gi;
const range = /\(\s*(?:([.\w]+)\s*([<>]=?|=)\s*)?resolution\s*(?:([<>]=?|=)\s*([.\w]+)\s*)?\)/gi;
const ofRatio = /^(min-|max-)?(?:resolution|-moz-device-pixel-ratio)$|^-webkit-(min-|max-)?device-pixel-ratio$/;
const perPixel: Record<string, number> = { x: 1, dppx: 1, dpi: 96, dpcm: 96 / 2.54 };

export class Media {
  #bits = -1; // not known
  #ratio = 0; // device pixels in a CSS pixel; 0: not known
  #answers = answersTo(-1);

  /** Takes the visitor's answers and device pixel ratio (hundredths). Returns whether anything is new. */
  update(bits: number, ratio: number): boolean {
    if (bits === this.#bits && ratio / 100 === this.#ratio) return false;
    this.#bits = bits;
    this.#ratio = ratio / 100;
    this.#answers = answersTo(bits);
    return true;
  }

  /** A colour scheme, of CSS or of a meta element, as the visitor gets it. */
  scheme(value: string): string {
    if (this.#bits < 0 || !/\blight\b/i.test(value) || !/\bdark\b/i.test(value)) return value;
    return this.#bits & 1 ? 'dark' : 'light';
  }

  /** Media queries, or anything with their conditions in it, answered as at the visitor's. */
  query(text: string): string {
    return text
      .replace(feature, (whole, name: string, value?: string) =>
        replaced(whole, this.#answer(name.toLowerCase(), value?.toLowerCase())),
      )
      .replace(range, (whole, low?: string, left?: string, right?: string, high?: string) => {
        const above = left && low ? this.#compare(low, left) : true;
        const below = right && high ? this.#compare(high, turned(right)) : true;
        return replaced(whole, above === undefined ? above : below && above);
      })
      .replace(/([-(\s])device-(?=width|height|aspect-ratio)/gi, '$1'); // the agent's screen says nothing
  }

  #answer(name: string, value: string | undefined): boolean | undefined {
    const ratio = ofRatio.exec(name);
    if (ratio) {
      const bound = ratio[1] ?? ratio[2];
      const how = bound === 'min-' ? '<=' : bound === 'max-' ? '>=' : '=';
      return value === undefined || this.#compare(name.includes('pixel') ? `${value}x` : value, how);
    }
    const values = this.#answers[name];
    if (!values || value !== undefined) return values?.[value as string];
    return Object.keys(values).some((v) => values[v] && !neutral.has(v));
  }

  /** Whether a resolution stands in a relation to the visitor's; undefined if that is not known. */
  #compare(resolution: string, how: string): boolean | undefined {
    const [, digits, unit = ''] = /^(\d*\.?\d+)([a-z]+)$/.exec(resolution.toLowerCase()) ?? [];
    const per = perPixel[unit];
    if (!this.#ratio || !per) return undefined;
    const wanted = Number(digits) / per;
    if (Math.abs(wanted - this.#ratio) < 0.006) return how.includes('='); // it came in hundredths
    return how[0] === '=' ? false : (how[0] === '<') === wanted < this.#ratio;
  }
}

const turned = (how: string): string => how.replace(/[<>]/, (c) => (c === '<' ? '>' : '<'));

const replaced = (whole: string, answer: boolean | undefined): string =>
  answer === undefined ? whole : answer ? yes : no;
