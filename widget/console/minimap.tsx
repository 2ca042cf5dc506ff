// A map of the whole page at the mirror's edge: where the visitor is on it, and
// where the agent looks. Going somewhere on it ends following.

import type { Signal } from '@preact/signals';
import { useRef } from 'preact/hooks';
import type { Mirror } from './edge.ts';
import { useStore } from './ui.tsx';

const step = 0.15; // of what is seen at once, that an arrow key goes

interface Props {
  mirror: Mirror;
  moves: Signal<number>;
  name: string; // the visitor's
}

export function Minimap({ mirror, moves, name }: Props) {
  const store = useStore();
  const t = store.t.value;
  const track = useRef<HTMLDivElement>(null);
  const dragging = useRef(false);
  void moves.value; // drawn anew whenever the page has moved
  const overview = mirror.overview();
  if (!overview || overview.height <= overview.shown + 1) return null;
  const { height, shown, visitor, agent } = overview;
  const most = height - shown;
  const go = (top: number): void => {
    store.follows.value = false;
    mirror.scrollTo(Math.min(most, Math.max(0, top)));
  };
  const to = (event: PointerEvent): void => {
    const box = track.current?.getBoundingClientRect();
    if (box) go(((event.clientY - box.top) / box.height) * height - shown / 2);
  };
  const keys: Record<string, number> = {
    ArrowUp: agent - step * shown,
    ArrowDown: agent + step * shown,
    PageUp: agent - 0.9 * shown,
    PageDown: agent + 0.9 * shown,
    Home: 0,
    End: most,
  };
  const place = (top: number) => ({ top: `${(100 * top) / height}%`, height: `${(100 * shown) / height}%` });
  const percent = (top: number): number => Math.round((100 * top) / most);
  return (
    <div
      class="minimap"
      ref={track}
      role="slider"
      tabIndex={0}
      aria-label={t('map.label')}
      aria-orientation="vertical"
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={percent(agent)}
      aria-valuetext={t('map.at', { name, visitor: percent(visitor), agent: percent(agent) })}
      title={t('map.label')}
      onPointerDown={(event) => {
        dragging.current = true;
        event.currentTarget.setPointerCapture(event.pointerId);
        to(event);
      }}
      onPointerMove={(event) => {
        if (dragging.current) to(event);
      }}
      onPointerUp={() => {
        dragging.current = false;
      }}
      onPointerCancel={() => {
        dragging.current = false;
      }}
      onKeyDown={(event) => {
        const top = keys[event.key];
        if (top === undefined) return;
        event.preventDefault();
        go(top);
      }}
    >
      <span class="minimap-visitor" style={place(visitor)} />
      {!store.follows.value && <span class="minimap-agent" style={place(agent)} />}
    </div>
  );
}
