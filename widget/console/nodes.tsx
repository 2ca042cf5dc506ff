// The cluster's nodes, for operators: what is wrong, who leads, every node and
// every link, and what can be done with them. Asked for every two seconds while
// the page is seen.

import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { Api } from './api.ts';
import { Icon } from './icons.tsx';
import { type ClusterStatus, count, type NodeStatus, type Problem, problemCodes, span, votes } from './nodes.ts';
import { type Asked, NodeQuestion } from './nodes-ask.tsx';
import { CellTable, LinkTable, NodeTable } from './nodes-tables.tsx';
import { Empty, Failed, Loading, useStore } from './ui.tsx';

const askEvery = 2000; // ms
const staleAfter = 3 * askEvery;

export function Nodes() {
  const store = useStore();
  const t = store.t.value;
  if (!store.me.value?.operator) {
    return (
      <main class="nodes">
        <Empty icon="nodes" title={t('nodes.forOperators')} text={t('nodes.forOperatorsText')} />
      </main>
    );
  }
  return <Watched />;
}

function Watched() {
  const store = useStore();
  const t = store.t.value;
  const asked = useSignal<Asked | null>(null);
  const { status, error, heardAt, again } = useStatus(store.parts.api);
  const stale = error !== null && heardAt !== 0 && store.local.value - heardAt > staleAfter;
  const language = store.parts.settings.language.value;
  const away = store.parts.api.reach.instead.value !== null;
  return (
    <main class="nodes">
      <header class="screen-head">
        <h2>{t('nodes.title')}</h2>
        <button type="button" class="button" onClick={() => open({ ask: 'add' })}>
          <Icon name="plus" />
          {t('nodes.add')}
        </button>
      </header>
      {stale && (
        <p class="problem nodes-stale" role="alert">
          <Icon name="offline" />
          {t('nodes.stale', { time: span(store.local.value - heardAt, language) })}
        </p>
      )}
      {!status && error === null && <Loading />}
      {!status && error !== null && <Failed error={error} again={again} />}
      {status && (
        <>
          {away && <Elsewhere nodes={status.nodes} title={t('nodes.away')} text={t('nodes.awayText')} />}
          {!away && status.through && (
            <Elsewhere
              nodes={status.nodes}
              title={t('nodes.atEdge', { node: status.through })}
              text={t('nodes.atEdgeText')}
            />
          )}
          <Problems list={status.problems} onAsk={open} />
          <Cell status={status} onAsk={open} />
          <NodeTable status={status} onAsk={open} />
          {(status.cells?.length ?? 0) > 1 && <CellTable status={status} />}
          {status.links.length > 0 && <LinkTable status={status} />}
        </>
      )}
      {asked.value && <NodeQuestion asked={asked.value} onClose={close} />}
    </main>
  );

  function open(question: Asked) {
    asked.value = question;
  }
  function close() {
    asked.value = null;
    again();
  }
}

/** Asks for the state again and again while the page is seen; an older answer never replaces a newer one. */
function useStatus(api: Api) {
  const status = useSignal<ClusterStatus | null>(null);
  const error = useSignal<unknown>(null);
  const heardAt = useSignal(0); // ms, by this browser's clock
  const turn = useSignal(0);
  const { value: now } = turn;
  useEffect(() => {
    let over = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const ask = async () => {
      clearTimeout(timer);
      if (document.visibilityState === 'visible') {
        try {
          const got = await api.nodes();
          if (over) return;
          status.value = got;
          error.value = null;
          heardAt.value = Date.now();
        } catch (cause) {
          if (over) return;
          error.value = cause;
        }
      }
      timer = setTimeout(() => void ask(), askEvery);
    };
    const seen = () => document.visibilityState === 'visible' && turn.value++;
    document.addEventListener('visibilitychange', seen);
    void ask();
    return () => {
      over = true;
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', seen);
    };
  }, [now]);
  return { status: status.value, error: error.value, heardAt: heardAt.value, again: () => turn.value++ };
}

/**
 * Where an operator should change something rather than here: an edge that somebody took over could do it in their
 * name, and a node that did not serve this console does it for nobody.
 */
function Elsewhere({ nodes, title, text }: { nodes: readonly NodeStatus[]; title: string; text: string }) {
  const cores = nodes.filter((n) => n.role === 'core' && n.up && /^https?:/.test(n.public));
  return (
    <section class="nodes-edge">
      <p>
        <strong>{title}</strong> {text}
      </p>
      <ul>
        {cores.map((n) => (
          <li key={n.node}>
            <a href={`${n.public}/console/#nodes`}>{n.node}</a>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Problems({ list, onAsk }: { list: readonly Problem[]; onAsk: (asked: Asked) => void }) {
  const { t } = useStore();
  const known = list.filter(({ code }) => problemCodes.includes(code));
  return (
    <section class="nodes-problems" aria-label={t.value('nodes.problems')} aria-live="polite">
      {known.length === 0 && (
        <p class="nodes-fine">
          <Icon name="check" />
          {t.value('nodes.fine')}
        </p>
      )}
      {known.length > 0 && (
        <ul>
          {known.map(({ code, node, other, text }) => (
            <li key={`${code} ${node} ${other}`} class={`nodes-problem ${mild.has(code) ? 'nodes-problem-mild' : ''}`}>
              <Icon name="alert" />
              <p>
                {t.value(`nodes.problem.${code}`, { node, other })}
                {text && <small lang="en">{text}</small>}
              </p>
              {code === 'node_gone' && (
                <button type="button" class="button button-small" onClick={() => onAsk({ ask: 'remove', node })}>
                  {t.value('nodes.removeNamed', { node })}
                </button>
              )}
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

/** Problems that can wait for the morning. */
const mild: ReadonlySet<string> = new Set(['link_lossy', 'catching_up']);

function Cell({ status, onAsk }: { status: ClusterStatus; onAsk: (asked: Asked) => void }) {
  const store = useStore();
  const { t } = store;
  const language = store.parts.settings.language.value;
  const { leader, term, nodes, at, leader_since: since = 0, leader_changes: changes } = status;
  return (
    <section class="nodes-cell" aria-label={t.value('nodes.cell')}>
      <p>
        <strong>{leader ? t.value('nodes.leads', { node: leader }) : t.value('nodes.nobodyLeads')}</strong>
        {leader && since > 0 && <span>{t.value('nodes.for', { time: span(at - since, language) })}</span>}
        <span class="number">{t.value('nodes.term', { term })}</span>
        {changes !== undefined && (
          <span class="number">{t.value('nodes.changes', { count: count(changes, language) })}</span>
        )}
        <span>{t.value('nodes.voting', votes(nodes))}</span>
      </p>
      {leader && votes(nodes).up > 1 && (
        <button type="button" class="button button-small" onClick={() => onAsk({ ask: 'hand-over', node: leader })}>
          {t.value('nodes.handOver')}
        </button>
      )}
    </section>
  );
}
