// A recording as the node answers it (edge/record/FORMAT.md): where in it what
// time is, and what happened then.

import { Inflate } from 'fflate';

export interface RecordingIndex {
  segments: {
    id: string;
    groups: { at: number; from: number; to: number }[] | null;
    active: [number, number][] | null;
  }[];
  missing?: number; // pieces that no node can give now
}

/** What a record is. */
export const Kind = { page: 1, pointer: 2, hand: 3, draw: 4, state: 5 } as const;

export interface Moment {
  at: number; // ms since 1970
  kind: number;
  payload: Uint8Array;
}

/** A piece of the recording that can be read for itself: it begins with the whole page. */
export interface Group {
  segment: string;
  at: number; // ms since 1970
  from: number;
  to: number; // offsets in the segment
}

/** Reads the records of a group that began at a time. Throws a RangeError if they cannot be read. */
export function moments(at: number, body: Uint8Array): Moment[] {
  const bytes = inflated(body);
  const list: Moment[] = [];
  let i = 0;
  const number = (): number => {
    let value = 0;
    for (let scale = 1; scale < 2 ** 35; scale *= 0x80) {
      const byte = bytes[i++];
      if (byte === undefined) break;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
    throw new RangeError('recording: a number is cut off');
  };
  while (i < bytes.length) {
    at += number();
    const kind = number();
    const length = number();
    if (length > bytes.length - i) throw new RangeError('recording: a record is cut off');
    list.push({ at, kind, payload: bytes.subarray(i, i + length) });
    i += length;
  }
  return list;
}

const most = 64 << 20; // bytes of a group's records (edge/record, MaxGroup)
const slice = 16 << 10; // bytes that are inflated at a time: what is too much is noticed soon

function inflated(body: Uint8Array): Uint8Array {
  const parts: Uint8Array[] = [];
  let size = 0;
  const stream = new Inflate((part) => {
    parts.push(part);
    size += part.length;
  });
  try {
    for (let at = 0; at < body.length && size <= most; at += slice) {
      stream.push(body.subarray(at, at + slice), at + slice >= body.length);
    }
  } catch (error) {
    throw new RangeError(`recording: ${(error as Error).message}`);
  }
  if (size > most) throw new RangeError('recording: a group over the limit');
  const whole = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** When what happened, in all segments. */
export class Timeline {
  readonly groups: readonly Group[];
  readonly active: readonly (readonly [number, number])[];
  readonly missing: number;

  constructor({ segments, missing = 0 }: RecordingIndex) {
    this.missing = missing;
    this.groups = segments
      .flatMap(({ id, groups }) => (groups ?? []).map((group) => ({ segment: id, ...group })))
      .sort((a, b) => a.at - b.at);
    const active: [number, number][] = [];
    for (const [from, to] of segments.flatMap((segment) => segment.active ?? []).sort((a, b) => a[0] - b[0])) {
      const last = active.at(-1);
      if (last && from <= last[1]) last[1] = Math.max(last[1], to);
      else active.push([from, to]);
    }
    this.active = active;
  }

  /** ms since 1970; 0 without a recording. */
  get start(): number {
    return this.groups[0]?.at ?? 0;
  }

  get end(): number {
    return this.active.reduce((end, [, to]) => Math.max(end, to), this.start);
  }

  /** The group that a time is in: the last that begins before; the first, if none does. */
  groupAt(time: number): number {
    const after = this.groups.findIndex(({ at }) => at > time);
    return Math.max(0, after < 0 ? this.groups.length - 1 : after - 1);
  }

  /** The time itself while something happens, or when something happens next. */
  busyFrom(time: number): number {
    for (const [from, to] of this.active) {
      if (time <= to) return Math.max(time, from);
    }
    return this.end;
  }
}
