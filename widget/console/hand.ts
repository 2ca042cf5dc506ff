// The agent's hand: tells where it points at most once a frame, the first move
// at once.

import { useEffect, useRef } from 'preact/hooks';
import { Held, writeHand } from '../guide/record.ts';
import type { Spot } from './edge.ts';
import type { Store } from './store.ts';

export interface Hand {
  point(spot: Spot | null, held: Held): void;
  away(): void;
}

export function useHand(store: Store, session: string): Hand {
  const frame = useRef(0); // animation frame before which nothing more is sent; 0: none
  const next = useRef<Uint8Array | null>(null); // what waits for it
  const hand = useRef<Hand | null>(null);
  hand.current ??= {
    point(spot, held) {
      send(writeHand(spot?.node ?? 0, spot?.x ?? 0, spot?.y ?? 0, held));
    },
    away: () => send(writeHand(0, 0, 0, Held.nothing)),
  };
  const send = (record: Uint8Array): void => {
    if (frame.current) {
      next.current = record;
      return;
    }
    store.hand(session, record);
    frame.current = requestAnimationFrame(() => {
      frame.current = 0;
      const late = next.current;
      next.current = null;
      if (late) send(late);
    });
  };
  useEffect(
    () => () => {
      cancelAnimationFrame(frame.current);
      store.hand(session, writeHand(0, 0, 0, Held.nothing));
    },
    [session],
  );
  return hand.current;
}
