// What the console needs of its connection and of the mirror. widget/wire's Link
// and widget/mirror's create are these; dev/ has scripted ones.

import type { Spot } from '../mirror/spot.ts';
import type { ControlKind, Hello, Payloads } from '../wire/payload.ts';

export type { Spot };

export interface Edge {
  readonly state: 'connecting' | 'open' | 'waiting' | 'closed';
  readonly transport: 'webtransport' | 'websocket' | null;
  readonly rtt: number | null; // ms, smoothed
  readonly retryAt: number | null; // ms since 1970 by this computer's clock
  send<K extends ControlKind>(kind: K, payload: Payloads[K]): number;
  on<K extends ControlKind>(kind: K, f: (payload: Payloads[K], seq: number) => void): () => void;
  sendHand(session: string, record: Uint8Array): void;
  onPage(f: (session: string, message: Uint8Array) => void): () => void;
  onPointer(f: (session: string, record: Uint8Array) => void): () => void;
  onState(f: () => void): () => void;
  start(): void;
  close(): void;
  kick(): void;
}

export interface EdgeOptions {
  node: string;
  hello: (node: string) => Promise<Hello>;
  wt?: { url: string; hashes: string[] };
}

export interface Mirror {
  apply(message: Uint8Array): Promise<void>;
  pointer(record: Uint8Array): void;
  /** The name beside the visitor's pointer. */
  setName(name: string): void;
  /** Whether nodes can be asked for by place; the frame has to be covered while they can. */
  reach(on: boolean): void;
  /** What of the page is at a point of the screen. */
  at(clientX: number, clientY: number): Spot | null;
  /** The element whose box is the visitor's viewport, as wide and high as it is there. */
  view(): HTMLElement;
  close(): void;
}

export interface MirrorOptions {
  src: string; // the mirror document of the site
  title: string; // for screen readers
  onGap: (diverged: boolean) => void; // messages are missing, or the page is not what it should be: ask for a snapshot
}

/** Shows a visitor's page in a container, scaled so that it fits. */
export type OpenMirror = (container: HTMLElement, options: MirrorOptions) => Mirror;
