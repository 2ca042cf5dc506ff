// The frame codec of relay/wire/PROTOCOL.md: kind, length, sequence, payload.
import { Kind, Limit } from './payload.ts';

export type Lane = 'control' | 'page' | 'cursor';
export interface Frame {
  kind: number;
  seq: number;
  payload: Uint8Array;
}

/** What is wrong with bytes or frames that came; code is one of the protocol's. */
export class WireFault extends Error {
  constructor(
    readonly code: 'malformed' | 'too_large' | 'protocol',
    text: string,
  ) {
    super(text);
  }
}

const known = new Set<number>(Object.values(Kind));

export function laneOf(kind: number): Lane {
  if (kind === Kind.PageDiff || kind === Kind.Attach) return 'page';
  return kind === Kind.Pointer || kind === Kind.Hand ? 'cursor' : 'control';
}

/** Whether frames of this kind go as a datagram at once and again on the stream a little later. */
export function isDoubled(kind: number): boolean {
  return kind === Kind.Say || kind === Kind.Message || kind === Kind.Typing;
}

function limitOf(kind: number): number {
  if (kind === Kind.Hello || kind === Kind.Attach) return Limit.hello;
  return Limit[laneOf(kind)];
}

function uvarintSize(n: number): number {
  let size = 1;
  for (; n >= 0x80; n /= 0x80) size++;
  return size;
}

function putUvarint(to: Uint8Array, at: number, n: number): number {
  for (; n >= 0x80; n = Math.floor(n / 0x80)) to[at++] = (n % 0x80) | 0x80;
  to[at++] = n;
  return at;
}

/** Returns the whole frame. Sequences are exact up to 2^53. */
export function encode(kind: number, seq: number, payload: Uint8Array): Uint8Array {
  const frame = new Uint8Array(1 + uvarintSize(payload.length) + uvarintSize(seq) + payload.length);
  frame[0] = kind;
  frame.set(payload, putUvarint(frame, putUvarint(frame, 1, payload.length), seq));
  return frame;
}

/** Reads a shortest-form uvarint; null if the bytes end within it. */
function uvarint(from: Uint8Array, at: number): { value: number; next: number } | null {
  let value = 0;
  for (let i = 0, scale = 1; at + i < from.length; i++, scale *= 0x80) {
    const byte = from[at + i] as number;
    if (i === 9 && byte > 1) throw new WireFault('malformed', 'A number in a frame header is over 64 bits.');
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) {
      if (i > 0 && byte === 0)
        throw new WireFault('malformed', 'A number in a frame header is not in its shortest form.');
      return { value, next: at + i + 1 };
    }
  }
  return null;
}

/** Takes the frame that begins at `at`; null if the bytes end within it. The payload shares their memory. */
export function split(from: Uint8Array, at: number): { frame: Frame; next: number } | null {
  const kind = from[at];
  if (kind === undefined) return null;
  if (!known.has(kind)) throw new WireFault('malformed', `Unknown frame kind 0x${kind.toString(16)}.`);
  const length = uvarint(from, at + 1);
  if (!length) return null;
  if (length.value > limitOf(kind))
    throw new WireFault('too_large', `A frame of ${length.value} bytes is over its limit.`);
  const seq = uvarint(from, length.next);
  if (!seq || from.length - seq.next < length.value) return null;
  const next = seq.next + length.value;
  return { frame: { kind, seq: seq.value, payload: from.subarray(seq.next, next) }, next };
}

/** Cuts a byte stream into frames. It holds at most one frame and what came with it. */
export class Splitter {
  #held = new Uint8Array(0);

  push(chunk: Uint8Array): Frame[] {
    let bytes = chunk;
    if (this.#held.length) {
      bytes = new Uint8Array(this.#held.length + chunk.length);
      bytes.set(this.#held);
      bytes.set(chunk, this.#held.length);
    }
    const frames: Frame[] = [];
    let at = 0;
    for (let found = split(bytes, at); found; found = split(bytes, at)) {
      frames.push(found.frame);
      at = found.next;
    }
    this.#held = bytes.slice(at);
    return frames;
  }

  /** Whether a frame has begun and not ended. */
  get inside(): boolean {
    return this.#held.length > 0;
  }
}

const letters = 'abcdefghijklmnopqrstuvwxyz234567';

/** The text form of an id: 26 characters of base32 for 16 bytes. */
export function idText(bytes: Uint8Array): string {
  let text = '';
  let bits = 0;
  let held = 0;
  for (const byte of bytes) {
    held = (held << 8) | byte;
    for (bits += 8; bits >= 5; bits -= 5) text += letters[(held >> (bits - 5)) & 31];
    held &= 31;
  }
  return bits ? text + letters[(held << (5 - bits)) & 31] : text;
}

/** The 16 bytes of an id. */
export function idBytes(text: string): Uint8Array {
  const bytes = new Uint8Array(16);
  let at = 0;
  let bits = 0;
  let held = 0;
  for (const letter of text) {
    const value = letters.indexOf(letter);
    if (value < 0 || text.length !== 26) throw new RangeError(`${text} is no id.`);
    held = ((held & 127) << 5) | value;
    bits += 5;
    if (bits >= 8 && at < 16) {
      bits -= 8;
      bytes[at++] = (held >> bits) & 255;
    }
  }
  return bytes;
}

/** A fresh random id. */
export function newId(): string {
  return idText(crypto.getRandomValues(new Uint8Array(16)));
}
