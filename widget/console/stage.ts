// The stage that a visitor's page is drawn on: as wide as the agent has chosen,
// as high as the visitor's viewport is then.

import { effect } from '@preact/signals';
import type { Session } from '../wire/payload.ts';
import type { Mirror } from './edge.ts';
import type { PageSize } from './settings.ts';
import type { Store } from './store.ts';
import { clip } from './text.ts';

const longestLabel = 24; // characters beside the visitor's pointer

export interface Stage {
  mirror: Mirror;
  close(): void;
}

/** Opens a mirror in a frame; onGap hears that it lacks something. */
export function openStage(
  frame: HTMLElement,
  { site, name }: Session,
  store: Store,
  onGap: (diverged: boolean) => void = () => undefined,
): Stage {
  const stage = document.createElement('div');
  stage.className = 'mirror-stage';
  frame.replaceChildren(stage);
  const mirror = store.parts.openMirror(stage, {
    src: `/kohe/mirror/${encodeURIComponent(site)}`,
    title: store.t.peek()('page.mirror', { name }),
    onGap,
  });
  mirror.setName(clip(name, longestLabel));
  const size = () => sizeStage(frame, stage, mirror.view(), store.parts.settings.pageSize.value);
  const observer = new ResizeObserver(size);
  const settled = effect(size);
  observer.observe(frame);
  observer.observe(mirror.view());
  return {
    mirror,
    close() {
      observer.disconnect();
      settled();
      mirror.close();
      stage.remove();
    },
  };
}

/** As wide as the visitor's viewport, or as the frame if that is narrower and the page is to fit; the frame scrolls. */
function sizeStage(box: HTMLElement, stage: HTMLElement, view: HTMLElement, size: PageSize): void {
  const { offsetWidth, offsetHeight } = view;
  if (offsetWidth === 0 || box.clientWidth === 0) return;
  const width = size === 'full' ? offsetWidth : Math.min(box.clientWidth, offsetWidth);
  stage.style.width = `${width}px`;
  stage.style.height = `${Math.round((width * offsetHeight) / offsetWidth)}px`;
}
