// Puts the console together and draws it. main.tsx gives it the real
// connection and mirror, dev/ scripted ones.

import { effect } from '@preact/signals';
import { render } from 'preact';
import { Alerts } from './alerts.ts';
import { Api } from './api.ts';
import { App } from './app.tsx';
import { parseRoute } from './route.ts';
import { applySettings, Settings } from './settings.ts';
import { actionOf } from './shortcuts.ts';
import { type Parts, Store } from './store.ts';
import { choose } from './tools.tsx';
import { StoreProvider } from './ui.tsx';

const countEvery = 60_000; // ms between two looks at the messages left

export function run(
  parts: Pick<Parts, 'connect' | 'openMirror'>,
  fetch: typeof globalThis.fetch = (...args) => globalThis.fetch(...args),
): Store {
  const settings = new Settings(localStorage);
  applySettings(settings, document.documentElement);
  const alerts = new Alerts(settings);
  alerts.wakeOnGesture(window);
  const store = new Store({ ...parts, api: new Api(fetch), settings, alerts, storage: localStorage });
  listen(store);
  void store.speak().then(() => {
    render(
      <StoreProvider value={store}>
        <App />
      </StoreProvider>,
      document.body,
    );
    settings.language.subscribe(() => void store.speak());
  });
  void store.start();
  return store;
}

/** Connects the window to the store: clock, focus, network, address, keys, title. */
function listen(store: Store): void {
  setInterval(() => {
    store.local.value = Date.now();
  }, 1000);
  setInterval(() => {
    if (store.phase.value === 'in') void store.countCards();
  }, countEvery);
  const back = () => {
    if (document.hidden) return;
    store.look();
    store.kick();
  };
  document.addEventListener('visibilitychange', back);
  window.addEventListener('focus', back);
  const phone = matchMedia('(max-width: 760px)'); // as in layout.css
  const measured = () => {
    store.phone.value = phone.matches;
    store.look();
  };
  measured();
  phone.addEventListener('change', measured);
  window.addEventListener('online', () => store.kick());
  window.addEventListener('hashchange', () => {
    const route = parseRoute(location.hash);
    if (route.screen === 'desk' && route.session !== store.route.value.session)
      store.pane.value = route.session ? 'chat' : 'list';
    store.route.value = route;
    store.look();
  });
  window.addEventListener('keydown', (event) => onKey(store, event));
  effect(() => {
    const n = store.unread.value + store.offers.value.length;
    document.title = n > 0 ? `(${n}) Kohe` : 'Kohe';
  });
}

function onKey(store: Store, event: KeyboardEvent): void {
  if (store.phase.value !== 'in' || store.question.value || event.isComposing) return;
  const at = event.target instanceof Element ? event.target : null;
  const writing = at?.closest('input:not([type=radio], [type=checkbox]), textarea, select, [contenteditable]') !== null;
  const action = actionOf(event, writing, store.parts.settings.singleKeys.value);
  if (!action) return;
  event.preventDefault();
  const offer = store.offers.value[0];
  const place = action.do === 'switch' ? store.own.value[action.place - 1] : undefined;
  if (action.do === 'accept' && offer) store.answer(offer, true);
  if (action.do === 'decline' && offer) store.answer(offer, false);
  if (action.do === 'next') store.step(1);
  if (action.do === 'previous') store.step(-1);
  if (action.do === 'help') store.question.value = { ask: 'help' };
  if (action.do === 'reply') document.querySelector<HTMLElement>('[data-reply]')?.focus();
  if (action.do === 'follow') store.follows.value = !store.follows.value;
  if (action.do === 'tool') choose(store, action.tool);
  if (action.do === 'search') {
    store.open('history');
    requestAnimationFrame(() => document.querySelector<HTMLElement>('[data-search]')?.focus()); // once it is drawn
  }
  if (place) store.select(place.id);
}
