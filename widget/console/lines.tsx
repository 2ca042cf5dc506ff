// The lines of a conversation, live or read later.

import { useSignal } from '@preact/signals';
import type { Line, Tick } from '../wire/conversation.ts';
import { type Message, spoken } from '../wire/payload.ts';
import { folds } from './folds.ts';
import { Time } from './line-time.tsx';
import { LinkCard } from './link-card.tsx';
import { Fold, SystemLine } from './system-lines.tsx';
import { linkify } from './text.ts';
import { day, sameDay } from './time.ts';
import { Pieces, useStore } from './ui.tsx';

const together = 120_000; // ms within which lines of one author form a group

interface Props {
  lines: readonly Line[];
  mine: boolean; // the conversation is this agent's
  newFrom?: number | null;
  onAgain?: (text: string) => void;
  onMoment?: (at: number) => void; // times are buttons that lead there in the recording
  until?: number; // ms since 1970: what comes later is pale
}

export function Lines({ lines, mine, newFrom = null, onAgain, onMoment, until }: Props) {
  const store = useStore();
  const t = store.t.value;
  const language = store.parts.settings.language.value;
  let marked = false;
  return (
    <>
      {folds(lines).map((group, i, groups) => {
        const line = group[0] as Line;
        const { message } = line;
        const previous = groups[i - 1]?.at(-1)?.message;
        const newDay = !previous || !sameDay(previous.at, message.at);
        const isNew = !marked && newFrom !== null && message.seq >= newFrom && message.author.role === 'visitor';
        marked ||= isNew;
        const joined =
          !newDay &&
          !isNew &&
          previous !== undefined &&
          spoken(previous.kind) &&
          sameAuthor(previous, message) &&
          message.at - previous.at < together;
        return (
          <div
            key={line.key}
            data-line={line.key}
            class={`line-block ${message.at > (until ?? message.at) ? 'line-later' : ''}`}
          >
            {newDay && <p class="day-divider">{day(message.at, store.now.peek(), language)}</p>}
            {isNew && <p class="new-divider">{t('chat.new')}</p>}
            {spoken(message.kind) ? (
              <TextLine line={line} joined={joined} {...(onAgain && { onAgain })} {...(onMoment && { onMoment })} />
            ) : group.length > 1 ? (
              <Fold lines={group} mine={mine} {...(onMoment && { onMoment })} />
            ) : (
              <SystemLine message={message} mine={mine} {...(onMoment && { onMoment })} />
            )}
          </div>
        );
      })}
    </>
  );
}

interface TextLineProps {
  line: Line;
  joined: boolean;
  onAgain?: (text: string) => void;
  onMoment?: (at: number) => void;
}

function TextLine({ line, joined, onAgain, onMoment }: TextLineProps) {
  const store = useStore();
  const t = store.t.value;
  const { message, tick } = line;
  const fromVisitor = message.author.role === 'visitor';
  const author = fromVisitor
    ? message.author.name || t('visitor.nameless')
    : line.mine
      ? t('chat.you')
      : message.author.name || t('role.agent');
  return (
    <div
      class={`line ${fromVisitor ? 'line-visitor' : 'line-agent'} ${joined ? 'line-joined' : ''} ${tick === 'not_saved' ? 'line-lost' : ''}`}
    >
      {!joined && (
        <p class="line-author">
          <bdi>{author}</bdi>
        </p>
      )}
      <div class="bubble">
        <span class="bubble-text" dir="auto">
          {message.kind === 'link' ? <LinkCard message={message} /> : <Pieces pieces={linkify(message.text ?? '')} />}
        </span>
        <span class="line-meta">
          <Time at={message.at} {...(onMoment && { onMoment })} />
          {tick && <TickMark tick={tick} />}
        </span>
      </div>
      {tick === 'not_saved' && (
        <NotSaved text={message.text ?? ''} {...(onAgain && message.kind === 'text' && { onAgain })} />
      )}
    </div>
  );
}

function NotSaved({ text, onAgain }: { text: string; onAgain?: (text: string) => void }) {
  const { t } = useStore();
  const done = useSignal(false);
  return (
    <p class="not-saved">
      {t.value('tick.not_saved')}
      {onAgain && !done.value && (
        <button
          type="button"
          class="link-button"
          onClick={() => {
            done.value = true;
            onAgain(text);
          }}
        >
          {t.value('chat.sendAgain')}
        </button>
      )}
    </p>
  );
}

const tickPaths: Record<Tick, string> = {
  sending: 'M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM8 5v3.2l2 1.3',
  sent: 'M3 8.5l3.2 3.2L13 5',
  stored: 'M3 7l3.2 3.2L13 3.5M3 13.5h10',
  delivered: 'M1 8.5l3.2 3.2L11 5M7.5 11l.7.7L15 5',
  read: 'M1 8.5l3.2 3.2L11 5M7.5 11l.7.7L15 5',
  not_saved: 'M8 2.5 14.5 13.5h-13zM8 6.5V9M8 11.3h.01',
};

/** How far a message has got, as a sign and for screen readers as a word. */
function TickMark({ tick }: { tick: Tick }) {
  const { t } = useStore();
  const label = t.value(`tick.${tick}`);
  return (
    <span class={`tick tick-${tick}`} title={label}>
      <svg viewBox="0 0 16 16" aria-hidden="true" focusable="false">
        <path d={tickPaths[tick]} />
      </svg>
      <span class="sr-only">{label}</span>
    </span>
  );
}

function sameAuthor(a: Message, b: Message): boolean {
  return a.author.role === b.author.role && a.author.id === b.author.id;
}
