// The lines of a conversation, live or read later.

import { useSignal } from '@preact/signals';
import type { Line, Tick } from '../wire/conversation.ts';
import { readDeed } from '../wire/deed.ts';
import { type Deed, type Level, type Message, spoken } from '../wire/payload.ts';
import { LinkCard } from './link-card.tsx';
import type { Store } from './store.ts';
import { linkify } from './text.ts';
import type { Key } from './texts.ts';
import { day, sameDay, timeOfDay } from './time.ts';
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
      {lines.map((line, i) => {
        const { message } = line;
        const previous = lines[i - 1]?.message;
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
          <div key={line.key} class={`line-block ${message.at > (until ?? message.at) ? 'line-later' : ''}`}>
            {newDay && <p class="day-divider">{day(message.at, store.now.peek(), language)}</p>}
            {isNew && <p class="new-divider">{t('chat.new')}</p>}
            {spoken(message.kind) ? (
              <TextLine line={line} joined={joined} {...(onAgain && { onAgain })} {...(onMoment && { onMoment })} />
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

/** When something was said; with a recording, the way there. */
function Time({ at, onMoment }: { at: number; onMoment?: (at: number) => void }) {
  const store = useStore();
  const text = timeOfDay(at, store.parts.settings.language.value);
  const time = <time dateTime={new Date(at).toISOString()}>{text}</time>;
  if (!onMoment) return time;
  const label = store.t.value('replay.jump');
  return (
    <button
      type="button"
      class="link-button moment"
      title={label}
      aria-label={`${text} · ${label}`}
      onClick={() => onMoment(at)}
    >
      {time}
    </button>
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

interface SystemLineProps {
  message: Message;
  mine: boolean;
  onMoment?: (at: number) => void;
}

function SystemLine({ message, mine, onMoment }: SystemLineProps) {
  const store = useStore();
  const t = store.t.value;
  return (
    <p class={`system-line system-${message.kind}`}>
      <span>{t(systemKey(message, mine), { name: named(message) || t('role.agent'), what: whatOf(message, t) })}</span>{' '}
      <Time at={message.at} {...(onMoment && { onMoment })} />
    </p>
  );
}

/** Whom an event is about: who joined or left stands in its text. */
const named = ({ kind, text }: Message): string | undefined =>
  kind === 'joined' || kind === 'left' ? text : undefined;

/** What a level or an act is about: the level's name, the element's. */
function whatOf({ kind, text = '' }: Message, t: Store['t']['value']): string {
  const { deed, what } = readDeed(text);
  return kind === 'level' ? t(`level.${deed as Level}`) : what || t('system.part');
}

/** Returns the text of a message that Kohe itself wrote, in a conversation of one's own or of another agent. */
export function systemKey({ kind, text = '' }: Message, mine: boolean): Key {
  if (kind === 'level') return `system.level.${text.endsWith(' on') ? 'on' : text.endsWith(' off') ? 'off' : 'no'}`;
  if (kind === 'act') return `system.act.${readDeed(text).deed as Deed | 'draw'}`;
  if (kind === 'joined') return 'system.joined';
  if (kind === 'left') return 'system.left';
  if (kind === 'consent') {
    if (text === 'recorded') return 'system.consentRecorded';
    return text === 'on' ? 'system.consentOn' : 'system.consentOff';
  }
  if (text === 'visitor') return 'system.endedVisitor';
  if (text === 'timeout') return 'system.endedTimeout';
  return mine ? 'system.endedYou' : 'system.endedAgent';
}

function sameAuthor(a: Message, b: Message): boolean {
  return a.author.role === b.author.role && a.author.id === b.author.id;
}
