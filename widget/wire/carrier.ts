// What a connection needs of its transport. Each transport says what happens
// through events; nothing happens after `ended`.

export interface CarrierEvents {
  /** The control lane can be written. */
  opened(): void;
  /** Bytes of a lane, in order; on a WebSocket whole messages. */
  received(lane: 'control' | 'page', bytes: Uint8Array): void;
  datagram(bytes: Uint8Array): void;
  /** The transport is gone, or never came. */
  ended(why: string): void;
}

export interface Carrier {
  readonly transport: 'webtransport' | 'websocket';
  send(lane: 'control' | 'page', bytes: Uint8Array): void;
  /** Largest datagram that can go now, 0 without datagrams. */
  readonly datagramSize: number;
  sendDatagram(bytes: Uint8Array): void;
  /** Opens the page lane; what is sent on it before it is open waits. `attach` is its first frame. */
  openPage(attach: Uint8Array): void;
  /** Bytes of the page lane given to the transport and not yet taken by it, and all ever given. */
  page(): { backlog: number; given: number };
  close(): void;
}

export type OpenCarrier = (url: string, hashes: readonly string[], events: CarrierEvents) => Carrier;
