// Who the visitor is: what their browser says, where they have been, and what
// was talked about before. All of it is text.

import type { PageView, Session, Facts as VisitorFacts } from '../wire/payload.ts';
import { browserOf } from './browser.ts';
import { shortAddress } from './text.ts';
import { moment, timeOfDay } from './time.ts';
import { Failed, Loading, useLoad, useStore, VisitorTag } from './ui.tsx';

const past = 10; // sessions

export function Facts({ session }: { session: Session }) {
  const store = useStore();
  const t = store.t.value;
  const { facts } = session;
  return (
    <div class="facts">
      <h3 class="facts-title">
        <VisitorTag visitor={session.visitor} name={session.name} />
        {t('facts.title')}
      </h3>
      <dl class="facts-list">
        {facts && <About facts={facts} />}
        {session.lang && (
          <Fact name={t('facts.language')} value={languageName(session.lang, store.parts.settings.language.value)} />
        )}
        {facts?.time_zone && (
          <Fact
            name={t('facts.timeZone')}
            value={zone(facts.time_zone, store.now.value, store.parts.settings.language.value)}
          />
        )}
        {facts?.referrer && (
          <Fact name={t('facts.referrer')} value={shortAddress(facts.referrer)} title={facts.referrer} />
        )}
      </dl>
      {!facts && <p class="hint">{t('facts.none')}</p>}
      {facts?.pages && facts.pages.length > 0 && <Pages pages={facts.pages} />}
      <Past session={session} />
    </div>
  );
}

function Fact(props: { name: string; value: string; title?: string }) {
  return (
    <>
      <dt>{props.name}</dt>
      <dd title={props.title}>
        <bdi>{props.value}</bdi>
      </dd>
    </>
  );
}

function About({ facts }: { facts: VisitorFacts }) {
  const store = useStore();
  const t = store.t.value;
  const browser = browserOf(facts.user_agent ?? '');
  const name = [browser.name, browser.system].filter(Boolean).join(', ');
  const since = moment(facts.first_seen, store.now.value, store.parts.settings.language.value);
  return (
    <>
      <Fact
        name={t('facts.visits')}
        value={facts.visits > 1 ? t('facts.visitsSince', { n: facts.visits, since }) : t('facts.firstVisit')}
      />
      {name && <Fact name={t('facts.browser')} value={name} title={facts.user_agent ?? ''} />}
      {facts.screen && <Fact name={t('facts.screen')} value={facts.screen.replace('x', ' × ')} />}
    </>
  );
}

function Pages({ pages }: { pages: readonly PageView[] }) {
  const { t, parts } = useStore();
  const newest = [...pages].reverse();
  return (
    <>
      <h3>{t.value('facts.pages', { n: pages.length })}</h3>
      <ol class="trail">
        {newest.map((page) => (
          <li key={`${page.at} ${page.url}`}>
            <time class="number">{timeOfDay(page.at, parts.settings.language.value)}</time>
            <span class="trail-page" title={page.url}>
              <bdi>{page.title || shortAddress(page.url)}</bdi>
              {page.title && (
                <small>
                  <bdi>{shortAddress(page.url)}</bdi>
                </small>
              )}
            </span>
          </li>
        ))}
      </ol>
    </>
  );
}

function Past({ session }: { session: Session }) {
  const store = useStore();
  const t = store.t.value;
  const { got, again } = useLoad(`${session.visitor} ${session.state}`, () =>
    store.parts.api.sessions({ visitor: session.visitor, limit: past + 1 }),
  );
  return (
    <>
      <h3>{t('facts.past')}</h3>
      {got.state === 'loading' && <Loading />}
      {got.state === 'failed' && <Failed error={got.error} again={again} />}
      {got.state === 'ready' && (
        <PastList sessions={got.value.sessions.filter((s) => s.id !== session.id).slice(0, past)} />
      )}
    </>
  );
}

function PastList({ sessions }: { sessions: readonly Session[] }) {
  const store = useStore();
  const t = store.t.value;
  if (sessions.length === 0) return <p class="hint">{t('facts.noPast')}</p>;
  return (
    <ul class="past">
      {sessions.map((s) => (
        <li key={s.id}>
          <a href={`#history/${s.id}`}>
            <span class="number">{moment(s.opened_at, store.now.value, store.parts.settings.language.value)}</span>
            <span>
              <bdi>{s.title || store.departmentName(s.department)}</bdi>
            </span>
            <small>{s.agent_name}</small>
          </a>
        </li>
      ))}
    </ul>
  );
}

function languageName(tag: string, language: string): string {
  try {
    return new Intl.DisplayNames(language, { type: 'language' }).of(tag) ?? tag;
  } catch {
    return tag;
  }
}

/** The visitor's time zone and what time it is there; what is no time zone stays as it is. */
function zone(name: string, now: number, language: string): string {
  try {
    return `${name}, ${new Intl.DateTimeFormat(language, { timeZone: name, hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }).format(now)}`;
  } catch {
    return name;
  }
}
