// The visitor's page as they see it, once they have allowed it.

import { type Signal, useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import type { Session } from '../wire/payload.ts';
import { type MirrorState, mirrorState } from './desk.ts';
import type { Mirror } from './edge.ts';
import { Glass } from './glass.tsx';
import { Icon, type IconName } from './icons.tsx';
import { Replay } from './replay.tsx';
import { openStage } from './stage.ts';
import type { Store } from './store.ts';
import { shortAddress } from './text.ts';
import type { Key } from './texts.ts';
import { type Tool, Tools } from './tools.tsx';
import { Empty, IconButton, Segments, useStore } from './ui.tsx';

export function PageView({ session }: { session: Session }) {
  const store = useStore();
  const t = store.t.value;
  const drawn = useSignal(false);
  const mirror = useSignal<Mirror | null>(null);
  const tool = useSignal<Tool>('look');
  const replaying = useSignal(false);
  const frame = useRef<HTMLElement>(null);
  const site = store.me.value?.sites.find(({ id }) => id === session.site);
  const state = mirrorState(session, {
    cobrowse: site?.cobrowse ?? true,
    linked: store.link.value.state === 'open',
    note: store.mirrors.value.get(session.id),
    lines: store.talk(session.id).lines.value,
    drawn: drawn.value,
  });
  const watching = session.consent && session.state === 'active' && state !== 'off' && !replaying.value;
  useMirror(store, frame, session, watching, drawn, mirror);
  if (replaying.value && session.recorded) return <Replayed session={session} back={() => (replaying.value = false)} />;
  const acts = watching && drawn.value && state === 'live' && store.isMine(session);

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
        {acts && <Tools tool={tool} session={session} />}
        {session.recorded && (
          <IconButton icon="rewind" label={t('replay.open')} onClick={() => (replaying.value = true)} />
        )}
        {watching && drawn.value && <SizeSegments />}
      </header>
      <div class="page-body">
        <section
          class="mirror-frame"
          ref={frame}
          aria-label={t('page.mirror', { name: session.name })}
          tabIndex={watching ? 0 : -1}
          hidden={!watching}
        />
        {acts && mirror.value && tool.value !== 'look' && (
          <Glass
            tool={tool.value}
            session={session}
            mirror={mirror.value}
            scroll={(x, y) => frame.current?.scrollBy(x, y)}
          />
        )}
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
        <SizeSegments />
      </header>
      <Replay session={session} />
    </div>
  );
}

/** How large the visitor's page is drawn. */
function SizeSegments() {
  const { t, parts } = useStore();
  const { pageSize, language } = parts.settings;
  const whole = new Intl.NumberFormat(language.value, { style: 'percent' }).format(1);
  return (
    <Segments
      label={t.value('page.size')}
      name="page-size"
      value={pageSize.value}
      options={[
        { value: 'fit', label: t.value('page.fit'), icon: 'width' },
        { value: 'full', label: whole },
      ]}
      onChoose={(size) => {
        pageSize.value = size;
      }}
    />
  );
}

const reasons: Partial<Record<MirrorState, Key>> = {
  off: 'page.offText',
  none: 'page.noneText',
  declined: 'page.declinedText',
  stopped: 'page.stoppedText',
  ended: 'page.endedText',
};
const icons: Record<MirrorState, IconName> = {
  off: 'eyeOff',
  none: 'eyeOff',
  declined: 'eyeOff',
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

/** Watches the session's page and draws it in the frame, as large as the agent has chosen. */
function useMirror(
  store: Store,
  frame: { current: HTMLElement | null },
  session: Session,
  watching: boolean,
  drawn: Signal<boolean>,
  opened: Signal<Mirror | null>,
): void {
  const { id, site } = session;
  const welcomes = store.opened.value;
  useEffect(() => {
    const box = frame.current;
    if (!watching || !box) return;
    const { mirror, close } = openStage(box, session, store, (diverged) => store.watch(id, true, diverged));
    opened.value = mirror;
    store.pages.set(id, (message) => {
      void mirror.apply(message).then(() => {
        drawn.value = true;
      });
    });
    store.pointers.set(id, (record) => mirror.pointer(record));
    store.watch(id, true);
    return () => {
      store.watch(id, false);
      store.pages.delete(id);
      store.pointers.delete(id);
      opened.value = null;
      close();
      drawn.value = false;
    };
  }, [id, site, watching, welcomes]);
}
