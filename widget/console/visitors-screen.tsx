// Who is on a site's pages now, on whichever edge: what page, since when, from
// where, what before. One click invites. Supervisors have their board above it.

import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { Board, Sort, Visit } from '../wire/payload.ts';
import { Icon } from './icons.tsx';
import { SearchBox } from './search-box.tsx';
import { tagOf } from './tag.ts';
import { shortAddress } from './text.ts';
import { clockLength } from './time.ts';
import { Empty, Loading, Segments, useStore, VisitorTag } from './ui.tsx';
import { inOrder } from './visitors.ts';

const shown = 100; // rows, as many as the edge tells

export function Visitors() {
  const store = useStore();
  const t = store.t.value;
  const sites = store.me.value?.sites ?? [];
  const chosen = useSignal(sites[0]?.id ?? '');
  const sort = useSignal<Sort>('newest');
  const filter = useSignal('');
  const open = store.link.value.state === 'open' ? store.opened.value : 0;
  useEffect(() => {
    if (chosen.value) store.view({ site: chosen.value, sort: sort.value, filter: filter.value });
  }, [store, chosen.value, sort.value, filter.value, open]);
  useEffect(() => () => store.view(null), [store]);

  const list = store.visits.value;
  const rows = inOrder(list, sort.value);
  return (
    <main class="visitors">
      <header class="screen-head">
        <h2>{t('visitors.title')}</h2>
        <p class="visitors-count">{list.whole && t('visitors.count', { n: list.visits })}</p>
        {sites.length > 1 && (
          <select
            class="visitors-site"
            aria-label={t('visitors.site')}
            value={chosen.value}
            onChange={(event) => {
              chosen.value = event.currentTarget.value;
            }}
          >
            {sites.map(({ id, name }) => (
              <option key={id} value={id}>
                {name}
              </option>
            ))}
          </select>
        )}
        <Segments
          label={t('visitors.order')}
          name="visitors"
          value={sort.value}
          options={[
            { value: 'newest', label: t('visitors.newest') },
            { value: 'longest', label: t('visitors.longest') },
          ]}
          onChoose={(value) => {
            sort.value = value;
          }}
        />
        <SearchBox label={t('visitors.find')} query={filter} most={80} />
      </header>
      {list.board && <BoardView board={list.board} visits={list.visits} />}
      {(list.away ?? 0) > 0 && (
        <p class="visitors-away" role="status">
          <Icon name="alert" />
          {t('visitors.away', { n: list.away ?? 0 })}
        </p>
      )}
      {!list.whole && (store.link.value.state === 'open' ? <Loading /> : <Unreached />)}
      {list.whole && rows.length === 0 && <Nobody site={chosen.value} filter={filter.value} />}
      {list.whole && rows.length > 0 && (
        <ul class="visit-list">
          {rows.map((visit) => (
            <VisitView key={visit.was ?? visit.id} visit={visit} site={chosen.value} />
          ))}
        </ul>
      )}
      {rows.length === shown && <p class="visitors-more">{t('visitors.shown', { n: shown })}</p>}
    </main>
  );
}

function Unreached() {
  const { t } = useStore();
  return <Empty icon="offline" title={t.value('error.offline')} />;
}

function Nobody({ site, filter }: { site: string; filter: string }) {
  const store = useStore();
  const t = store.t.value;
  const shows = store.me.value?.sites.find(({ id }) => id === site)?.visitors;
  if (!shows) return <Empty icon="eyeOff" title={t('visitors.off')} text={t('visitors.offText')} />;
  if (filter) return <Empty icon="search" title={t('visitors.noHits', { query: filter })} />;
  return <Empty icon="globe" title={t('visitors.none')} text={t('visitors.noneText')} />;
}

function BoardView({ board, visits }: { board: Board; visits: number }) {
  const store = useStore();
  const t = store.t.value;
  const figures = [
    { label: t('board.visits'), value: `${visits}` },
    { label: t('board.chats'), value: `${board.chats}` },
    { label: t('board.waiting'), value: `${board.waiting}`, late: board.waiting > 0 },
    { label: t('board.longest'), value: board.oldest_at ? clockLength(store.now.value - board.oldest_at) : '–' },
    ...(['service', 'paperwork', 'break'] as const).map((state) => ({
      label: t(`state.${state}`),
      value: `${board.agents[state] ?? 0}`,
    })),
  ];
  return (
    <dl class="board" aria-label={t('board.label')}>
      {figures.map(({ label, value, late }) => (
        <div key={label} class={late ? 'board-late' : ''}>
          <dt>{label}</dt>
          <dd class="number">{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function VisitView({ visit, site }: { visit: Visit; site: string }) {
  const store = useStore();
  const t = store.t.value;
  const now = store.now.value;
  const { pages = [] } = visit;
  const own = store.own.value.find(({ visitor, state }) => visitor === visit.id && state === 'active');
  const name = visit.name || own?.name || '';
  const called = name || `${t('visitor.nameless')} · ${tagOf(visit.id).letters}`;
  return (
    <li class="visit">
      <VisitorTag visitor={visit.id} name={name} />
      <div class="visit-who">
        <h3>
          <bdi>{called}</bdi>
          {visit.was && <small> {t('visitors.was', { letters: tagOf(visit.was).letters })}</small>}
        </h3>
        <p>
          {visit.referrer ? t('visitors.from', { host: visit.referrer }) : t('visitors.direct')}
          {visit.lang && <span class="visit-lang"> · {visit.lang.toUpperCase()}</span>}
          {visit.tabs && <span> · {t('visitors.tabs', { n: visit.tabs })}</span>}
        </p>
      </div>
      <div class="visit-page">
        {visit.title && (
          <p class="visit-title" title={visit.title}>
            <bdi>{visit.title}</bdi>
          </p>
        )}
        <p class="visit-url" title={visit.url}>
          <bdi>{shortAddress(visit.url)}</bdi>
        </p>
        {pages.length > 0 && (
          <details>
            <summary>{t('visitors.before', { n: pages.length })}</summary>
            <ol>
              {[...pages].reverse().map((url, i) => (
                <li key={`${i}${url}`} title={url}>
                  <bdi>{shortAddress(url)}</bdi>
                </li>
              ))}
            </ol>
          </details>
        )}
      </div>
      <p class="visit-times">
        <span class="number">{t('visitors.onPage', { time: clockLength(now - visit.at) })}</span>
        <span class="number">{t('visitors.onSite', { time: clockLength(now - visit.since) })}</span>
      </p>
      <VisitAction visit={visit} site={site} called={called} />
    </li>
  );
}

function VisitAction({ visit, site, called }: { visit: Visit; site: string; called: string }) {
  const store = useStore();
  const t = store.t.value;
  if (visit.chat) return <p class="visit-state visit-chat">{t('visitors.inChat')}</p>;
  if (visit.invited) return <p class={`visit-state visit-${visit.invited}`}>{t(`visitors.${visit.invited}`)}</p>;
  return (
    <button
      type="button"
      class="button"
      aria-label={t('visitors.inviteOf', { name: called })}
      onClick={() => store.invite(site, visit, called)}
    >
      {t('visitors.invite')}
    </button>
  );
}
