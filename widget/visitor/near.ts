// What a page does once its quiet socket is welcomed, if the node says that there
// is something to do: it goes to the nearest edge, which is looked for once a
// day, and tells where the visitor is. In a frame it shows itself to the page
// around it instead, which tells that. Loaded for that.

import { nearest } from '../wire/near.ts';
import type { Say } from './presence.ts';
import type { Shell } from './shell.ts';

declare const PRESENCE_MODULE: string; // file names, by build.mjs
declare const FRAMED_MODULE: string;

const day = 86_400_000; // ms

/** send says something on the quiet socket that was welcomed. */
export function settle(shell: Shell, send: Say, socket: WebSocket): void {
  const { nodes = [], site } = shell.welcome ?? {};
  if (nodes.length || shell.nodes[1]) void move(shell, nodes);
  if (parent !== window) void framed(shell);
  else if (site?.visitors) void tell(shell, send, socket);
}

async function tell(shell: Shell, send: Say, socket: WebSocket): Promise<void> {
  const url = `${shell.settings.node}/kohe/a/${PRESENCE_MODULE}`;
  const { attend } = (await import(url)) as typeof import('./presence.ts');
  attend(shell, send, socket);
}

async function framed(shell: Shell): Promise<void> {
  const url = `${shell.settings.node}/kohe/a/${FRAMED_MODULE}`;
  const { attend } = (await import(url)) as typeof import('./framed.ts');
  attend(shell);
}

/** Looks for the nearest edge, if that is not known, and takes the quiet socket there; a chat stays where it is. */
async function move(shell: Shell, others: readonly string[]): Promise<void> {
  const { store } = shell;
  const at = Number(store.load('localStorage', 'near-at')); // NaN: never
  const here = shell.nodes[0] as string;
  if (Math.abs(Date.now() - at) < day) {
    store.save('localStorage', 'near', shell.nodes); // turned, if some did not answer
    return;
  }
  const nodes = await nearest(here, others);
  store.save('localStorage', 'near', nodes);
  store.save('localStorage', 'near-at', Date.now());
  if (!shell.resting || !nodes[0] || nodes[0] === here) return;
  shell.nodes = nodes;
  shell.rest();
}
