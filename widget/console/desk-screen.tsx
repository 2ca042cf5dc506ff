// The desk: conversations, the open one, and beside it the visitor's page and
// who they are.

import { useEffect, useRef } from 'preact/hooks';
import { Chat } from './chat.tsx';
import { ConnectionBanner } from './connection.tsx';
import { List } from './list.tsx';
import { Side } from './side.tsx';
import { Splitter } from './splitter.tsx';
import { Empty, Loading, useStore } from './ui.tsx';

export function Desk() {
  const store = useStore();
  const t = store.t.value;
  const root = useRef<HTMLElement>(null);
  const session = store.selected.value;
  const { list, side } = store.parts.settings.panes;
  const widths = {
    ...(list.value !== null && { '--list': `${list.value}px` }),
    ...(side.value !== null && { '--side': `${side.value}px` }),
  };
  const width = (selector: string) => root.current?.querySelector(selector)?.getBoundingClientRect().width ?? 0;
  const edge = (where: 'left' | 'right') => root.current?.getBoundingClientRect()[where] ?? 0;
  return (
    <main class="desk" ref={root} style={widths}>
      <ConnectionBanner />
      <List />
      <Splitter
        pane="list"
        label={t('split.list')}
        grows={1}
        measure={() => width('.list')}
        at={(e) => e.clientX - edge('left')}
      />
      {session ? (
        <>
          <Chat key={`chat-${session.id}`} session={session} />
          <Splitter
            pane="side"
            label={t('split.side')}
            grows={-1}
            measure={() => width('.side')}
            at={(e) => edge('right') - e.clientX}
          />
          <Side key={`side-${session.id}`} session={session} />
        </>
      ) : (
        <section class="no-chat" aria-label={t('chat.label')}>
          <NoChat />
        </section>
      )}
    </main>
  );
}

function NoChat() {
  const store = useStore();
  const t = store.t.value;
  const { route, own, offers, desk } = store;
  useEffect(() => {
    // the address may name a conversation that is not ours any more
    if (route.value.session && desk.value && store.link.value.state === 'open') {
      const timer = setTimeout(() => store.go({ screen: 'desk', session: null }), 3000);
      return () => clearTimeout(timer);
    }
  }, [route.value.session, desk.value, store]);
  if (route.value.session || !desk.value) return <Loading />;
  if (offers.value.length > 0) return <Empty icon="bell" title={t('desk.offered')} text={t('desk.offeredText')} />;
  if (own.value.length > 0) return <Empty icon="chats" title={t('desk.choose')} text={t('desk.chooseText')} />;
  return (
    <Empty icon="headset" title={t('desk.quiet')} text={t('desk.quietText')}>
      <ul class="teach">
        <li>
          <kbd>Alt</kbd> <kbd>A</kbd> {t('help.accept')}
        </li>
        <li>
          <kbd>/</kbd> {t('help.search')}
        </li>
        <li>
          <kbd>?</kbd> {t('help.open')}
        </li>
      </ul>
    </Empty>
  );
}
