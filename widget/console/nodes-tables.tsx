// The tables of nodes and links. On a phone every row is a card with its labels.

import type { ComponentChildren } from 'preact';
import {
  byRegion,
  type ClusterStatus,
  count,
  loss,
  type NodeStatus,
  percent,
  size,
  span,
  standing,
  trip,
} from './nodes.ts';
import type { Asked } from './nodes-ask.tsx';
import { useStore } from './ui.tsx';

export function NodeTable({ status, onAsk }: { status: ClusterStatus; onAsk: (asked: Asked) => void }) {
  const { t } = useStore();
  const columns = [
    'node',
    'state',
    'visitors',
    'quiet',
    'agents',
    'sessions',
    'up',
    'trip',
    'disk',
    'version',
  ] as const;
  return (
    <table class="nodes-table">
      <caption class="sr-only">{t.value('nodes.title')}</caption>
      <thead>
        <tr>
          {columns.map((column) => (
            <th key={column} scope="col" class={`nodes-${column}`}>
              {t.value(`nodes.col.${column}`)}
            </th>
          ))}
          <th scope="col">
            <span class="sr-only">{t.value('nodes.col.do')}</span>
          </th>
        </tr>
      </thead>
      {byRegion(status.nodes).map(([region, nodes]) => (
        <tbody key={region}>
          <tr class="nodes-region">
            <th scope="rowgroup" colSpan={columns.length + 1}>
              {region ? <bdi>{region}</bdi> : t.value('nodes.noRegion')}
            </th>
          </tr>
          {nodes.map((node) => (
            <NodeRow key={node.node} at={status.at} node={node} onAsk={onAsk} />
          ))}
        </tbody>
      ))}
    </table>
  );
}

function NodeRow({ at, node: n, onAsk }: { at: number; node: NodeStatus; onAsk: (asked: Asked) => void }) {
  const store = useStore();
  const t = store.t.value;
  const language = store.parts.settings.language.value;
  const is = standing(n);
  const told = n.version !== '';
  return (
    <tr class={n.up ? '' : 'nodes-row-gone'}>
      <th scope="row">
        <bdi>{n.node}</bdi>
        <small>
          {t(`nodes.role.${n.role}`)}
          {n.self && ` · ${t('nodes.this')}`}
        </small>
      </th>
      <td class="nodes-state" data-label={t('nodes.col.state')}>
        <span class={`nodes-badge nodes-badge-${is}`}>{t(`nodes.state.${is}`)}</span>
        {!n.up && n.since > 0 && <small>{t('nodes.for', { time: span(at - n.since, language) })}</small>}
      </td>
      <Cell label={t('nodes.col.visitors')}>{told && count(n.visitors, language)}</Cell>
      <Cell label={t('nodes.col.quiet')}>{told && count(n.quiet, language)}</Cell>
      <Cell label={t('nodes.col.agents')}>{told && count(n.agents, language)}</Cell>
      <Cell label={t('nodes.col.sessions')}>{told && count(n.sessions, language)}</Cell>
      <Cell label={t('nodes.col.up')}>{told && span(at - n.started_at, language)}</Cell>
      <Cell label={t('nodes.col.trip')}>{told && !n.self && trip(n.rtt_ms, language)}</Cell>
      <Cell label={t('nodes.col.disk')}>{told && size(n.disk_free, language)}</Cell>
      <Cell label={t('nodes.col.version')}>{n.version}</Cell>
      <td class="nodes-do">
        {is === 'gone' && (
          <Do label={t('nodes.remove')} of={n.node} onDo={() => onAsk({ ask: 'remove', node: n.node })} />
        )}
        {n.up && n.draining && (
          <Do label={t('nodes.undrain')} of={n.node} onDo={() => onAsk({ ask: 'undrain', node: n.node })} />
        )}
        {n.up && !n.draining && (
          <Do label={t('nodes.drain')} of={n.node} onDo={() => onAsk({ ask: 'drain', node: n.node, of: n })} />
        )}
      </td>
    </tr>
  );
}

function Do({ label, of, onDo }: { label: string; of: string; onDo: () => void }) {
  return (
    <button type="button" class="button button-small" aria-label={`${label}: ${of}`} onClick={onDo}>
      {label}
    </button>
  );
}

function Cell({ label, children }: { label: string; children: ComponentChildren }) {
  const nothing = children === false || children === '';
  return (
    <td class={`number ${nothing ? 'nodes-nothing' : ''}`} data-label={label}>
      {nothing ? '–' : children}
    </td>
  );
}

export function CellTable({ status }: { status: ClusterStatus }) {
  const store = useStore();
  const t = store.t.value;
  const language = store.parts.settings.language.value;
  return (
    <section class="nodes-links">
      <h3>{t('nodes.cells')}</h3>
      <p class="hint">{t('nodes.cellsText')}</p>
      <table class="nodes-table">
        <caption class="sr-only">{t('nodes.cells')}</caption>
        <thead>
          <tr>
            {(['cell', 'leader', 'customers', 'moving', 'sessions'] as const).map((column) => (
              <th key={column} scope="col" class={`nodes-${column}`}>
                {t(`nodes.col.${column}`)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {(status.cells ?? []).map((c) => (
            <tr key={c.number} class={c.leader ? '' : 'nodes-row-gone'}>
              <th scope="row">{count(c.number, language)}</th>
              <td data-label={t('nodes.col.leader')}>{c.leader ? <bdi>{c.leader}</bdi> : '–'}</td>
              <Cell label={t('nodes.col.customers')}>{count(c.customers, language)}</Cell>
              <Cell label={t('nodes.col.moving')}>{c.moving > 0 && count(c.moving, language)}</Cell>
              <Cell label={t('nodes.col.sessions')}>{count(c.sessions, language)}</Cell>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

export function LinkTable({ status }: { status: ClusterStatus }) {
  const store = useStore();
  const t = store.t.value;
  const language = store.parts.settings.language.value;
  const both = (there: string, back: string) => `→ ${there}  ← ${back}`;
  return (
    <section class="nodes-links">
      <h3>{t('nodes.links')}</h3>
      <p class="hint">{t('nodes.linksText')}</p>
      <table class="nodes-table">
        <caption class="sr-only">{t('nodes.links')}</caption>
        <thead>
          <tr>
            {(['link', 'trip', 'lost', 'sent', 'connected'] as const).map((column) => (
              <th key={column} scope="col" class={`nodes-${column}`}>
                {t(`nodes.col.${column}`)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {status.links.map((l) => (
            <tr key={`${l.a} ${l.b}`} class={l.up ? '' : 'nodes-row-gone'}>
              <th scope="row">
                <bdi>{l.a}</bdi> → <bdi>{l.b}</bdi>
                {!l.up && <small>{t('nodes.notConnected')}</small>}
              </th>
              <Cell label={t('nodes.col.trip')}>{l.up && trip(l.rtt_ms, language)}</Cell>
              <Cell label={t('nodes.col.lost')}>
                {l.up && both(percent(loss(l.a_to_b), language), percent(loss(l.b_to_a), language))}
              </Cell>
              <Cell label={t('nodes.col.sent')}>
                {l.up && both(size(l.a_to_b.bytes, language), size(l.b_to_a.bytes, language))}
              </Cell>
              <Cell label={t('nodes.col.connected')}>{l.up && span(status.at - l.since, language)}</Cell>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
