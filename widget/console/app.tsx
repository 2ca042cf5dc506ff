// The frame of the console: which screen is shown, and what floats above all.

import { useEffect } from 'preact/hooks';
import { Cards } from './cards.tsx';
import { Desk } from './desk-screen.tsx';
import { Dialogs } from './dialogs.tsx';
import { History } from './history.tsx';
import { Nav } from './nav.tsx';
import { whenIdle } from './near.ts';
import { Offers } from './offers.tsx';
import { onDemand } from './on-demand.tsx';
import { SignIn } from './sign-in.tsx';
import { Toasts } from './toasts.tsx';
import { TopBar } from './top-bar.tsx';
import { Loading, useStore } from './ui.tsx';

const Visitors = onDemand(() => import('./visitors-screen.tsx').then((module) => module.Visitors));
const Nodes = onDemand(() => import('./nodes.tsx').then((module) => module.Nodes));

export function App() {
  const { phase } = useStore();
  switch (phase.value) {
    case 'loading':
      return (
        <main class="splash">
          <h1 class="sr-only">Kohe</h1>
          <Loading />
        </main>
      );
    case 'failed':
      return <StartFailed />;
    case 'out':
      return <SignIn />;
    case 'in':
      return <Console />;
  }
}

function Console() {
  const store = useStore();
  const { screen } = store.route.value;
  const operator = store.me.value?.operator ?? false;
  useEffect(() => {
    whenIdle(() => {
      Visitors.warm();
      if (operator) Nodes.warm();
    });
  }, [operator]);
  const listSeen = screen === 'desk' && store.pane.value === 'list';
  return (
    <div class={`console screen-${screen} pane-${store.pane.value}`}>
      <TopBar />
      <Nav />
      {/* where the list with its offers is not in view, they float: an offer runs out */}
      <div
        class={`floating-offers ${listSeen ? 'floating-offers-phone-none' : ''} ${screen === 'desk' ? 'floating-offers-wide-none' : ''}`}
      >
        <Offers floating />
      </div>
      {screen === 'desk' && <Desk />}
      {screen === 'visitors' && <Visitors />}
      {screen === 'history' && <History />}
      {screen === 'cards' && <Cards />}
      {screen === 'nodes' && <Nodes />}
      <Toasts />
      <Dialogs />
      <div class="sr-only" aria-live="polite">
        {store.said.value}
      </div>
    </div>
  );
}

function StartFailed() {
  const store = useStore();
  const t = store.t.value;
  return (
    <main class="splash">
      <h1 class="sr-only">Kohe</h1>
      <div class="failed" role="alert">
        <p>{t(store.why.value ?? 'error.internal')}</p>
        <button type="button" class="button button-primary" onClick={() => void store.start()}>
          {t('again')}
        </button>
      </div>
    </main>
  );
}
