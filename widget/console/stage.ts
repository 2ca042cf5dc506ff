// The stage that a mirror is drawn on: as large as the agent has chosen, for the
// session's page as it is now and for its recording.

import { effect, type Signal, useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { Session } from '../wire/payload.ts';
import type { Mirror } from './edge.ts';
import { mirrorOf } from './kept.ts';
import type { Shown } from './page-bar.tsx';
import type { Store } from './store.ts';
import { clip } from './text.ts';
import { deviceOf, type PageSize } from './zoom.ts';

const longestLabel = 24; // characters beside the visitor's pointer
const bezel = 12; // px around a device, as in side.css

/** What there is of the mirror, for whatever lies over it. */
export interface Stage {
  mirror: Signal<Mirror | null>;
  drawn: Signal<boolean>; // something of the page is there
  moves: Signal<number>; // counts: the page was scrolled, or has another size
  shown: Signal<Shown>;
}

/** A stage on which nothing is shown yet. */
export function useStage(): Stage {
  return {
    mirror: useSignal<Mirror | null>(null),
    drawn: useSignal(false),
    moves: useSignal(0),
    shown: useSignal<Shown>({ percent: 100, viewport: null }),
  };
}

/** Opens a mirror in a frame, as large as the agent has chosen; onGap hears that it lacks something. */
export function openStage(
  store: Store,
  box: HTMLElement,
  { site, name }: Session,
  to: Stage,
  onGap: (diverged: boolean) => void = () => undefined,
): { mirror: Mirror; close: () => void } {
  const stage = document.createElement('div');
  stage.className = 'mirror-stage';
  box.replaceChildren(stage);
  const mirror = store.parts.openMirror(stage, {
    src: mirrorOf(site),
    title: store.t.peek()('page.mirror', { name }),
    onGap,
    onMove: () => {
      to.moves.value++;
    },
  });
  mirror.setName(clip(name, longestLabel));
  to.mirror.value = mirror;
  const { pageSize, deviceFrame } = store.parts.settings;
  const size = () => {
    const device = to.drawn.value && deviceFrame.value ? deviceOf(mirror.viewport()) : 'computer';
    stage.className = `mirror-stage stage-${device}`;
    const percent = sizeStage(box, stage, mirror.view(), pageSize.value, device === 'computer' ? 0 : bezel);
    to.shown.value = { percent, viewport: to.drawn.value ? mirror.viewport() : null };
    to.moves.value = to.moves.peek() + 1;
  };
  const observer = new ResizeObserver(size);
  const settled = effect(size);
  observer.observe(box);
  observer.observe(mirror.view());
  const close = (): void => {
    to.mirror.value = null;
    to.drawn.value = false;
    settled();
    observer.disconnect();
    mirror.close();
    stage.remove();
  };
  return { mirror, close };
}

/**
 * Watches the session's page and draws it in the frame. At another edge the same document goes on: it is this console's
 * own node that it came from, and that may be the one that died.
 */
export function useMirror(
  store: Store,
  frame: { current: HTMLElement | null },
  session: Session,
  watching: boolean,
  to: Stage,
): void {
  const { id, site } = session;
  const welcomes = store.opened.value;
  useEffect(() => {
    const box = frame.current;
    if (!watching || !box) return;
    const { mirror, close } = openStage(store, box, session, to, (diverged) => store.watch(id, true, diverged));
    const followed = effect(() => mirror.follow(store.follows.value));
    store.pages.set(id, (message) => {
      void mirror.apply(message).then(() => {
        to.drawn.value = true;
      });
    });
    store.pointers.set(id, (record) => mirror.pointer(record));
    return () => {
      store.pages.delete(id);
      store.pointers.delete(id);
      followed();
      close();
    };
  }, [id, site, watching]);
  useEffect(() => {
    if (!watching || !frame.current) return;
    store.watch(id, true);
    return () => store.watch(id, false);
  }, [id, site, watching, welcomes]);
}

/**
 * Makes the stage as wide as the visitor's viewport in the wanted size, or as the frame if that is narrower and the
 * agent wants it to fit, and as high as the viewport is then: the mirror fits itself into it, and the frame scrolls.
 * Returns the size in percent.
 */
function sizeStage(box: HTMLElement, stage: HTMLElement, view: HTMLElement, size: PageSize, around: number): number {
  const { offsetWidth, offsetHeight } = view;
  const room = box.clientWidth - 2 * around;
  if (offsetWidth === 0 || room <= 0) return 100;
  const width = size === 'fit' ? Math.min(room, offsetWidth) : Math.round((offsetWidth * size) / 100);
  stage.style.width = `${width}px`;
  stage.style.height = `${Math.round((width * offsetHeight) / offsetWidth)}px`;
  return Math.round((100 * width) / offsetWidth);
}
