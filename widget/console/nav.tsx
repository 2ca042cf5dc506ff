// The way between screens: a rail beside the desk; at the bottom of a phone,
// where inside a conversation it switches between its panes.

import { Icon, type IconName } from './icons.tsx';
import type { PhonePane } from './store.ts';
import { useStore } from './ui.tsx';

export function Nav() {
  const store = useStore();
  const inTalk = store.selected.value !== null && store.pane.value !== 'list';
  return (
    <>
      <ScreenNav phone={!inTalk} />
      {inTalk && <PaneNav />}
    </>
  );
}

function ScreenNav({ phone }: { phone: boolean }) {
  const store = useStore();
  const t = store.t.value;
  const here = store.route.value.screen;
  const waiting = store.unread.value + store.offers.value.length;
  const items = [
    { screen: 'desk', icon: 'chats', label: t('nav.desk'), count: waiting, of: 'nav.new' },
    { screen: 'visitors', icon: 'globe', label: t('nav.visitors'), count: 0, of: 'nav.new' },
    { screen: 'history', icon: 'history', label: t('nav.history'), count: 0, of: 'nav.new' },
    { screen: 'cards', icon: 'cards', label: t('nav.cards'), count: store.openCards.value, of: 'nav.unanswered' },
    ...(store.me.value?.operator ? [nodesItem(t('nav.nodes'))] : []),
  ] as const;
  return (
    <nav class={`nav ${phone ? '' : 'nav-phone-none'}`} aria-label={t('nav.label')}>
      {items.map(({ screen, icon, label, count, of }) => (
        <a
          key={screen}
          class="nav-item"
          href={`#${screen}`}
          aria-current={here === screen ? 'page' : undefined}
          onClick={() => {
            store.pane.value = 'list';
          }}
        >
          <span class="nav-icon">
            <Icon name={icon} />
            <Count n={count} of={t(of)} />
          </span>
          {label}
        </a>
      ))}
    </nav>
  );
}

/** The way to the cluster's nodes, for operators. */
const nodesItem = (label: string) => ({ screen: 'nodes', icon: 'nodes', label, count: 0, of: 'nav.new' }) as const;

function PaneNav() {
  const store = useStore();
  const t = store.t.value;
  const items: readonly { pane: PhonePane; icon: IconName; label: string }[] = [
    { pane: 'list', icon: 'back', label: t('nav.desk') },
    { pane: 'chat', icon: 'chats', label: t('nav.chat') },
    { pane: 'page', icon: 'page', label: t('nav.page') },
    { pane: 'visitor', icon: 'person', label: t('nav.visitor') },
  ];
  const here = store.selected.value?.id ?? '';
  const fresh: Partial<Record<PhonePane, number>> = {
    list: store.own.value.filter(({ id }) => id !== here).reduce((n, { id }) => n + store.unreadOf(id), 0),
    chat: store.own.value.some(({ id }) => id === here) ? store.unreadOf(here) : 0,
  };
  return (
    <nav class="nav nav-panes" aria-label={t('nav.panes')}>
      {items.map(({ pane, icon, label }) => (
        <button
          type="button"
          key={pane}
          class="nav-item"
          aria-current={store.pane.value === pane ? 'true' : undefined}
          onClick={() => {
            store.turn(pane);
          }}
        >
          <span class="nav-icon">
            <Icon name={icon} />
            <Count n={fresh[pane] ?? 0} of={t('nav.new')} />
          </span>
          {label}
        </button>
      ))}
    </nav>
  );
}

/** How many wait on the other side; nothing where none do. */
function Count({ n, of }: { n: number; of: string }) {
  if (n === 0) return null;
  return (
    <span class="count">
      {n > 99 ? '99+' : n}
      <span class="sr-only"> {of}</span>
    </span>
  );
}
