// What Kohe itself wrote into a conversation: who came and went, what the visitor
// allowed and what was done on their page.

import { useSignal } from '@preact/signals';
import { useLayoutEffect, useRef } from 'preact/hooks';
import type { Line } from '../wire/conversation.ts';
import { readDeed } from '../wire/deed.ts';
import type { Deed, Level, Message } from '../wire/payload.ts';
import { foldKind, tally } from './folds.ts';
import { Icon } from './icons.tsx';
import { Time } from './line-time.tsx';
import type { Store } from './store.ts';
import type { Key } from './texts.ts';
import { useStore } from './ui.tsx';

interface SystemLineProps {
  message: Message;
  mine: boolean;
  onMoment?: (at: number) => void;
}

export function SystemLine({ message, mine, onMoment }: SystemLineProps) {
  const store = useStore();
  const t = store.t.value;
  return (
    <p class={`system-line system-${message.kind}`}>
      <span>{t(systemKey(message, mine), { name: named(message) || t('role.agent'), what: whatOf(message, t) })}</span>{' '}
      <Time at={message.at} {...(onMoment && { onMoment })} />
    </p>
  );
}

interface FoldProps {
  lines: readonly Line[];
  mine: boolean;
  onMoment?: (at: number) => void;
}

/** Several lines as one that says how many of what they are, and opens. */
export function Fold({ lines, ...rest }: FoldProps) {
  const t = useStore().t.value;
  const open = useSignal(false);
  const first = lines[0] as Line;
  const counts = tally(lines);
  const inner = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => inner.current?.scrollIntoView({ block: 'nearest' }), [open.value]);
  return (
    <>
      <p class="system-line system-fold">
        <button type="button" class="fold" aria-expanded={open.value} onClick={() => (open.value = !open.value)}>
          <Icon name="down" />
          <span>
            {counts.map(([kind, n], i) => (
              <span key={kind} class="fold-piece">
                {t(`system.fold.${kind}`, { n })}
                {i < counts.length - 1 && ' · '}
              </span>
            ))}
          </span>
        </button>
        <Time at={first.message.at} {...(rest.onMoment && { onMoment: rest.onMoment })} />
      </p>
      {open.value && (
        <div class="folded" ref={inner}>
          {lines.map(({ key, message }) => (
            <SystemLine key={key} message={message} {...rest} />
          ))}
        </div>
      )}
    </>
  );
}

/** Whom an event is about: who joined or left stands in its text. */
const named = ({ kind, text }: Message): string | undefined =>
  kind === 'joined' || kind === 'left' ? text : undefined;

/** What a permission or an act is about: what is allowed, the element's name. */
function whatOf({ kind, text = '' }: Message, t: Store['t']['value']): string {
  const { deed, what } = readDeed(text);
  return kind === 'level' ? t(`system.may.${deed as Level}`) : what;
}

/** Returns the text of a message that Kohe itself wrote, in a conversation of one's own or of another agent. */
export function systemKey(message: Message, mine: boolean): Key {
  const { kind, text = '' } = message;
  if (kind === 'level') return `system.level.${foldKind(message) as 'on' | 'off' | 'no'}`;
  if (kind === 'act') {
    const { deed, what } = readDeed(text);
    if (deed === 'draw') return 'system.act.draw';
    return `system.${what ? 'act' : 'part'}.${deed as Deed}`;
  }
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
