// Tells the node where this tab is before the click, for a site that shows its
// agents who is on its pages, and shows an agent's invitation.

import { Kind, type Payloads } from '../wire/payload.ts';
import { uvarint } from '../wire/quiet.ts';
import { invited, showInvitation } from './invitation.ts';
import type { Shell } from './shell.ts';
import { TabWatch } from './tab.ts';
import { note } from './trail.ts';
import { presence } from './whereabouts.ts';

export type Say = (kind: number, payload: unknown) => void;

const tellEvery = 1500; // ms at least between two pages: the node takes one a second

let tell: (() => void) | null = null; // on the socket that is on now

/** Tells where the tab is on this socket, from now on, and hears invitations. */
export function attend(shell: Shell, send: Say, socket: WebSocket): void {
  const { store } = shell;
  const first = !tell;
  tell = () => {
    if (socket.readyState === WebSocket.OPEN) send(Kind.Presence, presence(store, invited(store)));
  };
  tell();
  socket.addEventListener('message', ({ data }) => {
    for (const invitation of invitations(new Uint8Array(data as ArrayBuffer)))
      showInvitation(shell, invitation.by ?? '', (accept) => send(Kind.Invitation, { accept }));
  });
  if (first) follow(shell);
}

/** Tells of each new page of a tab that changes it without loading. */
function follow({ store }: Shell): void {
  let last = '';
  let timer = 0;
  new TabWatch(({ url, title }) => {
    if (url + title === last) return;
    last = url + title;
    note(store, url, title, Date.now());
    clearTimeout(timer);
    timer = setTimeout(() => tell?.(), tellEvery) as unknown as number;
  });
}

/** The invitations among the frames of a message; quiet.ts has read the rest. */
function* invitations(bytes: Uint8Array): Generator<Payloads['Invitation']> {
  for (let at = 0; at < bytes.length; ) {
    const kind = bytes[at++];
    const [length, afterLength] = uvarint(bytes, at);
    const [, start] = uvarint(bytes, afterLength);
    at = start + length;
    if (kind === Kind.Invitation) yield JSON.parse(new TextDecoder().decode(bytes.subarray(start, at)));
  }
}
