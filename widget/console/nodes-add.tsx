// A join token for a new node, as the command to run there. It is shown once.

import { useSignal } from '@preact/signals';
import { Modal } from './dialogs.tsx';
import { Icon } from './icons.tsx';
import { type Invitation, joinCommand } from './nodes.ts';
import { Refused } from './nodes-refused.tsx';
import { timeOfDay } from './time.ts';
import { IconButton, Segments, useStore } from './ui.tsx';

/** What needs no quotes in a shell. */
const name = /^[A-Za-z0-9._-]{1,60}$/;
const host = /^[A-Za-z0-9.\-[\]:]+:[0-9]{1,5}$/;

export function AddNode({ onClose }: { onClose: () => void }) {
  const store = useStore();
  const t = store.t.value;
  const role = useSignal<'core' | 'edge'>('core');
  const [node, address, region] = [useSignal(''), useSignal(''), useSignal('')];
  const made = useSignal<Invitation | null>(null);
  const refused = useSignal<unknown>(null);
  const busy = useSignal(false);
  const tried = useSignal(false); // what is wrong is said once it has been tried
  const wrong = {
    node: name.test(node.value) ? '' : t('nodes.badName'),
    address: host.test(address.value) ? '' : t('nodes.badAddress'),
    region: region.value === '' || name.test(region.value) ? '' : t('nodes.badName'),
  };
  const make = async (event: Event) => {
    event.preventDefault();
    tried.value = true;
    if (Object.values(wrong).some(Boolean)) {
      const form = event.currentTarget as HTMLFormElement;
      requestAnimationFrame(() => form.querySelector<HTMLElement>('[aria-invalid=true]')?.focus());
    }
    if (busy.value || Object.values(wrong).some(Boolean)) return;
    busy.value = true;
    refused.value = null;
    try {
      made.value = await store.parts.api.invite(role.value);
    } catch (error) {
      refused.value = error;
    }
    busy.value = false;
  };
  return (
    <Modal label={t('nodes.add')} class="nodes-add" onClose={onClose}>
      <header class="dialog-head">
        <h2>{t('nodes.add')}</h2>
        <IconButton icon="close" label={t('close')} onClick={onClose} />
      </header>
      {made.value ? (
        <Command
          command={joinCommand(made.value.token, node.value, address.value, region.value)}
          until={made.value.expires_at}
          onClose={onClose}
        />
      ) : (
        <form class="nodes-form" noValidate onSubmit={(event) => void make(event)}>
          <Segments
            label={t('nodes.addRole')}
            name="node-role"
            value={role.value}
            options={[
              { value: 'core', label: t('nodes.role.core') },
              { value: 'edge', label: t('nodes.role.edge') },
            ]}
            onChoose={(value) => {
              role.value = value;
            }}
          />
          <p class="hint">{t(role.value === 'core' ? 'nodes.addCore' : 'nodes.addEdge')}</p>
          <Field
            id="node-name"
            label={t('nodes.addName')}
            value={node}
            wrong={tried.value ? wrong.node : ''}
            placeholder="kohe4"
            required
          />
          <Field
            id="node-address"
            label={t('nodes.addAddress')}
            value={address}
            wrong={tried.value ? wrong.address : ''}
            placeholder="kohe4.example:8443"
            required
          />
          <Field
            id="node-region"
            label={t('nodes.addRegion')}
            value={region}
            wrong={tried.value ? wrong.region : ''}
            placeholder="eu-north"
          />
          {refused.value !== null && <Refused error={refused.value} texts={{ invalid: 'nodes.alone' }} />}
          <div class="dialog-do">
            <button type="button" class="button" onClick={onClose}>
              {t('cancel')}
            </button>
            <button type="submit" class="button button-primary" aria-disabled={busy.value}>
              {t('nodes.addMake')}
            </button>
          </div>
        </form>
      )}
    </Modal>
  );
}

function Field(props: {
  id: string;
  label: string;
  value: { value: string };
  wrong: string; // '': nothing
  placeholder: string;
  required?: boolean;
}) {
  const told = `${props.id}-wrong`;
  return (
    <div class="field">
      <label for={props.id}>{props.label}</label>
      <input
        id={props.id}
        type="text"
        autocomplete="off"
        autocapitalize="off"
        spellcheck={false}
        value={props.value.value}
        aria-invalid={props.wrong !== ''}
        aria-describedby={props.wrong ? told : undefined}
        placeholder={props.placeholder}
        required={props.required}
        onInput={(event) => {
          props.value.value = event.currentTarget.value;
        }}
      />
      {props.wrong && (
        <p class="field-wrong" id={told}>
          {props.wrong}
        </p>
      )}
    </div>
  );
}

function Command({ command, until, onClose }: { command: string; until: number; onClose: () => void }) {
  const store = useStore();
  const t = store.t.value;
  const copied = useSignal(false);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(command);
      copied.value = true;
      store.announce(t('cards.copied'));
    } catch {
      store.tell('cards.notCopied', {}, true);
    }
  };
  return (
    <div class="nodes-form">
      <p>{t('nodes.addRun')}</p>
      <output class="nodes-command" aria-label={t('nodes.addCommand')}>
        {command}
      </output>
      <p class="hint">{t('nodes.addThen')}</p>
      <p class="nodes-once">
        <Icon name="alert" />
        {t('nodes.addOnce', { time: timeOfDay(until, store.parts.settings.language.value) })}
      </p>
      <div class="dialog-do">
        <button type="button" class="button" onClick={onClose}>
          {t('close')}
        </button>
        <button type="button" class="button button-primary" onClick={() => void copy()}>
          <Icon name={copied.value ? 'check' : 'copy'} />
          {t(copied.value ? 'cards.copied' : 'nodes.copy')}
        </button>
      </div>
    </div>
  );
}
