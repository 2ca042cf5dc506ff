// Questions that stop the agent before what cannot be undone, and the help.

import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { toolKeys } from './shortcuts.ts';
import type { Key } from './texts.ts';
import type { Tool } from './tools.tsx';
import { IconButton, useStore, VisitorName, VisitorTag } from './ui.tsx';

export function Dialogs() {
  const store = useStore();
  const t = store.t.value;
  const question = store.question.value;
  if (!question) return null;
  switch (question.ask) {
    case 'help':
      return <Help />;
    case 'sign-out': {
      const n = store.own.value.filter((s) => s.state === 'active').length;
      return (
        <Confirm
          title={t('signOut.title')}
          text={n > 0 ? t('signOut.text', { n }) : t('signOut.textFree')}
          yes={t('signOut.do')}
          onYes={() => void store.signOut()}
        />
      );
    }
    case 'end':
    case 'block': {
      const { session } = question;
      const { name } = session;
      const ending = question.ask === 'end';
      return (
        <Confirm
          title={t(ending ? 'end.title' : 'block.title', { name })}
          text={t(ending ? 'end.text' : 'block.text', { name })}
          yes={t(ending ? 'end.yes' : 'block.yes')}
          danger={!ending}
          onYes={() => (ending ? store.end(session.id) : store.block(session))}
        >
          <p class="dialog-who">
            <VisitorTag visitor={session.visitor} name={session.name} large />
            <VisitorName visitor={session.visitor} name={name} />
          </p>
        </Confirm>
      );
    }
  }
}

export function Modal(props: { class?: string; label: string; onClose?: () => void; children: ComponentChildren }) {
  const store = useStore();
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const shown = dialog.current;
    shown?.showModal();
    return () => shown?.close();
  }, []);
  return (
    <dialog
      ref={dialog}
      class={`dialog ${props.class ?? ''}`}
      aria-label={props.label}
      onClose={() => {
        store.question.value = null;
        props.onClose?.();
      }}
    >
      {props.children}
    </dialog>
  );
}

function Confirm(props: {
  title: string;
  text: string;
  yes: string;
  danger?: boolean;
  onYes: () => void;
  children?: ComponentChildren;
}) {
  const store = useStore();
  const cancel = () => {
    store.question.value = null;
  };
  return (
    <Modal label={props.title}>
      <h2>{props.title}</h2>
      {props.children}
      <p>{props.text}</p>
      <div class="dialog-do">
        <button type="button" class="button" onClick={cancel}>
          {store.t.value('cancel')}
        </button>
        <button
          type="button"
          class={`button ${props.danger ? 'button-danger' : 'button-primary'}`}
          onClick={props.onYes}
        >
          {props.yes}
        </button>
      </div>
    </Modal>
  );
}

const keys: readonly { keys: readonly string[]; does: Key; single?: boolean }[] = [
  { keys: ['Alt', 'A'], does: 'help.accept' },
  { keys: ['Alt', 'D'], does: 'help.decline' },
  { keys: ['Ctrl', '1–9'], does: 'help.switch' },
  { keys: ['Alt', '1–9'], does: 'help.switchAlt' },
  { keys: ['Alt', '↑ ↓'], does: 'help.step' },
  { keys: ['Enter'], does: 'help.send' },
  { keys: ['Shift', 'Enter'], does: 'help.newLine' },
  { keys: ['A'], does: 'help.accept', single: true },
  { keys: ['R'], does: 'help.reply', single: true },
  { keys: ['/'], does: 'help.search', single: true },
  { keys: ['?'], does: 'help.open', single: true },
];

const pageKeys: typeof keys = [
  ...(Object.keys(toolKeys) as Tool[]).map((tool) => ({
    keys: [toolKeys[tool].toUpperCase()],
    does: `tool.${tool}` as const,
    single: true,
  })),
  { keys: ['G'], does: 'view.follow', single: true },
  { keys: ['Ctrl', '+ − 0'], does: 'help.pageSize' },
  { keys: ['← ↑ → ↓', 'Enter', 'Space'], does: 'help.glass' },
];

function Help() {
  const store = useStore();
  const t = store.t.value;
  const close = () => {
    store.question.value = null;
  };
  return (
    <Modal class="help" label={t('help.title')}>
      <header class="dialog-head">
        <h2>{t('help.title')}</h2>
        <IconButton icon="close" label={t('close')} onClick={close} />
      </header>
      <div class="help-tables">
        <Keys title={t('help.title')} hidden list={keys} />
        <Keys title={t('help.page')} list={pageKeys} />
      </div>
      <p class="hint">{t('help.hint')}</p>
    </Modal>
  );
}

function Keys({ title, hidden, list }: { title: string; hidden?: boolean; list: typeof keys }) {
  const { t, parts } = useStore();
  const singles = parts.settings.singleKeys.value;
  return (
    <table>
      <caption class={hidden ? 'sr-only' : ''}>{title}</caption>
      <tbody>
        {list
          .filter(({ single }) => !single || singles)
          .map(({ keys: strokes, does, single }) => (
            <tr key={`${strokes.join('+')}${single}`}>
              <th scope="row">
                {strokes.map((stroke) => (
                  <kbd key={stroke}>{stroke}</kbd>
                ))}
              </th>
              <td>{t.value(does)}</td>
            </tr>
          ))}
      </tbody>
    </table>
  );
}
