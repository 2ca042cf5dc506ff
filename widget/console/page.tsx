// The visitor's page as they see it, once they have allowed it.

import { useSignal } from '@preact/signals';
import { useMemo, useRef } from 'preact/hooks';
import type { Session } from '../wire/payload.ts';
import { type MirrorState, mirrorState } from './desk.ts';
import type { Mirror, Viewport } from './edge.ts';
import { Faults } from './faults.tsx';
import { Glass } from './glass.tsx';
import { Hidden } from './hidden.ts';
import { Icon, type IconName } from './icons.tsx';
import { Inspector } from './inspector.tsx';
import { Minimap } from './minimap.tsx';
import { Overlay } from './overlay.tsx';
import { PageBar } from './page-bar.tsx';
import { Replay } from './replay.tsx';
import { useMirror, useStage } from './stage.ts';
import type { Store } from './store.ts';
import { clip, shortAddress } from './text.ts';
import type { Key } from './texts.ts';
import { useTools } from './tools.tsx';
import { Empty, IconButton, useStore } from './ui.tsx';
import { deviceOf, sizeByKey } from './zoom.ts';

const longestName = 24; // characters on a button

export function PageView({ session }: { session: Session }) {
  const store = useStore();
  const t = store.t.value;
  const stage = useStage();
  const { drawn, mirror, moves, shown } = stage;
  const replaying = useSignal(false);
  const stay = useSignal(false);
  const frame = useRef<HTMLElement>(null);
  const site = store.me.value?.sites.find(({ id }) => id === session.site);
  const hidden = useMemo(() => new Hidden(site), [site]);
  const state = mirrorState(session, {
    cobrowse: site?.cobrowse ?? true,
    linked: store.link.value.state === 'open',
    note: store.mirrors.value.get(session.id),
    lines: store.talk(session.id).lines.value,
    drawn: drawn.value,
  });
  const watching = session.consent && session.state === 'active' && state !== 'off' && !replaying.value;
  useMirror(store, frame, session, watching, stage);
  useTools(store, session, watching && drawn.value && state === 'live');
  const tool = store.tool.value;
  const page = watching && drawn.value ? mirror.value : null;
  const wheel = (event: WheelEvent): void => scrolled(event, frame.current, page);
  const keys = (event: KeyboardEvent): void => keyed(store, event, shown.value.percent, frame.current, page);

  if (replaying.value && session.recorded) {
    return <Replayed session={session} back={() => (replaying.value = false)} />;
  }
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
        {page && shown.value.viewport && <ViewportSize viewport={shown.value.viewport} />}
        {session.recorded && (
          <IconButton icon="rewind" label={t('replay.open')} onClick={() => (replaying.value = true)} />
        )}
      </header>
      {page && (
        <PageBar
          session={session}
          shown={shown}
          stay={stay}
          onClear={() => store.drawings.draw(session, { shape: 'clear' }, (code) => store.tellError({ code }))}
        />
      )}
      {/* biome-ignore lint/a11y/noStaticElementInteractions: zooms and scrolls what is focused inside */}
      <div class="page-body" onKeyDown={keys}>
        <section
          class="mirror-frame"
          ref={frame}
          aria-label={t('page.mirror', { name: session.name })}
          tabIndex={watching ? 0 : -1}
          hidden={!watching}
          onWheel={wheel}
        />
        {mirror.value && <Overlay session={session} mirror={mirror.value} moves={moves} />}
        {page && tool === 'inspect' && <Inspector mirror={page} session={session} hidden={hidden} onWheel={wheel} />}
        {page && tool !== 'look' && tool !== 'inspect' && (
          <Glass key={tool} tool={tool} session={session} mirror={page} hidden={hidden} stay={stay} onWheel={wheel} />
        )}
        {page && !store.follows.value && (
          <button
            type="button"
            class="button button-small mirror-back"
            onClick={() => {
              store.follows.value = true;
            }}
          >
            <Icon name="follow" />
            {t('view.back', { name: clip(session.name, longestName) || t('visitor.nameless') })}
          </button>
        )}
        {page && <Minimap mirror={page} moves={moves} name={session.name} />}
        {(!watching || !drawn.value) && <NoPage state={state} name={session.name} />}
      </div>
      {watching && <Faults session={session} />}
      {state === 'frozen' && (
        <p class="page-note">
          <Icon name="frozen" />
          {t('page.frozenText')}
        </p>
      )}
    </div>
  );
}

