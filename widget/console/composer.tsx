// The reply box. It names its visitor and carries their colour, so that what is
// meant for one is not written to another.

import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import { Limit, type Session } from '../wire/payload.ts';
import { Icon } from './icons.tsx';
import { SendPage } from './send-page.tsx';
import { useStore, VisitorName, VisitorTag } from './ui.tsx';

const warnAt = 300; // characters left from which the rest is shown
const tallest = 200; // px

export function Composer({ session }: { session: Session }) {
  const store = useStore();
  const t = store.t.value;
  const talk = store.talk(session.id);
  const draft = talk.draft.value;
  const box = useRef<HTMLTextAreaElement>(null);
  const left = Limit.text - [...draft].length;
  const sendable = draft.trim() !== '' && left >= 0;

  useEffect(() => {
    // a phone's keyboard would hide the conversation that was opened to be read
    if (matchMedia('(hover: hover)').matches) box.current?.focus({ preventScroll: true });
  }, []);
  useLayoutEffect(() => {
    const field = box.current;
    if (!field) return;
    field.style.height = 'auto';
    field.style.height = `${Math.min(tallest, field.scrollHeight)}px`;
  }, [draft]);

  const send = () => {
    if (!sendable) return;
    store.say(session.id, draft.trim());
    box.current?.focus();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing || event.altKey) return;
    event.preventDefault();
    send();
  };
  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <label class="composer-to" for={`reply-${session.id}`}>
        <VisitorTag visitor={session.visitor} name={session.name} />
        <span>
          {t('chat.replyTo')} <VisitorName visitor={session.visitor} name={session.name} />
        </span>
        {left <= warnAt && (
          <span class={`number composer-left ${left < 0 ? 'composer-over' : ''}`} role="status">
            {t('chat.left', { n: left })}
          </span>
        )}
      </label>
      <div class="composer-row">
        <textarea
          id={`reply-${session.id}`}
          ref={box}
          rows={1}
          dir="auto"
          data-reply
          value={draft}
          placeholder={t('chat.placeholder')}
          onInput={(event) => store.write(session.id, event.currentTarget.value)}
          onKeyDown={onKeyDown}
        />
        <SendPage session={session} />
        <button type="submit" class="send" aria-disabled={!sendable} aria-label={t('chat.send')} title={t('chat.send')}>
          <Icon name="up" />
        </button>
      </div>
    </form>
  );
}
