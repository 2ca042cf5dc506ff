// What lies on the visitor's page besides itself: drawings, the agent's own
// among them, and the hands of colleagues.

import type { Signal } from '@preact/signals';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import { Hands } from '../guide/hands.ts';
import { Ink } from '../guide/ink.ts';
import { Layer } from '../guide/layer.ts';
import { readHand } from '../guide/record.ts';
import type { Draw, Session } from '../wire/payload.ts';
import type { Mirror } from './edge.ts';
import { useStore } from './ui.tsx';

const waitingMost = 32; // drawings whose element is not there yet
const waitingFor = 10_000; // ms
const seenMost = 64;

interface Props {
  session: Session;
  mirror: Mirror;
  moves: Signal<number>;
}

export function Overlay({ session, mirror, moves }: Props) {
  const store = useStore();
  const host = useRef<HTMLDivElement>(null);
  const ink = useRef<Ink | null>(null);
  const hands = useRef<Hands | null>(null);
  const show = useRef<((drawing: Draw) => void) | null>(null);
  const seen = useRef<readonly string[]>([]); // drawings, the newest first
  const drawnOn = useRef<string | undefined>(undefined); // the visitor's tab
  const waiting = useRef<{ draw: Draw; at: number }[]>([]);
  const { id } = session;
  const mine = store.isMine(session);
  const alias = store.me.value?.alias;
  const tab = store.mirrors.value.get(id)?.tab;
  const [draws, points] = [session.granted?.includes('draw'), session.granted?.includes('point')];

  // Before the node can have answered: what has been drawn already comes with the page.
  useLayoutEffect(() => {
    if (!host.current) return;
    const layer = new Layer(host.current);
    const drawings = new Ink(layer);
    const others = new Hands(layer);
    [ink.current, hands.current] = [drawings, others];
    show.current = (drawing: Draw): void => {
      if (drawing.shape === 'clear') {
        drawings.clear();
        waiting.current = [];
        return;
      }
      const anchor = mirror.anchor(drawing.node ?? 0);
      others.drew(drawing.colour ?? 0);
      if (anchor) drawings.draw(drawing, anchor);
      else waiting.current = [...waiting.current.slice(1 - waitingMost), { draw: drawing, at: performance.now() }];
    };
    store.drawings.lay(id, {
      draw(drawing) {
        if (seen.current.includes(drawing.id)) return; // the agent's own, back from an edge that passes all on
        seen.current = [drawing.id, ...seen.current].slice(0, seenMost);
        show.current?.(drawing);
      },
      remove(drawing) {
        seen.current = seen.current.filter((other) => other !== drawing);
        drawings.remove(drawing);
      },
    });
    store.hands.set(id, (record) => {
      const hand = readHand(record);
      const own = mine ? hand.colour === 0 : hand.name === alias; // an edge that passes hands on does not know whose
      if (!own) others.point(hand, hand.node ? mirror.anchor(hand.node) : null);
    });
    return () => {
      store.drawings.lift(id);
      store.hands.delete(id);
      layer.close();
    };
  }, [id, mirror, mine, alias]);

  useEffect(() => {
    if (!draws) ink.current?.clear();
    if (!draws && !points) hands.current?.clear();
  }, [draws, points]);
  useEffect(() => {
    if (drawnOn.current && drawnOn.current !== tab) {
      ink.current?.clear(); // another page: its nodes have the numbers of other elements
      waiting.current = [];
    }
    drawnOn.current = tab ?? drawnOn.current;
  }, [tab]);
  useEffect(
    () =>
      moves.subscribe(() => {
        const now = performance.now();
        const late = waiting.current;
        if (late.length === 0) return;
        waiting.current = [];
        for (const one of late) {
          if (mirror.anchor(one.draw.node ?? 0)) show.current?.(one.draw);
          else if (now - one.at < waitingFor) waiting.current.push(one);
        }
      }),
    [id, mirror, moves],
  );
  return <div class="overlay" ref={host} />;
}