/** What happened so far, instead of what happens now. */
function Replayed({ session, back }: { session: Session; back: () => void }) {
  const t = useStore().t.value;
  return (
    <div class="page page-replay">
      <header class="page-head">
        <span class="page-state">
          <Icon name="rewind" />
          {t('replay.open')}
        </span>
        <span class="page-where" />
        <button type="button" class="button button-small" onClick={back}>
          {t('replay.live')}
        </button>
      </header>
      <Replay session={session} />
    </div>
  );
}

/** How large the visitor's window is, and on what. */
function ViewportSize({ viewport }: { viewport: Viewport }) {
  const { t } = useStore();
  const { width, height } = viewport;
  return (
    <span class="page-viewport number" title={t.value('page.viewport')}>
      {width} × {height}
      <span class="page-device">, {t.value(`device.${deviceOf(viewport)}`)}</span>
    </span>
  );
}

/** A wheel moves the frame first, and then the page in it if that does not follow the visitor. */
function scrolled(event: WheelEvent, frame: HTMLElement | null, page: Mirror | null): void {
  if (!frame || event.ctrlKey) return;
  const { deltaX: x, deltaY: y, clientX, clientY } = event;
  const { scrollTop, scrollHeight, clientHeight } = frame;
  const goes = y < 0 ? scrollTop > 0 : scrollTop < scrollHeight - clientHeight - 1;
  if (y !== 0 && goes) {
    if (event.currentTarget !== frame) frame.scrollBy(x, y); // the glass lies over it
  } else if (page?.scrollAt(clientX, clientY, x, y)) event.preventDefault();
}

const line = 60; // px that an arrow key scrolls

/** Ctrl or Cmd with +, - or 0 zoom; where the mirror does not follow, the keys that scroll move its page. */
function keyed(
  store: Store,
  event: KeyboardEvent,
  percent: number,
  frame: HTMLElement | null,
  page: Mirror | null,
): void {
  if (event.ctrlKey || event.metaKey) {
    const size = page && !event.altKey ? sizeByKey(event.key, percent) : null;
    if (size === null) return;
    event.preventDefault();
    store.parts.settings.pageSize.value = size;
    return;
  }
  if (!frame || event.target !== frame || event.altKey) return;
  const screen = 0.9 * frame.clientHeight;
  const ways: Record<string, number> = {
    ArrowUp: -line,
    ArrowDown: line,
    PageUp: -screen,
    PageDown: screen,
    ' ': event.shiftKey ? -screen : screen,
    Home: Number.NEGATIVE_INFINITY,
    End: Number.POSITIVE_INFINITY,
  };
  const by = ways[event.key];
  if (by === undefined || store.follows.value) return;
  const end = by < 0 ? frame.scrollTop <= 0 : frame.scrollTop >= frame.scrollHeight - frame.clientHeight - 1;
  const { left, top, width, height } = frame.getBoundingClientRect();
  if (!Number.isFinite(by)) page?.scrollTo(by < 0 ? 0 : (page.overview()?.height ?? 0));
  else if (end && page?.scrollAt(left + width / 2, top + height / 2, 0, by)) event.preventDefault();
}

const reasons: Partial<Record<MirrorState, Key>> = {
  off: 'page.offText',
  none: 'page.noneText',
  declined: 'page.declinedText',
  gone: 'page.goneText',
  stopped: 'page.stoppedText',
  ended: 'page.endedText',
};
const icons: Record<MirrorState, IconName> = {
  off: 'eyeOff',
  none: 'eyeOff',
  declined: 'eyeOff',
  waiting: 'page',
  gone: 'eyeOff',
  live: 'page',
  frozen: 'frozen',
  stopped: 'eyeOff',
  ended: 'end',
};

function NoPage({ state, name }: { state: MirrorState; name: string }) {
  const { t } = useStore();
  if (state === 'waiting') {
    return (
      <div class="page-coming" role="status">
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
