// Where an agent points, as it crosses the wire (PROTOCOL.md, Guiding).

/** What a hand holds. */
export const Held = { nothing: 0, button: 1, pen: 2, arrow: 3, box: 4 } as const;
export type Held = (typeof Held)[keyof typeof Held];

/** A hand as the edge passes it on. x and y are parts of the node's box. */
export interface HandAt {
  colour: number;
  name: string;
  node: number; // 0: the hand is taken away
  x: number;
  y: number;
  held: Held;
}

/** Writes a record; x and y are ten-thousandths of the node's box. */
export function writeHand(node: number, x: number, y: number, held: Held): Uint8Array {
  const bytes: number[] = [];
  for (let n of [node, x, y, held]) {
    for (; n > 0x7f; n = Math.floor(n / 0x80)) bytes.push((n & 0x7f) | 0x80);
    bytes.push(n);
  }
  return new Uint8Array(bytes);
}

/** Reads a colour, the length of a name, the name, and a record. What is not there is nothing. */
export function readHand(bytes: Uint8Array): HandAt {
  const [colour = 0, length = 0] = bytes;
  const name = new TextDecoder().decode(bytes.subarray(2, 2 + length));
  const [node = 0, x = 0, y = 0, held = 0] = numbers(bytes.subarray(2 + length));
  const known = Object.values(Held).find((one) => one === held) ?? Held.nothing;
  return { colour: colour & 7, name, node, x: x / 10_000, y: y / 10_000, held: known };
}

/** Whether a hand is taken away, as the edge passes it on. */
export const isAway = (bytes: Uint8Array): boolean => !bytes[2 + (bytes[1] ?? 0)];

/** Reads unsigned varints (LEB128) until the bytes end. */
function numbers(bytes: Uint8Array): number[] {
  const list: number[] = [];
  let value = 0;
  let shift = 1;
  for (const byte of bytes) {
    value += (byte & 0x7f) * shift;
    shift *= 0x80;
    if (byte & 0x80) continue;
    list.push(value);
    value = 0;
    shift = 1;
  }
  return list;
}
