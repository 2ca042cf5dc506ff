// The visitor's page as they see it, once they have allowed it.

import { type Signal, useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import type { Session } from '../wire/payload.ts';
import { type MirrorState, mirrorState } from './desk.ts';
import { Icon, type IconName } from './icons.tsx';
import type { Store } from './store.ts';
import { shortAddress } from './text.ts';
import type { Key } from './texts.ts';
import { Empty, useStore } from './ui.tsx';

export function PageView({ session }: { session: Session }) {
  const store = useStore();
  const t = store.t.value;
  const drawn = useSignal(false);
  const frame = useRef<HTMLDivElement>(null);
  const site = store.me.value?.sites.find(({ id }) => id === session.site);
  const state = mirrorState(
    session,
    site?.cobrowse ?? true,
    store.mirrors.value.get(session.id),
    store.talk(session.id).lines.value,
    drawn.value,
  );
  const watching = session.consent && session.state === 'active' && state !== 'off';
  useMirror(store, frame, session, watching, drawn);

  return (
    <div class={`page page-${state}`}>
      <header class="page-head">
        <span class="page-state" role="status">
          <span class="page-dot" />
          {t(`page.${state}`)}
        </span>
        <span class="page-where">
          {session.title && (
            <strong>
              <bdi>{session.title}</bdi>
            </strong>
          )}
          {session.url && (
            <span class="page-address" title={session.url}>
              <bdi>{shortAddress(session.url)}</bdi>
            </span>
          )}
        </span>
      </header>
      <div class="page-body">
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scroller must be reachable by keyboard */}
        <div
          class="mirror-frame"
          ref={frame}
          role="region"
          aria-label={t('page.mirror', { name: session.name })}
          tabIndex={watching ? 0 : -1}
          hidden={!watching}
        />
        {(!watching || !drawn.value) && <NoPage state={state} name={session.name} />}
      </div>
      {state === 'frozen' && (
        <p class="page-note">
          <Icon name="frozen" />
          {t('page.frozenText')}
        </p>
      )}
    </div>
  );
}

const reasons: Partial<Record<MirrorState, Key>> = {
  off: 'page.offText',
  none: 'page.noneText',
  stopped: 'page.stoppedText',
  ended: 'page.endedText',
};
const icons: Record<MirrorState, IconName> = {
  off: 'eyeOff',
  none: 'eyeOff',
  waiting: 'page',
  live: 'page',
  frozen: 'frozen',
  stopped: 'eyeOff',
  ended: 'end',
};

function NoPage({ state, name }: { state: MirrorState; name: string }) {
  const { t } = useStore();
  if (state === 'waiting') {
    return (
      <div class="page-waiting" role="status">
        <span class="spinner" aria-hidden="true" />
        {t.value('page.waitingText')}
      </div>
    );
  }
  const text = reasons[state];
  return (
    <Empty icon={icons[state]} title={t.value(`page.${state}`)} {...(text && { text: t.value(text, { name }) })} />
  );
}

/** Watches the session's page and draws it in the frame, as wide as fits. */
function useMirror(
  store: Store,
  frame: { current: HTMLDivElement | null },
  session: Session,
  watching: boolean,
  drawn: Signal<boolean>,
): void {
  const { id, site } = session;
  const opened = store.opened.value;
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new connection asks for the page anew
  useEffect(() => {
    const box = frame.current;
    if (!watching || !box) return;
    const stage = document.createElement('div');
    stage.className = 'mirror-stage';
    box.replaceChildren(stage);
    const mirror = store.parts.openMirror(stage, { src: `/kohe/mirror/${encodeURIComponent(site)}` });
    const fit = () => fitWidth(box, stage, mirror.view());
    const observer = new ResizeObserver(fit);
    observer.observe(box);
    observer.observe(stage);
    store.pages.set(id, (message) => {
      mirror.apply(message);
      if (!drawn.value) drawn.value = true;
      const view = mirror.view();
      if (view) observer.observe(view);
    });
    store.pointers.set(id, (record) => mirror.pointer?.(record));
    store.watch(id, true);
    return () => {
      store.watch(id, false);
      store.pages.delete(id);
      store.pointers.delete(id);
      observer.disconnect();
      mirror.close?.();
      stage.remove();
      drawn.value = false;
    };
  }, [id, site, watching, opened]);
}

/** Scales the stage so that the visitor's viewport is as wide as the frame, never larger than life. */
function fitWidth(box: HTMLElement, stage: HTMLElement, view: HTMLElement | null): void {
  const [width, height] = [view?.offsetWidth ?? 0, view?.offsetHeight ?? 0];
  if (width === 0 || box.clientWidth === 0) return;
  const scale = Math.min(1, box.clientWidth / width);
  stage.style.width = `${width}px`;
  stage.style.height = `${height}px`;
  stage.style.transform = `scale(${scale})`;
  stage.style.marginBottom = `${height * (scale - 1)}px`; // the frame scrolls by what is seen, not by the unscaled height
  stage.style.marginLeft = `${Math.max(0, (box.clientWidth - width * scale) / 2)}px`;
}
