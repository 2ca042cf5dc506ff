// What was said before: searched by words, or read by date.

import { useSignal } from '@preact/signals';
import type { Session } from '../wire/payload.ts';
import type { Hit } from './api.ts';
import { SearchBox } from './search-box.tsx';
import { highlight } from './text.ts';
import { moment } from './time.ts';
import { Transcript } from './transcript.tsx';
import { Empty, Failed, Loading, useLoad, useStore, VisitorName, VisitorTag } from './ui.tsx';

const shortest = 2; // characters of a query

interface Found {
  entries: readonly Hit[] | readonly Session[];
  more: boolean;
}

export function History() {
  const store = useStore();
  const t = store.t.value;
  const query = useSignal('');
  const open = store.route.value.session;
  return (
    <main class={`history ${open ? 'history-open' : ''}`}>
      <section class="history-find" aria-label={t('history.title')}>
        <header class="screen-head">
          <h2>{t('history.title')}</h2>
          <SearchBox label={t('history.search')} query={query} shortest={shortest} />
        </header>
        <div class="history-results">
          <Results key={query.value} query={query.value} />
        </div>
      </section>
      <section class="history-read" aria-label={t('history.transcript')}>
        {open ? (
          <Transcript key={open} id={open} query={query.value} />
        ) : (
          <Empty icon="history" title={t('history.choose')} text={t('history.chooseText')} />
        )}
      </section>
    </main>
  );
}

function Results({ query }: { query: string }) {
  const store = useStore();
  const t = store.t.value;
  const { api } = store.parts;
  const adding = useSignal(false);
  const fetchPage = async (before?: number): Promise<Found> => {
    const from = before === undefined ? {} : { before };
    if (query === '') {
      const { sessions, more } = await api.sessions({ limit: 30, ...from });
      return { entries: sessions, more };
    }
    const { hits, more } = await api.search({ q: query, ...from });
    return { entries: hits, more };
  };
  const { got, again, put } = useLoad(query, () => fetchPage());
  if (got.state === 'loading') return <Loading />;
  if (got.state === 'failed') return <Failed error={got.error} again={again} />;
  const { entries, more } = got.value;
  const last = entries.at(-1);
  const addMore = async () => {
    if (!last || adding.value) return;
    adding.value = true;
    try {
      const next = await fetchPage('message' in last ? last.message.at : last.opened_at);
      put({ entries: [...entries, ...next.entries] as Found['entries'], more: next.more });
    } catch (error) {
      store.tellError({ code: error instanceof Error && 'code' in error ? String(error.code) : 'internal' });
    }
    adding.value = false;
  };
  if (entries.length === 0) {
    return query === '' ? (
      <Empty icon="history" title={t('history.none')} text={t('history.noneText')} />
    ) : (
      <Empty icon="search" title={t('history.noHits', { query })} text={t('history.noHitsText')} />
    );
  }
  return (
    <>
      <p class="results-caption" role="status">
        {query === '' ? t('history.recent') : t('history.hits', { n: entries.length })}
      </p>
      <ul class="results">
        {entries.map((entry) =>
          'message' in entry ? (
            <Result
              key={`${entry.session.id} ${entry.message.seq}`}
              session={entry.session}
              at={entry.message.at}
              query={query}
              snippet={entry.snippet}
            />
          ) : (
            <Result key={entry.id} session={entry} at={entry.opened_at} query="" />
          ),
        )}
      </ul>
      {more && (
        <button type="button" class="button results-more" aria-disabled={adding.value} onClick={() => void addMore()}>
          {t('history.more')}
        </button>
      )}
    </>
  );
}

function Result({ session, at, query, snippet }: { session: Session; at: number; query: string; snippet?: string }) {
  const store = useStore();
  const open = store.route.value.session === session.id;
  return (
    <li>
      <a class="result" href={`#history/${session.id}`} aria-current={open ? 'true' : undefined}>
        <VisitorTag visitor={session.visitor} name={session.name} />
        <span class="result-main">
          <span class="result-top">
            <VisitorName visitor={session.visitor} name={session.name} />
            <time class="number">{moment(at, store.now.value, store.parts.settings.language.value)}</time>
          </span>
          {snippet !== undefined && (
            <span class="result-snippet" dir="auto">
              {highlight(snippet, query).map((piece, i) =>
                piece.hit ? <mark key={`${i}`}>{piece.text}</mark> : piece.text,
              )}
            </span>
          )}
          <span class="result-where">
            <bdi>
              {[store.siteName(session.site), store.departmentName(session.department), session.agent_name]
                .filter(Boolean)
                .join(' · ')}
            </bdi>
          </span>
        </span>
      </a>
    </li>
  );
}
