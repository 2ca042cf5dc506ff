// What an operator is asked before a node is changed, and the doing of it.

import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import type { Api } from './api.ts';
import { Modal } from './dialogs.tsx';
import { count, type NodeStatus, span } from './nodes.ts';
import { AddNode } from './nodes-add.tsx';
import { Refused } from './nodes-refused.tsx';
import type { Key } from './texts.ts';
import { useStore } from './ui.tsx';

export type Asked =
  | { ask: 'add' }
  | { ask: 'drain'; node: string; of: NodeStatus }
  | { ask: 'undrain' | 'remove' | 'hand-over'; node: string };

export function NodeQuestion({ asked, onClose }: { asked: Asked; onClose: () => void }) {
  switch (asked.ask) {
    case 'add':
      return <AddNode onClose={onClose} />;
    case 'drain':
      return <Drain node={asked.of} onClose={onClose} />;
    case 'undrain':
      return <Undrain node={asked.node} onClose={onClose} />;
    case 'remove':
      return <Remove node={asked.node} onClose={onClose} />;
    case 'hand-over':
      return <HandOver node={asked.node} onClose={onClose} />;
  }
}

interface Doing {
  title: string;
  yes: string;
  danger?: boolean;
  ready?: boolean; // false: something is missing yet
  act: (api: Api) => Promise<unknown>;
  done: string;
  refusals?: Readonly<Record<string, Key>>; // texts of what this may be refused with, by code
  node: string;
  onClose: () => void;
  children: ComponentChildren;
}

/** A question whose answer is sent; what is refused is said here. */
function Doing(props: Doing) {
  const store = useStore();
  const t = store.t.value;
  const busy = useSignal(false);
  const refused = useSignal<unknown>(null);
  const go = async (event: Event) => {
    event.preventDefault();
    if (busy.value || props.ready === false) return;
    busy.value = true;
    refused.value = null;
    try {
      await props.act(store.parts.api);
      store.announce(props.done);
      props.onClose();
    } catch (error) {
      refused.value = error;
    }
    busy.value = false;
  };
  return (
    <Modal label={props.title} onClose={props.onClose}>
      <form class="nodes-form" onSubmit={(event) => void go(event)}>
        <h2>{props.title}</h2>
        {props.children}
        {refused.value !== null && <Refused error={refused.value} node={props.node} texts={props.refusals} />}
        <div class="dialog-do">
          <button type="button" class="button" onClick={props.onClose}>
            {t('cancel')}
          </button>
          <button
            type="submit"
            class={`button ${props.danger ? 'button-danger' : 'button-primary'}`}
            aria-disabled={busy.value || props.ready === false}
          >
            {props.yes}
          </button>
        </div>
      </form>
    </Modal>
  );
}

const drainOver = [0, 30, 120, 600, 1800]; // seconds

function Drain({ node, onClose }: { node: NodeStatus; onClose: () => void }) {
  const store = useStore();
  const t = store.t.value;
  const language = store.parts.settings.language.value;
  const seconds = useSignal(30);
  const { node: name } = node;
  const there = {
    visitors: count(node.visitors, language),
    quiet: count(node.quiet, language),
    agents: count(node.agents, language),
  };
  return (
    <Doing
      title={t('nodes.drainTitle', { node: name })}
      yes={t('nodes.drain')}
      node={name}
      act={(api) => api.drain(name, seconds.value)}
      done={t('nodes.drainBegun', { node: name })}
      refusals={{ conflict: 'nodes.drainLast' }}
      onClose={onClose}
    >
      {!node.silent && <p>{t('nodes.drainThere', there)}</p>}
      <p>{t('nodes.drainText')}</p>
      <label class="field">
        <span>{t('nodes.drainOver')}</span>
        <select
          value={seconds.value}
          onChange={(event) => {
            seconds.value = Number(event.currentTarget.value);
          }}
        >
          {drainOver.map((s) => (
            <option key={s} value={s} selected={s === seconds.value}>
              {s === 0 ? t('nodes.atOnce') : span(s * 1000, language)}
            </option>
          ))}
        </select>
      </label>
    </Doing>
  );
}

function Undrain({ node, onClose }: { node: string; onClose: () => void }) {
  const t = useStore().t.value;
  return (
    <Doing
      title={t('nodes.undrainTitle', { node })}
      yes={t('nodes.undrain')}
      node={node}
      act={(api) => api.undrain(node)}
      done={t('nodes.undrained', { node })}
      onClose={onClose}
    >
      <p>{t('nodes.undrainText')}</p>
    </Doing>
  );
}

function HandOver({ node, onClose }: { node: string; onClose: () => void }) {
  const t = useStore().t.value;
  return (
    <Doing
      title={t('nodes.handOverTitle')}
      yes={t('nodes.handOverYes')}
      node={node}
      act={(api) => api.handOver()}
      done={t('nodes.handedOver')}
      onClose={onClose}
    >
      <p>{t('nodes.handOverText', { node })}</p>
    </Doing>
  );
}

function Remove({ node, onClose }: { node: string; onClose: () => void }) {
  const t = useStore().t.value;
  const typed = useSignal('');
  return (
    <Doing
      title={t('nodes.removeTitle', { node })}
      yes={t('nodes.removeYes')}
      danger
      node={node}
      ready={typed.value === node}
      act={(api) => api.removeNode(node)}
      done={t('nodes.removed', { node })}
      refusals={{ conflict: 'nodes.removeThere' }}
      onClose={onClose}
    >
      <p>{t('nodes.removeText')}</p>
      <label class="field">
        <span>{t('nodes.removeType', { node })}</span>
        <input
          type="text"
          autocomplete="off"
          autocapitalize="off"
          spellcheck={false}
          value={typed.value}
          onInput={(event) => {
            typed.value = event.currentTarget.value.trim();
          }}
        />
      </label>
    </Doing>
  );
}
