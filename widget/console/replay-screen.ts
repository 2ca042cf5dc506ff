// Where a recording is drawn: a mirror, and over it what agents pointed at and
// drew then.

import { Hands } from '../guide/hands.ts';
import { Ink } from '../guide/ink.ts';
import { Layer } from '../guide/layer.ts';
import { readHand } from '../guide/record.ts';
import type { Draw } from '../wire/payload.ts';
import type { Mirror } from './edge.ts';
import type { Screen } from './player.ts';

/** Opens the screen; host lies over the mirror, and onPage hears that something is on it. */
export function openScreen(mirror: Mirror, host: HTMLElement, onPage: () => void): Screen & { close(): void } {
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
    draw(payload) {
      const draw = parsed(payload);
      if (!draw) return;
      if (draw.shape === 'clear') ink.clear();
      hands.drew(draw.colour ?? 0);
      const anchor = mirror.anchor(draw.node ?? 0);
      if (anchor) ink.draw(draw, anchor);
    },
    clear() {
      ink.clear();
      hands.clear();
    },
    close: () => layer.close(),
  };
}

function parsed(payload: Uint8Array): Draw | null {
  try {
    return JSON.parse(new TextDecoder().decode(payload)) as Draw; // the node checked it when it came
  } catch {
    return null;
  }
}
