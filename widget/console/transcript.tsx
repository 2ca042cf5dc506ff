// A conversation of the past, read only.

import { useSignal } from '@preact/signals';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Message, Session } from '../wire/payload.ts';
import type { Api } from './api.ts';
import { Lines } from './lines.tsx';
import { Replay } from './replay.tsx';
import { tagOf } from './tag.ts';
import { moment as when } from './time.ts';
import { Empty, Failed, IconButton, Loading, useLoad, useStore, VisitorName, VisitorTag } from './ui.tsx';

const pageSize = 200;
const maxPages = 25; // pages of messages; a longer transcript is shown up to here

export function Transcript({ id, query }: { id: string; query: string }) {
  const store = useStore();
  const { got, again } = useLoad(id, () => wholeTranscript(store.parts.api, id));
  if (got.state === 'loading') return <Loading />;
  if (got.state === 'failed') return <Failed error={got.error} again={again} />;
  return <Read {...got.value} query={query} />;
}

interface Whole {
  session: Session;
  blocked: boolean; // the visitor is
  messages: readonly Message[];
}

async function wholeTranscript(api: Api, id: string): Promise<Whole> {
  const { session, blocked } = await api.session(id);
  const messages: Message[] = [];
  for (let page = 0; page < maxPages; page++) {
    const got = await api.messages(id, { limit: pageSize, after: messages.at(-1)?.seq ?? 0 });
    messages.push(...got.messages);
    if (!got.more || got.messages.length === 0) break;
  }
  return { session, blocked, messages };
}

function Read({ session, blocked, messages, query }: Whole & { query: string }) {
  const store = useStore();
  const t = store.t.value;
  const box = useRef<HTMLElement>(null);
  const word = query.split(/\s+/)[0]?.toLowerCase() ?? '';
  const found =
    word === '' ? -1 : messages.findIndex(({ kind, text }) => kind === 'text' && text?.toLowerCase().includes(word));
  useEffect(() => {
    const block = box.current?.querySelector<HTMLElement>(`[data-line="${lines[found]?.key}"]`);
    if (box.current && block) box.current.scrollTop = block.offsetTop - 80;
  }, [found]);
  const lines = messages.map((message) => ({
    key: `${message.epoch}.${message.seq}`,
    message,
    mine: message.author.id === store.me.value?.id && message.author.role !== 'visitor',
    tick: null,
  }));
  const place = useSignal<{ at: number } | undefined>(undefined);
  const said = useSignal(Number.POSITIVE_INFINITY); // when the last was said that the recording has reached
  const language = store.parts.settings.language.value;
  const span = [session.opened_at, session.ended_at]
    .filter((at) => at !== undefined)
    .map((at) => when(at, store.now.value, language));
  const talk = (
    <article class={`chat transcript ${tagOf(session.visitor).hue}`}>
      <header class="chat-head">
        <IconButton icon="back" class="transcript-back" label={t('back')} onClick={() => store.open('history')} />
        <VisitorTag visitor={session.visitor} name={session.name} large />
        <div class="chat-who">
          <h2>
            <VisitorName visitor={session.visitor} name={session.name} />
          </h2>
          <p>
            {span.join(' – ')} · {store.siteName(session.site)}
            {session.agent_name && ` · ${session.agent_name}`}
          </p>
        </div>
        {blocked && <Lift session={session} />}
        {session.state !== 'ended' && store.sessions.value.has(session.id) && (
          <button type="button" class="button button-small" onClick={() => store.select(session.id)}>
            {t('history.toDesk')}
          </button>
        )}
      </header>
      <div class="chat-lines">
        <section
          class="chat-scroll"
          ref={box}
          aria-label={t('chat.log', { name: session.name })}
          // biome-ignore lint/a11y/noNoninteractiveTabindex: a scroller must be reachable by keyboard
          tabIndex={0}
        >
          {lines.length === 0 ? (
            <Empty icon="chats" title={t('history.silent')} />
          ) : (
            <Lines
              lines={lines}
              mine={store.isMine(session)}
              {...(session.recorded && { until: said.value, onMoment: (at: number) => (place.value = { at }) })}
            />
          )}
        </section>
      </div>
    </article>
  );
  if (!session.recorded) return talk;
  return (
    <div class="transcript-replay">
      <Replay
        session={session}
        {...(place.value && { place: place.value })}
        onTime={(now) => {
          said.value = messages.findLast(({ at }) => at <= now)?.at ?? 0;
        }}
      />
      {talk}
    </div>
  );
}

function Lift({ session }: { session: Session }) {
  const store = useStore();
  const [lifted, setLifted] = useState(false);
  if (lifted) return null;
  const lift = () => {
    setLifted(true);
    store.unblock(session);
  };
  return (
    <button type="button" class="button button-small" onClick={lift}>
      {store.t.value('block.lift')}
    </button>
  );
}
