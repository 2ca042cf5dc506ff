// The bar between two panes: dragged, or moved by the arrow keys.

import { useRef } from 'preact/hooks';
import { clamp, type Pane, paneBounds } from './settings.ts';
import { useStore } from './ui.tsx';

interface Props {
  pane: Pane;
  label: string;
  /** The value now, when the agent has not chosen one. */
  measure: () => number;
  /** The value for a pointer here. */
  at: (event: PointerEvent) => number;
  /** 1: the arrow right or down makes the pane larger; -1: smaller. */
  grows: 1 | -1;
  horizontal?: boolean;
}

export function Splitter({ pane, label, measure, at, grows, horizontal }: Props) {
  const chosen = useStore().parts.settings.panes[pane];
  const dragging = useRef(false);
  const bounds = paneBounds[pane];
  const set = (value: number) => {
    chosen.value = Math.round(clamp(value, bounds));
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const [less, more] = horizontal ? ['ArrowUp', 'ArrowDown'] : ['ArrowLeft', 'ArrowRight'];
    const step = pane === 'mirror' ? 5 : 24;
    const way = event.key === more ? 1 : event.key === less ? -1 : 0;
    if (way === 0) return;
    event.preventDefault();
    set((chosen.value ?? measure()) + way * grows * step);
  };
  return (
    <hr
      class={`splitter ${horizontal ? 'splitter-horizontal' : ''}`}
      tabIndex={0}
      aria-label={label}
      aria-orientation={horizontal ? 'horizontal' : 'vertical'}
      aria-valuemin={bounds[0]}
      aria-valuemax={bounds[1]}
      aria-valuenow={chosen.value ?? bounds[0]}
      onKeyDown={onKeyDown}
      onDblClick={() => {
        chosen.value = null;
      }}
      onPointerDown={(event: PointerEvent) => {
        dragging.current = true;
        (event.currentTarget as HTMLElement).setPointerCapture(event.pointerId);
      }}
      onPointerMove={(event: PointerEvent) => {
        if (dragging.current) set(at(event));
      }}
      onPointerUp={() => {
        dragging.current = false;
      }}
      onPointerCancel={() => {
        dragging.current = false;
      }}
    />
  );
}
