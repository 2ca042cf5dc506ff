// Where a recording is drawn: a mirror, and over it what agents pointed at and
// drew then.

import { Hands } from '../guide/hands.ts';
import { Ink } from '../guide/ink.ts';
import { Layer } from '../guide/layer.ts';
import { readHand } from '../guide/record.ts';
import type { Draw } from '../wire/payload.ts';
import type { Mirror } from './edge.ts';
import type { Screen } from './player.ts';

const fades = 8_000; // ms that a drawing is seen which does not stay

/** What there is to tell of the page at a moment. */
export type Shown = 'live' | 'frozen' | 'stopped';

/** Opens the screen; host lies over the mirror, and onPage hears that something is on it, and how it was. */
export function openScreen(
  mirror: Mirror,
  host: HTMLElement,
  onPage: (shown?: Shown) => void,
): Screen & { close(): void } {
  const layer = new Layer(host);
  const ink = new Ink(layer);
  const hands = new Hands(layer);
  return {
    async apply(message) {
      await mirror.apply(message);
      onPage();
    },
    pointer: (record) => mirror.pointer(record),
    hand(record) {
      const hand = readHand(record);
      hands.point(hand, hand.node ? mirror.anchor(hand.node) : null);
    },
    draw(payload, age) {
      const draw = parsed<Draw>(payload);
      if (!draw || !Array.isArray(draw.points ?? []) || (!draw.stay && age > fades)) return;
      if (draw.shape === 'clear') ink.clear();
      hands.drew(draw.colour ?? 0);
      const anchor = mirror.anchor(draw.node ?? 0);
      if (anchor) ink.draw(draw, anchor);
    },
    state(json) {
      const was = parsed<{ on?: boolean; frozen?: boolean }>(json);
      onPage(!was?.on ? 'stopped' : was.frozen ? 'frozen' : 'live');
    },
    clear() {
      ink.clear();
      hands.clear();
    },
    close: () => layer.close(),
  };
}

/** What a record holds; null if it cannot be read. */
function parsed<T>(payload: Uint8Array): T | null {
  try {
    return JSON.parse(new TextDecoder().decode(payload)) as T;
  } catch {
    return null;
  }
}
