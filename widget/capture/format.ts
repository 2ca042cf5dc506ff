// Page format 2, as dom/FORMAT.md specifies it: the numbers that both ends share.

export const FORMAT = 2;

/** Bits of a message's first byte. */
export enum Head {
  snapshot = 1,
  partial = 2,
  span = 4,
  hash = 8,
  deflated = 16,
  short = 64,
  column = 128,
}

/** Operation codes: the low five bits of an operation's first byte. */
export enum Op {
  page = 1,
  viewport = 2,
  insert = 3,
  remove = 4,
  move = 5,
  text = 6,
  attr = 7,
  unset = 8,
  value = 9,
  state = 10,
  scroll = 11,
  focus = 12,
  hover = 13,
  sheet = 14,
  rule = 15,
  adopt = 16,
  freeze = 17,
  range = 18,
  animate = 19,
  image = 20,
  custom = 21,
  alike = 22,
  media = 23,
}

/** How a splice is written (upper three bits of text, attr and value): what is left out is implied. */
export enum Splice {
  at = 0,
  insert = 1,
  tail = 2,
  append = 3,
  set = 4,
}

/** How a rule changes (upper three bits of rule). */
export enum Rule {
  insert = 0,
  delete = 1,
  replace = 2,
  append = 3,
}

/** Kinds of node that are neither text nor element (upper bits of a node header whose low two are 3). */
export enum Special {
  end = 0,
  shadow = 1,
  existing = 2,
  document = 3,
  shadowManual = 4,
  quirksDocument = 5,
}

/** Bits of state. */
export enum State {
  checked = 1,
  selected = 2,
  indeterminate = 4,
  modal = 8,
  popover = 16,
  disabledSheet = 32,
  userInvalid = 64,
  undefined = 128,
  open = 256,
}

/** An animation's directions and fill modes, by their number; `paused` is its flag. */
export const Animated = {
  directions: ['normal', 'reverse', 'alternate', 'alternate-reverse'],
  fills: ['none', 'forwards', 'backwards', 'both'],
  paused: 16,
} as const;

/** The bit of page for quirks mode. */
export const QUIRKS = 1;

export const DOCUMENT = 1; // the id of the document node

/** Limits, as in dom/limits.go. Text in UTF-16 units, the rest in bytes. */
export const Limit = {
  message: (1 << 20) - 16, // a page frame's payload without the session id
  inline: 128 << 10, // longest string written at once; what is longer follows in splices
  text: 2 << 20, // longest text or attribute; the rest is cut off
  table: 16384, // strings in a message's table
  tabled: 250, // longest string in it, UTF-16 units
  nodes: 200_000,
  depth: 512,
} as const;

/** What a frame of another origin may have of that: nodes since its snapshot, and elements above one. */
export const FrameLimit = { nodes: 20_000, depth: 256 } as const;

/** The bullet that masked text is made of. */
export const BULLET = '\u2022';

const bullets = new RegExp(`^[${BULLET}\\s]*$`);

/**
 * Returns text as it may leave the page from a masked place: bullets that tell no more than a class of length
 * (1, 2, 4, 8 … 64), white space alone as it is. Masking twice changes nothing.
 */
export function maskText(text: string): string {
  if (bullets.test(text)) return text.slice(0, 128);
  let n = 1;
  while (n < text.length && n < 64) n *= 2;
  return run.slice(0, n + ((n - 1) >> 3));
}

const run = `${BULLET.repeat(8)} `.repeat(8); // may wrap

/** Returns a password as it may leave the page: a bullet a character, at most eight. */
export function maskPassword(value: string): string {
  return BULLET.repeat(Math.min(value.length, 8));
}
