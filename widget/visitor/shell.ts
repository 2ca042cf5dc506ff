// What the loader hands to the chat when the chat is wanted.

import type { Welcome } from '../wire/payload.ts';
import type { Launcher } from './launcher.ts';
import type { Settings } from './settings.ts';
import type { Store } from './store.ts';

export interface Shell {
  readonly settings: Settings;
  readonly store: Store;
  readonly root: ShadowRoot;
  /** Holds all that is drawn; its class says the side of the page. */
  readonly frame: HTMLElement;
  readonly launcher: Launcher;
  /** The edges' addresses, in the order to try them; at the first one is the quiet socket. */
  nodes: string[];
  /** No chat is wanted: the quiet socket is on. */
  readonly resting: boolean;
  /** The quiet socket's welcome, if it came before the click. */
  readonly welcome: Welcome | null;
  /** Draws the button in the site's colour. */
  paint(color: string | undefined): void;
  /** The chat is closed and no session is on: the quiet socket takes over. */
  rest(): void;
}

export interface ChatHandle {
  /** Connects; opens the window if it is wanted, or was open on the page before. */
  wake(open: boolean): void;
  close(): void;
}

/** What the module that the loader imports on demand exports. */
export interface ChatModule {
  start(shell: Shell): ChatHandle;
}
