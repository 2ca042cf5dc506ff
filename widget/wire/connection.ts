// One connection over one transport: sequence, doubling, second copies dropped.
import type { Carrier, CarrierEvents, OpenCarrier } from './carrier.ts';
import { encode, type Frame, isDoubled, laneOf, Splitter, split, WireFault } from './frame.ts';
import { Kind, Limit } from './payload.ts';

const doubleGap = 2; // ms from a datagram to its copy on the stream
const seenAhead = 1024; // sequences above the stream's that are remembered

export interface ConnectionEvents {
  /** The control lane is there: say hello. */
  opened(): void;
  /** A control frame, each once. */
  control(frame: Frame): void;
  page(payload: Uint8Array): void;
  /** A pointer or a hand. */
  cursor(frame: Frame): void;
  ended(why: string): void;
}

export class Connection {
  readonly carrier: Carrier;
  /** When something was last sent, and last heard; ms since 1970. */
  sentAt = 0;
  heardAt = 0;
  #seq = { control: 0, page: 0, cursor: 0 };
  #streamed = 0; // highest sequence seen on the control stream
  #ahead = new Set<number>(); // those above it that came in datagrams
  #pointed = 0;
  #held: { bytes: Uint8Array; due: number }[] = []; // control frames that wait for their time, in order
  #flushing: ReturnType<typeof setTimeout> | undefined;
  #pageOpen = false;
  #over = false;
  #splitters = { control: new Splitter(), page: new Splitter() };
  #events: ConnectionEvents;

  constructor(
    open: OpenCarrier,
    url: string,
    hashes: readonly string[],
    readonly node: string, // whose address it is
    events: ConnectionEvents,
  ) {
    this.#events = events;
    const carrierEvents: CarrierEvents = {
      opened: () => events.opened(),
      received: (lane, bytes) => this.#guard(() => this.#received(lane, bytes)),
      datagram: (bytes) => this.#guard(() => this.#datagram(bytes)),
      ended: (why) => this.#end(why),
    };
    this.carrier = open(url, hashes, carrierEvents);
  }

  /** Sends a frame on the lane of its kind and returns its sequence. The page lane must be open for a page frame. */
  send(kind: number, payload: Uint8Array): number {
    const lane = laneOf(kind);
    const seq = ++this.#seq[lane];
    const frame = encode(kind, seq, payload);
    this.sentAt = Date.now();
    if (lane === 'page') this.carrier.send('page', frame);
    else if (lane === 'cursor' && this.carrier.datagramSize) this.carrier.sendDatagram(frame);
    else this.#sendControl(frame, isDoubled(kind));
    return seq;
  }

  /** Opens the page lane, once. `attach` proves the connection where it is another socket. */
  openPage(attach: Uint8Array): void {
    if (this.#pageOpen) return;
    this.#pageOpen = true;
    this.carrier.openPage(encode(Kind.Attach, ++this.#seq.page, attach));
  }

  close(): void {
    this.#over = true;
    clearTimeout(this.#flushing);
    this.carrier.close();
  }

  /**
   * A doubled frame goes as a datagram at once; its copy, and what follows it, wait on the stream so that one lost packet
   * never takes both. A hidden page's timers are too coarse for that: it sends both at once.
   */
  #sendControl(frame: Uint8Array, doubled: boolean): void {
    const size = Math.min(this.carrier.datagramSize, Limit.datagram);
    let due = this.#held.at(-1)?.due ?? 0;
    if (doubled && frame.length <= size) {
      this.carrier.sendDatagram(frame);
      if (!globalThis.document?.hidden) due = Date.now() + doubleGap;
    }
    this.#held.push({ bytes: frame, due });
    if (this.#held.length === 1) this.#flush();
  }

  #flush(): void {
    const now = Date.now();
    while (this.#held[0] && this.#held[0].due <= now) {
      this.carrier.send('control', this.#held[0].bytes);
      this.#held.shift();
    }
    const next = this.#held[0];
    if (next) this.#flushing = setTimeout(() => this.#flush(), next.due - now);
  }

  #received(lane: 'control' | 'page', bytes: Uint8Array): void {
    this.heardAt = Date.now();
    for (const frame of this.#splitters[lane].push(bytes)) {
      if (this.#over) return;
      if (frame.kind === Kind.PageDiff) this.#events.page(frame.payload);
      else if (laneOf(frame.kind) === 'cursor') this.#events.cursor(frame);
      else if (lane === 'page')
        this.#events.control(frame); // an Error before the lane is attached
      else this.#streamedControl(frame);
    }
  }

  #streamedControl(frame: Frame): void {
    if (frame.seq !== ++this.#streamed) {
      throw new WireFault('protocol', `A frame has the sequence ${frame.seq} where ${this.#streamed} follows.`);
    }
    if (!this.#ahead.delete(frame.seq)) this.#events.control(frame);
  }

  #datagram(bytes: Uint8Array): void {
    this.heardAt = Date.now();
    if (this.#streamed === 0) return; // it overtook the Welcome; what matters comes again on the stream
    const frame = split(bytes, 0)?.frame;
    if (!frame || this.#over) return;
    const { seq } = frame;
    if (laneOf(frame.kind) === 'cursor') {
      if (seq <= this.#pointed) return;
      this.#pointed = seq;
      this.#events.cursor(frame);
    } else if (seq > this.#streamed && seq <= this.#streamed + seenAhead && !this.#ahead.has(seq)) {
      this.#ahead.add(seq);
      this.#events.control(frame);
    }
  }

  /** What the edge must not send ends the connection; what a listener throws does not. */
  #guard(f: () => void): void {
    try {
      f();
    } catch (fault) {
      if (!(fault instanceof WireFault)) throw fault;
      this.#end(`${fault.code}: ${fault.message}`);
    }
  }

  #end(why: string): void {
    if (this.#over) return;
    this.close();
    this.#events.ended(why);
  }
}
