// The left pane: offers, the agent's conversations, their queues.

import type { Queue, Session } from '../wire/payload.ts';
import { lastText, restLeft, urgency, waitingIn, waitingSince } from './desk.ts';
import { Offers } from './offers.tsx';
import { clockLength } from './time.ts';
import { Empty, IconButton, useStore, VisitorName, VisitorTag } from './ui.tsx';

export function List() {
  const store = useStore();
  const t = store.t.value;
  const own = store.own.value;
  const supervised = store.me.value?.role === 'supervisor' ? store.others.value : [];
  return (
    <section class="list" aria-label={t('list.label')}>
      <div class="list-scroll">
        <div class="list-offers">
          <Offers />
          <Rest />
        </div>
        <div class="list-head">
          <h2>{t('list.title')}</h2>
          {own.length > 0 && <span class="number">{own.filter((s) => s.state === 'active').length}</span>}
        </div>
        {own.length === 0 && store.offers.value.length === 0 && <NoTalks />}
        <ul class="rows">
          {own.map((session, i) => (
            <Row key={session.id} session={session} place={i + 1} />
          ))}
        </ul>
        <Others title={t('list.queued')} sessions={supervised.filter((s) => s.state === 'waiting')} />
        <Others title={t('list.others')} sessions={supervised.filter((s) => s.state === 'active')} />
      </div>
      <Queues />
    </section>
  );
}

/** That the agent gets no offers for a while, and the way back. */
function Rest() {
  const store = useStore();
  const t = store.t.value;
  const left = restLeft(store.desk.value, store.now.value);
  if (left === 0) return null;
  return (
    <section class="rest" aria-labelledby="rest-title">
      <h2 id="rest-title">{t('rest.title', { n: store.desk.value?.missed ?? 0 })}</h2>
      <p class="number">{t('rest.text', { time: clockLength(left) })}</p>
      <button type="button" class="button button-primary" onClick={() => store.setState('service')}>
        {t('rest.end')}
      </button>
    </section>
  );
}

function Others({ title, sessions }: { title: string; sessions: readonly Session[] }) {
  if (sessions.length === 0) return null;
  return (
    <>
      <div class="list-head">
        <h2>{title}</h2>
        <span class="number">{sessions.length}</span>
      </div>
      <ul class="rows">
        {sessions.map((session) => (
          <OtherRow key={session.id} session={session} />
        ))}
      </ul>
    </>
  );
}

const awayIcons = { paperwork: 'pen', break: 'coffee', out: 'headset' } as const;

function NoTalks() {
  const store = useStore();
  const t = store.t.value;
  const desk = store.desk.value;
  if (!desk) return <Empty icon="chats" title={t('link.connecting')} />;
  if (restLeft(desk, store.now.value) > 0) return null;
  if (desk.state === 'service') {
    const n = waitingIn(desk);
    return n > 0 ? (
      <Empty icon="clock" title={t('list.emptyWaiting', { n })} text={t('list.emptyWaitingText')} />
    ) : (
      <Empty icon="chats" title={t('list.emptyService')} text={t('list.emptyServiceText')} />
    );
  }
  return (
    <Empty
      icon={awayIcons[desk.state]}
      title={t(desk.state === 'out' ? 'list.emptyOut' : 'list.emptyAway')}
      text={t('list.emptyAwayText')}
    >
      <button type="button" class="button button-primary" onClick={() => store.setState('service')}>
        {t('list.toService')}
      </button>
    </Empty>
  );
}

