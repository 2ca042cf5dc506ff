// A page that was sent to the visitor, in the conversation.

import { parseLink } from '../wire/address.ts';
import type { Message } from '../wire/payload.ts';
import { Icon } from './icons.tsx';
import { allowed } from './tools.tsx';
import { useStore } from './ui.tsx';

export function LinkCard({ message }: { message: Message }) {
  const store = useStore();
  const link = parseLink(message.text ?? '');
  if (!link) return <>{message.text}</>;
  const { url, title } = link;
  const session = store.sessions.value.get(message.session);
  const acts = session && store.isMine(session) && session.consent && session.state === 'active';
  const without = store.me.value?.sites.find(({ id }) => id === session?.site)?.without ?? [];
  const open = () => {
    if (session && allowed(store, session, 'click'))
      store.act({ session: session.id, node: 0, do: 'open', text: url.href });
  };
  return (
    <span class="link-card">
      <span class="link-card-face">
        <Icon name="page" />
        <a href={url.href} target="_blank" rel="noopener noreferrer nofollow">
          {title}
        </a>
        <small>{url.host}</small>
      </span>
      {acts && !without.includes('click') && sameSite(url, session.url) && (
        <button type="button" class="button button-small" onClick={open}>
          {store.t.value('push.open')}
        </button>
      )}
    </span>
  );
}

/** Whether a page is on the site that the visitor is on: only there can their tab be taken to it. */
function sameSite({ origin }: URL, at = ''): boolean {
  try {
    return new URL(at).origin === origin;
  } catch {
    return false;
  }
}
