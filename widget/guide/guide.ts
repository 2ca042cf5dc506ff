// What an agent does on the visitor's page: points, lights up, scrolls to,
// fills in and clicks, as far as the visitor lets them. Loaded when the first
// level is granted.

import type { Act, Level } from '../wire/payload.ts';
import { click, fill } from './fields.ts';
import { Spotlight } from './spotlight.ts';

/** What Guide needs of the page's capture: the element with an id that is there and not masked. */
export type Find = (id: number) => Element | null;

/** What each deed needs. */
const needs: Record<Act['do'], Level> = { point: 'point', scroll: 'scroll', fill: 'fill', click: 'click' };

export class Guide {
  readonly #spotlight: Spotlight;
  readonly #find: Find;
  readonly #may: (level: Level) => boolean;

  /** frame holds what is drawn; may says what the visitor lets the agent do now. */
  constructor(frame: HTMLElement, find: Find, may: (level: Level) => boolean) {
    this.#spotlight = new Spotlight(frame);
    this.#find = find;
    this.#may = may;
  }

  /** Does what an agent asks for; returns why not, "" if it was done. */
  act({ do: deed, node, text = '', by = '' }: Act): '' | 'gone' | 'refused' {
    if (!(deed in needs) || !this.#may(needs[deed])) return 'refused';
    const el = this.#find(node);
    if (!el) return 'gone';
    if (deed === 'fill' && !fill(el, text)) return 'refused';
    if (deed === 'scroll' || (deed === 'point' && this.#may('scroll'))) this.#spotlight.bring(el);
    this.#spotlight.light(el, by);
    return deed === 'click' && !click(el) ? 'refused' : '';
  }

  /** Shows where an agent points: one byte of colour, one of length, the agent's name, a hand record (PROTOCOL.md, Guiding). */
  hand(bytes: Uint8Array): void {
    if (!this.#may('point')) return;
    const length = bytes[1] ?? 0;
    const name = new TextDecoder().decode(bytes.subarray(2, 2 + length));
    const [node, x, y, pressed] = numbers(bytes.subarray(2 + length));
    const el = node ? this.#find(node) : null;
    if (el) this.#spotlight.point(el, (x ?? 0) / 10_000, (y ?? 0) / 10_000, pressed === 1, name);
    else this.#spotlight.away();
  }

  /** Takes away all that is drawn. */
  clear(): void {
    this.#spotlight.clear();
  }
}

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