function Row({ session, place }: { session: Session; place: number }) {
  const store = useStore();
  const t = store.t.value;
  const talk = store.talk(session.id);
  const selected = store.selected.value?.id === session.id;
  const last = lastText(talk.lines.value);
  const fresh = session.state === 'active' ? store.unreadOf(session.id) : 0;
  const draft = talk.draft.value.trim();
  const preview = talk.typing.value
    ? { text: t('chat.typing'), of: 'typing' }
    : draft && !selected
      ? { text: `${t('list.draft')} ${draft}`, of: 'draft' }
      : session.state === 'ended'
        ? { text: t('list.ended'), of: 'ended' }
        : {
            text: last ? `${last.mine ? `${t('list.you')} ` : ''}${last.message.text}` : t('list.sayHello'),
            of: 'text',
          };
  return (
    <li class={`row ${selected ? 'row-selected' : ''} ${session.state === 'ended' ? 'row-ended' : ''}`}>
      <button
        type="button"
        class="row-button"
        aria-current={selected ? 'true' : undefined}
        onClick={() => store.select(session.id)}
      >
        <VisitorTag visitor={session.visitor} name={session.name} />
        <span class="row-main">
          <span class="row-top">
            <span class="row-name">
              <VisitorName visitor={session.visitor} name={session.name} />
            </span>
            <Wait session={session} />
          </span>
          <span class="row-bottom">
            <span class={`row-preview row-preview-${preview.of}`}>
              <bdi>{preview.text}</bdi>
            </span>
            {fresh > 0 && (
              <span class="count">
                {fresh}
                <span class="sr-only"> {t('nav.new')}</span>
              </span>
            )}
          </span>
          <span class="row-where">
            <bdi>{session.title || store.siteName(session.site)}</bdi>
            {session.away_since !== undefined && session.state === 'active' && (
              <span class="away">{t('list.away')}</span>
            )}
          </span>
        </span>
        {place <= 9 && session.state === 'active' && (
          <span class="key row-key" aria-hidden="true">
            {place}
          </span>
        )}
      </button>
      {session.state === 'ended' && (
        <IconButton
          icon="close"
          label={t('list.dismiss', { name: session.name })}
          onClick={() => store.dismiss(session.id)}
        />
      )}
    </li>
  );
}

/** How long the visitor has waited for an answer. */
function Wait({ session }: { session: Session }) {
  const store = useStore();
  const since = waitingSince(session, store.talk(session.id).lines.value);
  if (since === null) return null;
  const length = Math.max(0, store.now.value - since);
  return (
    <span class={`wait wait-${urgency(length)}`} title={store.t.value('list.waits')}>
      <span class="sr-only">{store.t.value('list.waits')} </span>
      {clockLength(length)}
    </span>
  );
}

function OtherRow({ session }: { session: Session }) {
  const store = useStore();
  const t = store.t.value;
  const selected = store.selected.value?.id === session.id;
  const waiting = session.state === 'waiting';
  return (
    <li class={`row row-other ${selected ? 'row-selected' : ''}`}>
      <button
        type="button"
        class="row-button"
        aria-current={selected ? 'true' : undefined}
        onClick={() => store.select(session.id)}
      >
        <VisitorTag visitor={session.visitor} name={session.name} />
        <span class="row-main">
          <span class="row-top">
            <span class="row-name">
              <VisitorName visitor={session.visitor} name={session.name} />
            </span>
            {waiting && (
              <span class={`wait wait-${urgency(store.now.value - session.opened_at)}`}>
                {clockLength(store.now.value - session.opened_at)}
              </span>
            )}
          </span>
          <span class="row-where">
            <bdi>
              {waiting
                ? t('list.inQueue', { department: store.departmentName(session.department) })
                : t('list.with', { agent: session.agent_name || session.agent || '' })}
            </bdi>
          </span>
        </span>
      </button>
    </li>
  );
}

function Queues() {
  const store = useStore();
  const t = store.t.value;
  const queues = store.desk.value?.queues ?? [];
  if (queues.length === 0) return null;
  return (
    <section class="queues" aria-label={t('queues.title')}>
      <h2>{t('queues.title')}</h2>
      <ul>
        {queues.map((queue) => (
          <QueueRow key={queue.department} queue={queue} />
        ))}
      </ul>
    </section>
  );
}

function QueueRow({ queue }: { queue: Queue }) {
  const store = useStore();
  const t = store.t.value;
  const longest = queue.waiting > 0 && queue.oldest_at ? Math.max(0, store.now.value - queue.oldest_at) : 0;
  return (
    <li class="queue">
      <span class="queue-name">
        {queue.name}
        <small>
          {t('queues.agents', { n: queue.agents })}, {t('queues.free', { n: queue.free })}
        </small>
      </span>
      {queue.waiting > 0 ? (
        <>
          <span class="queue-waiting number">{t('queues.waiting', { n: queue.waiting })}</span>
          <span class={`wait wait-${urgency(longest)}`} title={t('queues.longest')}>
            <span class="sr-only">{t('queues.longest')} </span>
            {clockLength(longest)}
          </span>
        </>
      ) : (
        <span class="queue-none">{t('queues.none')}</span>
      )}
    </li>
  );
}
