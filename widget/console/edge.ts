// What the console needs of its connection and of the mirror. widget/wire's Link
// and widget/mirror's create are these; dev/ has scripted ones.

import type { Anchor } from '../guide/anchor.ts';
import type { Overview } from '../mirror/scrolls.ts';
import type { Spot } from '../mirror/spot.ts';
import type { Viewport } from '../mirror/tree.ts';
import type { ControlKind, Hello, Payloads } from '../wire/payload.ts';

export type { Anchor, Overview, Spot, Viewport };

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
  onHand(f: (session: string, record: Uint8Array) => void): () => void;
  onState(f: () => void): () => void;
  start(): void;
  close(): void;
  kick(): void;
  readonly node: string; // where it is, or is tried next
  prefer(edges: readonly string[]): void;
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
  /** The same point in the element around a spot's own. */
  around(spot: Spot): Spot | null;
  /** An element of the page by its node; null if it is not there. */
  anchor(node: number): Anchor | null;
  /** Scrolls with the visitor, or only with the agent. */
  follow(on: boolean): void;
  /** Scrolls what is at a point of the screen, if it does not follow; false if nothing goes further. */
  scrollAt(clientX: number, clientY: number, x: number, y: number): boolean;
  scrollTo(top: number): void;
  /** Where the visitor and the agent are on the page; null before there is one. */
  overview(): Overview | null;
  viewport(): Viewport;
  /** The element whose box is the visitor's viewport, as wide and high as it is there. */
  view(): HTMLIFrameElement;
  close(): void;
}

export interface MirrorOptions {
  src: string; // the mirror document of the site
  title: string; // for screen readers
  onGap: (diverged: boolean) => void; // messages are missing, or the page is not what it should be: ask for a snapshot
  onMove: () => void; // the page was scrolled, or has another size
}

/** Shows a visitor's page in a container, scaled so that it fits. */
export type OpenMirror = (container: HTMLElement, options: MirrorOptions) => Mirror;
