// The bar on top: the agent's state and departments, the connection, settings.

import type { AgentState } from '../wire/payload.ts';
import { ConnectionView } from './connection.tsx';
import { Icon, type IconName, Logo } from './icons.tsx';
import { LanguageSelect, Switch, ThemeSegments } from './preferences.tsx';
import { initialsOf } from './tag.ts';
import { Popover, Segments, useStore } from './ui.tsx';

const stateIcons: Record<Exclude<AgentState, 'out'>, IconName> = {
  service: 'headset',
  paperwork: 'pen',
  break: 'coffee',
};

export function TopBar() {
  const store = useStore();
  const t = store.t.value;
  const state = store.wished.value ?? store.desk.value?.state ?? null;
  const states = ['service', 'paperwork', 'break'] as const;
  return (
    <header class="top-bar">
      <div class="brand">
        <Logo />
        <h1>Kohe</h1>
      </div>
      <Segments
        label={t('state.label')}
        name="state"
        value={state === 'out' ? null : state}
        options={states.map((value) => ({ value, label: t(`state.${value}`), icon: stateIcons[value] }))}
        onChoose={(value) => store.setState(value)}
      />
      <Departments />
      <Load />
      <span class="spring" />
      <ConnectionView />
      <Account />
    </header>
  );
}

/** How many of the agent's places are taken. */
function Load() {
  const { desk, t } = useStore();
  if (!desk.value) return null;
  const { load, capacity } = desk.value;
  const text = t.value('desk.load', { load, capacity });
  return (
    <div class="load" role="img" aria-label={text} title={text}>
      {Array.from({ length: capacity }, (_, i) => (
        <span key={`${i}`} class={i < load ? 'load-place load-taken' : 'load-place'} />
      ))}
    </div>
  );
}

function Departments() {
  const store = useStore();
  const t = store.t.value;
  const mine = store.me.value?.departments ?? [];
  const ticked = new Set(store.desk.value?.departments ?? []);
  if (mine.length === 0) return null;
  const toggle = (id: string, on: boolean) =>
    store.setDepartments(mine.map((d) => d.id).filter((d) => (d === id ? on : ticked.has(d))));
  const count = mine.filter((d) => ticked.has(d.id)).length;
  return (
    <Popover
      class="departments"
      label={`${t('departments.label')}: ${count}/${mine.length}`}
      button={
        <>
          <span class="departments-word">{t('departments.label')}</span>
          <span class="number">
            {count}/{mine.length}
          </span>
          <Icon name="down" />
        </>
      }
    >
      <fieldset class="ticks">
        <legend>{t('departments.lead')}</legend>
        {mine.map((department) => (
          <label key={department.id} class="tick-row">
            <input
              type="checkbox"
              checked={ticked.has(department.id)}
              onChange={(event) => toggle(department.id, event.currentTarget.checked)}
            />
            {department.name}
          </label>
        ))}
      </fieldset>
    </Popover>
  );
}

function Account() {
  const store = useStore();
  const t = store.t.value;
  const me = store.me.value;
  const { settings, alerts } = store.parts;
  return (
    <Popover
      class="account"
      label={t('account.label', { name: me?.name ?? '' })}
      button={
        <span class="avatar" aria-hidden="true">
          {initialsOf(me?.name ?? '')}
        </span>
      }
    >
      <div class="account-who">
        <strong>{me?.name}</strong>
        <span>{t(me?.role === 'supervisor' ? 'role.supervisor' : 'role.agent')}</span>
        {me?.alias && <span>{t('account.alias', { alias: me.alias })}</span>}
      </div>
      <div class="account-group">
        <span class="account-caption" aria-hidden="true">
          {t('settings.theme')}
        </span>
        <ThemeSegments />
        <LanguageSelect />
      </div>
      <div class="account-group">
        <Switch
          label={t('settings.sound')}
          on={settings.sound.value}
          onChange={(on) => {
            settings.sound.value = on;
            if (on) alerts.play('message');
          }}
        />
        <Switch
          label={t('settings.singleKeys')}
          on={settings.singleKeys.value}
          onChange={(on) => {
            settings.singleKeys.value = on;
          }}
        />
        <Notifications />
      </div>
      <div class="account-group">
        <button type="button" class="menu-item" onClick={() => (store.question.value = { ask: 'help' })}>
          <Icon name="keyboard" />
          {t('help.open')}
        </button>
        <button type="button" class="menu-item" onClick={() => (store.question.value = { ask: 'sign-out' })}>
          <Icon name="exit" />
          {t('signOut.do')}
        </button>
      </div>
    </Popover>
  );
}

function Notifications() {
  const { t, parts, toasts } = useStore();
  void toasts.value; // the answer to the browser's question is met with a toast, which draws this anew
  const permission = parts.alerts.permission();
  if (permission === 'granted' || permission === 'missing') return null;
  if (permission === 'denied') return <p class="hint">{t.value('settings.notifyDenied')}</p>;
  return <NotifyButton />;
}

function NotifyButton() {
  const store = useStore();
  const onClick = async () => {
    await store.parts.alerts.ask();
    if (store.parts.alerts.permission() === 'granted') store.tell('toast.notifyOn');
    else store.tell('settings.notifyDenied', {}, true);
  };
  return (
    <button type="button" class="menu-item" onClick={() => void onClick()}>
      <Icon name="bell" />
      {store.t.value('settings.notify')}
    </button>
  );
}
