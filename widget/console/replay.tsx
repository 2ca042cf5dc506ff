// What happened in a session, from its recording: the page as it was, a timeline
// that goes anywhere at once, and the transcript beside it as a way in.

import { useComputed, useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import type { Session } from '../wire/payload.ts';
import { Icon, type IconName } from './icons.tsx';
import { Zoom } from './page-bar.tsx';
import { Player } from './player.ts';
import { Timeline } from './recording.ts';
import { openScreen, type Shown } from './replay-screen.ts';
import { openStage, useStage } from './stage.ts';
import { Empty, Failed, IconButton, Loading, useLoad, useStore } from './ui.tsx';

const speeds = [1, 2, 4, 8] as const;
const step = 1000; // ms by an arrow key
const newer = 5000; // ms between two looks at a recording that goes on
const settled = 1000; // ms until a page that has begun to arrive is worth looking at

interface Props {
  session: Session;
  place?: { at: number }; // ms since 1970: where to go
  /** Hears the moment that is shown. */
  onTime?: (at: number) => void;
}

export function Replay(props: Props) {
  const { session } = props;
  const store = useStore();
  const { api } = store.parts;
  const { got, again } = useLoad(session.id, async () => new Timeline(await api.recording(session.id)));
  if (got.state === 'loading') return <Loading />;
  if (got.state === 'failed') return <Failed error={got.error} again={again} />;
  if (got.value.groups.length === 0) {
    const t = store.t.value;
    return <Empty icon="record" title={t('replay.none')} text={t('replay.noneText')} />;
  }
  return <Show {...props} timeline={got.value} />;
}

function Show({ session, place, onTime, timeline }: Props & { timeline: Timeline }) {
  const store = useStore();
  const t = store.t.value;
  const { api } = store.parts;
  const box = useRef<HTMLElement>(null);
  const over = useRef<HTMLDivElement>(null);
  const player = useSignal<Player | null>(null);
  const to = useStage();
  const how = useSignal<Shown>('live');
  useEffect(() => {
    if (!box.current || !over.current) return;
    const stage = openStage(store, box.current, session, to);
    const screen = openScreen(stage.mirror, over.current, (was) => {
      if (was) how.value = was;
      else to.drawn.value = true;
    });
    const opened = new Player(timeline, (...where) => api.group(session.id, ...where), screen);
    player.value = opened;
    const told = onTime && opened.time.subscribe(onTime);
    void opened.seek(place?.at ?? (session.state === 'ended' ? timeline.start + settled : timeline.end));
    const look = async () => opened.extend(new Timeline(await api.recording(session.id)));
    const looking =
      session.state === 'ended' ? undefined : setInterval(() => void look().catch(() => undefined), newer);
    return () => {
      clearInterval(looking);
      told?.();
      opened.close();
      screen.close();
      stage.close();
      player.value = null;
    };
  }, [session.id, timeline]);
  useEffect(() => {
    if (place) void player.peek()?.seek(place.at);
  }, [place]);
  return (
    <div class="replay">
      <div class="page-body">
        <section
          class="mirror-frame"
          ref={box}
          aria-label={t('replay.label', { name: session.name })}
          // biome-ignore lint/a11y/noNoninteractiveTabindex: a scroller must be reachable by keyboard
          tabIndex={0}
        />
        <div class="overlay" ref={over} />
      </div>
      {how.value !== 'live' && (
        <p class="page-note">
          <Icon name="frozen" />
          {t(how.value === 'frozen' ? 'page.frozenText' : 'page.stopped')}
        </p>
      )}
      {timeline.missing > 0 && <p class="page-note">{t('replay.missing')}</p>}
      {player.value && (
        <Controls player={player.value}>
          <Zoom percent={to.shown.value.percent} />
        </Controls>
      )}
    </div>
  );
}

function Controls({ player, children }: { player: Player; children: ComponentChildren }) {
  const t = useStore().t.value;
  const { playing, time, speed, skips, loading, failed } = player;
  const { start, end, active } = player.timeline;
  const whole = Math.max(1, end - start);
  const word = useComputed(() =>
    t('replay.at', { at: clock(time.value - player.timeline.start), whole: clock(whole) }),
  );
  const toggle = (): void => (playing.value ? player.pause() : player.play());
  const name: IconName = playing.value ? 'pause' : 'play';
  return (
    <div class="replay-bar">
      <div class="replay-track" aria-busy={loading.value}>
        <svg class="replay-active" preserveAspectRatio="none" viewBox="0 0 100 1" aria-hidden="true" focusable="false">
          {active.map(([from, to]) => (
            <rect
              key={from}
              x={((from - start) / whole) * 100}
              width={Math.max(0.3, ((to - from) / whole) * 100)}
              height="1"
            />
          ))}
        </svg>
        <input
          type="range"
          class="replay-slider"
          min={0}
          max={Math.ceil(whole / step) * step}
          step={step}
          value={time.value - start}
          aria-label={t('replay.place')}
          aria-valuetext={word.value}
          onInput={(event) => {
            player.pause();
            void player.seek(start + Number(event.currentTarget.value));
          }}
          onKeyDown={(event) => {
            if (event.key !== ' ') return;
            event.preventDefault();
            toggle();
          }}
        />
      </div>
      <IconButton icon={name} label={t(`replay.${name}`)} onClick={toggle} />
      <span class="replay-time number">{word.value}</span>
      <select
        class="replay-speed"
        aria-label={t('replay.speed')}
        value={speed.value}
        onChange={(event) => {
          speed.value = Number(event.currentTarget.value);
        }}
      >
        {speeds.map((n) => (
          <option key={n} value={n}>{`${n}×`}</option>
        ))}
      </select>
      <label class="replay-skip">
        <input
          type="checkbox"
          checked={skips.value}
          onChange={(event) => {
            skips.value = event.currentTarget.checked;
          }}
        />
        {t('replay.skip')}
      </label>
      {children}
      {failed.value !== null && (
        <p class="replay-failed" role="alert">
          <Icon name="alert" />
          {t('replay.failed')}
        </p>
      )}
    </div>
  );
}

/** 75000 ms is 1:15, 3675000 is 1:01:15. */
export function clock(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const two = (n: number): string => String(n).padStart(2, '0');
  const minutes = Math.floor(seconds / 60);
  return minutes < 60
    ? `${minutes}:${two(seconds % 60)}`
    : `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(seconds % 60)}`;
}
