// The open conversation. Everything in it carries the visitor's colour.

import type { Signal } from '@preact/signals';
import { useSignal } from '@preact/signals';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import type { Line } from '../wire/conversation.ts';
import type { Session } from '../wire/payload.ts';
import { Composer } from './composer.tsx';
import { Icon } from './icons.tsx';
import { Lines } from './lines.tsx';
import { tagOf } from './tag.ts';
import { shortAddress } from './text.ts';
import { Empty, IconButton, useStore, VisitorName, VisitorTag } from './ui.tsx';

const nearEnd = 48; // px from the end within which the chat follows new messages

export function Chat({ session }: { session: Session }) {
  const store = useStore();
  const t = store.t.value;
  const mine = store.isMine(session);
  return (
    <section class={`chat ${tagOf(session.visitor).hue}`} aria-label={t('chat.with', { name: session.name })}>
      <ChatHead session={session} mine={mine} />
      <ChatLines session={session} />
      {session.away_since !== undefined && session.state === 'active' && (
        <p class="chat-note" role="status">
          <Icon name="offline" />
          {t('chat.away')}
        </p>
      )}
      {mine && session.state === 'active' ? <Composer session={session} /> : <Closed session={session} mine={mine} />}
    </section>
  );
}

function ChatHead({ session, mine }: { session: Session; mine: boolean }) {
  const store = useStore();
  const t = store.t.value;
  const live = mine && session.state === 'active';
  return (
    <header class="chat-head">
      <VisitorTag visitor={session.visitor} name={session.name} large />
      <div class="chat-who">
        <h2>
          <VisitorName visitor={session.visitor} name={session.name} />
        </h2>
        <p>
          {store.siteName(session.site)} · {store.departmentName(session.department)}
          {session.url && (
            <>
              {' · '}
              <bdi title={session.url}>{session.title || shortAddress(session.url)}</bdi>
            </>
          )}
        </p>
      </div>
      {live && (
        <>
          <IconButton
            icon="block"
            label={t('block.do', { name: session.name })}
            onClick={() => (store.question.value = { ask: 'block', session })}
          />
          <button
            type="button"
            class="button button-small chat-end"
            onClick={() => (store.question.value = { ask: 'end', session })}
          >
            <Icon name="end" />
            {t('end.do')}
          </button>
        </>
      )}
      {mine && session.state === 'ended' && (
        <button type="button" class="button button-small" onClick={() => store.dismiss(session.id)}>
          <Icon name="check" />
          {t('list.putAway')}
        </button>
      )}
    </header>
  );
}

function ChatLines({ session }: { session: Session }) {
  const store = useStore();
  const t = store.t.value;
  const talk = store.talk(session.id);
  const lines = talk.lines.value;
  const box = useRef<HTMLDivElement>(null);
  const atEnd = useSignal(true);
  useFollow(box, atEnd, lines, talk.typing.value !== null);
  const below = useUnreadBelow(lines, atEnd);
  const toEnd = () => {
    box.current?.scrollTo({ top: box.current.scrollHeight });
    atEnd.value = true;
  };
  return (
    <div class="chat-lines">
      <div
        class="chat-scroll"
        ref={box}
        role="log"
        aria-label={t('chat.log', { name: session.name })}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a scroller must be reachable by keyboard
        tabIndex={0}
        onScroll={() => (atEnd.value = endSeen(box.current))}
      >
        {lines.length === 0 && (
          <Empty icon="chats" title={t('chat.empty', { name: session.name })} text={t('chat.emptyText')} />
        )}
        <Lines
          lines={lines}
          mine={store.isMine(session)}
          newFrom={talk.newFrom.value}
          onAgain={(text) => store.say(session.id, text)}
        />
        {talk.typing.value && (
          <p class="typing">
            <span class="typing-dots" aria-hidden="true">
              <span />
              <span />
              <span />
            </span>
            {t('chat.typing')}
          </p>
        )}
      </div>
      {!atEnd.value && (
        <button type="button" class="to-end" onClick={toEnd}>
          <Icon name="down" />
          {below > 0 ? t('chat.toUnread', { n: below }) : t('chat.toEnd')}
        </button>
      )}
    </div>
  );
}

/** Follows the end as lines come, and starts at the first unread line. */
function useFollow(
  box: { current: HTMLDivElement | null },
  atEnd: Signal<boolean>,
  lines: readonly Line[],
  typing: boolean,
): void {
  const started = useRef(false);
  useLayoutEffect(() => {
    const scroller = box.current;
    if (!scroller || lines.length === 0) return;
    const divider = started.current ? null : scroller.querySelector<HTMLElement>('.new-divider');
    started.current = true;
    if (divider) scroller.scrollTop = divider.offsetTop - 24;
    else if (atEnd.value || lines.at(-1)?.tick === 'sending') scroller.scrollTop = scroller.scrollHeight;
    atEnd.value = endSeen(scroller);
  }, [lines, typing]);
  useEffect(() => {
    const scroller = box.current;
    if (!scroller) return;
    // a pane that changes its size keeps the end in view
    const observer = new ResizeObserver(() => {
      if (atEnd.peek()) scroller.scrollTop = scroller.scrollHeight;
    });
    observer.observe(scroller);
    return () => observer.disconnect();
  }, [box, atEnd]);
}

/** Counts the visitor's messages that came while the end was out of view. */
function useUnreadBelow(lines: readonly Line[], atEnd: Signal<boolean>): number {
  const seen = useRef(0);
  const texts = lines.filter(({ message }) => message.kind === 'text' && message.author.role === 'visitor').length;
  if (atEnd.value) seen.current = texts;
  return texts - seen.current;
}

function endSeen(scroller: HTMLElement | null): boolean {
  return !scroller || scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < nearEnd;
}

/** In place of the reply box where this agent cannot reply. */
function Closed({ session, mine }: { session: Session; mine: boolean }) {
  const { t } = useStore();
  const text =
    mine || session.state === 'ended'
      ? t.value('chat.ended')
      : session.state === 'waiting'
        ? t.value('chat.waits')
        : t.value('chat.others', { agent: session.agent_name || session.agent || '' });
  return <p class="chat-closed">{text}</p>;
}
