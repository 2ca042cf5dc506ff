// A short sentence at the place where the agent acted: why nothing came of it.

import { type Signal, useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { Point } from '../guide/shapes.ts';

const shownFor = 6_000; // ms
const width = 260; // px at most, as in page.css
const below = 18; // px under the pointer
const map = 24; // px at the right edge, where the map of the page lies

export interface Note {
  readonly shown: Signal<{ text: string; at: Point } | null>;
  show(text: string, at: Point): void;
  hide(): void;
}

export function useNote(): Note {
  const shown = useSignal<{ text: string; at: Point } | null>(null);
  useEffect(() => {
    const timer = setTimeout(() => {
      shown.value = null;
    }, shownFor);
    return () => clearTimeout(timer);
  }, [shown.value, shown]);
  return {
    shown,
    show(text, at) {
      shown.value = { text, at };
    },
    hide() {
      shown.value = null;
    },
  };
}

/** Over the glass, within its bounds. */
export function GlassNote({ note, glass }: { note: Note; glass: { current: HTMLElement | null } }) {
  const { text = '', at: [x, y] = [0, 0] } = note.shown.value ?? {};
  const box = glass.current?.getBoundingClientRect();
  const left = Math.max(0, Math.min(x - (box?.left ?? 0), (box?.width ?? 0) - width - map));
  const top = y - (box?.top ?? 0);
  const low = top > (box?.height ?? 0) / 2;
  return (
    <div role="status">
      {text && (
        <p
          class="glass-note"
          style={{ transform: `translate(${left}px, ${low ? `calc(${top - below}px - 100%)` : `${top + below}px`})` }}
        >
          {text}
        </p>
      )}
    </div>
  );
}
