// Link keeps one connection to an edge up: it races the transports, remembers
// the winner, watches for stalls and comes back after a loss, to the next edge
// where there are several. What was sent while it was not open is dropped; the
// models above it say it again.
import { backoff } from './backoff.ts';
import type { OpenCarrier } from './carrier.ts';
import { Connection } from './connection.ts';
import { type Frame, idBytes, idText, WireFault } from './frame.ts';
import { type ControlKind, type Hello, Kind, Limit, type Payloads, type Welcome, type WireError } from './payload.ts';
import { forgetTransport, preferredTransport, rememberTransport, type TransportName } from './prefer.ts';
import { openWebSocket, webSocketURL } from './websocket.ts';
import { hasWebTransport, openWebTransport } from './webtransport.ts';

const headStart = 500; // ms that WebTransport has before WebSocket starts
const patience = 3000; // ms for a pong, or for the page lane to take something
const welcomeWithin = 10_000; // ms from connecting to welcome
const elsewhereWithin = 4000; // likewise, where there is another edge to try
const upgradeAfter = 1000; // ms on a WebSocket until WebTransport is tried where its address was not known
const steadyAfter = 5000; // ms open after which a loss is no longer the last one's successor
const watchEvery = 1000; // ms
const hurry = 100; // ms that the clients of a dead edge are spread over where there is another
const answerWithin = 300; // ms for something to be heard after a message, or four round trips

export interface WebTransportAddress {
  url: string;
  hashes: string[];
}

export interface LinkOptions {
  node: string; // "http://localhost:8080"
  others?: readonly string[]; // where else to try, in that order; each Welcome says it anew
  hello: (node: string) => Hello | Promise<Hello>; // asked for each attempt, because a ticket serves once, at one node
  quiet?: boolean; // one WebSocket, nothing else
  wt?: WebTransportAddress; // if known beforehand; later Welcomes replace it
}

/** How the transports are opened; tests put their own here. */
export interface Transports {
  webtransport: OpenCarrier | null;
  websocket: OpenCarrier;
}

type Listener = (payload: never, seq: number) => void;
type BytesListener = (session: string, bytes: Uint8Array) => void;

const nameOf = Object.fromEntries(Object.entries(Kind).map(([name, kind]) => [kind, name])) as Record<
  number,
  ControlKind
>;
const toBytes = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
const final = new Set(['version', 'auth', 'revoked', 'forbidden']); // connecting again would not help
const fatal = new Set(['malformed', 'too_large', 'protocol', 'timeout', 'busy', 'overflow', 'draining']); // the edge closes

function parse(frame: Frame): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(frame.payload));
  } catch {
    throw new WireFault('malformed', 'A control payload is no JSON.');
  }
}

/** What a listener throws is its own affair: it is reported, and the frames behind it still count. */
function call(f: () => void): void {
  try {
    f();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}

function withSession(session: string, bytes: Uint8Array): Uint8Array {
  const payload = new Uint8Array(16 + bytes.length);
  payload.set(idBytes(session));
  payload.set(bytes, 16);
  return payload;
}

/** WebTransport's address at a node that has not told it: only one without a certificate, which is http, has hashes to tell. */
function webTransportAt(node: string): WebTransportAddress | undefined {
  return node.startsWith('https:') ? { url: `${node}/kohe/wt`, hashes: [] } : undefined;
}

function addTo<T>(set: Set<T>, member: T): () => void {
  set.add(member);
  return () => set.delete(member);
}

export class Link {
  state: 'connecting' | 'open' | 'waiting' | 'closed' = 'closed';
  transport: TransportName | null = null;
  rtt: number | null = null; // ms, smoothed
  retryAt: number | null = null; // ms since 1970, when waiting
  #options: LinkOptions;
  #open: Transports;
  #nodes: string[]; // the first is where the link is, or is tried next
  #wt = new Map<string, WebTransportAddress>(); // by node
  #racing = new Set<Connection>(); // not welcomed yet
  #connection: Connection | null = null; // the welcomed one
  #welcome: Welcome | null = null;
  #openedAt = 0;
  #triedWT = false; // in this attempt
  #attempt = 0;
  #avoid: TransportName | null = null; // the one that just stalled: not tried until another has won
  #expecting = false; // something is to be heard soon
  #doubtedAt = 0; // since when another edge is tried because this one said nothing, 0 if it is not
  #pingAt = 0; // when the ping that waits for its pong was sent, 0 if none does
  #progress = { taken: 0, at: 0 };
  #timers = new Set<ReturnType<typeof setTimeout>>(); // of this attempt
  #watch: ReturnType<typeof setInterval> | undefined;
  #listeners = new Map<ControlKind, Set<Listener>>();
  #pageListeners = new Set<BytesListener>();
  #pointerListeners = new Set<BytesListener>();
  #handListeners = new Set<BytesListener>();
  #stateListeners = new Set<(link: Link) => void>();

  constructor(options: LinkOptions, transports?: Transports) {
    this.#options = options;
    this.#nodes = [...new Set([options.node, ...(options.others ?? [])])];
    if (options.wt) this.#wt.set(options.node, options.wt);
    this.#open = transports ?? {
      webtransport: hasWebTransport() ? openWebTransport : null,
      websocket: openWebSocket,
    };
  }

  /** Connects, and keeps connecting until close. */
  start(): void {
    if (this.state === 'closed') this.#connect();
  }

  close(): void {
    this.#drop();
    this.#become('closed');
  }

  /** The edge that the link is at, or tries next. */
  get node(): string {
    return this.#connection?.node ?? (this.#nodes[0] as string);
  }

  /** Moves to the first of some edges, without a break, if it is another one; the rest is where to go after a loss. */
  prefer(edges: readonly string[]): void {
    if (!this.#connection || !edges[0] || edges[0] === this.node || this.#racing.size > 0) return;
    this.#nodes = [...new Set([this.node, ...edges, ...this.#nodes])];
    this.#move();
  }

  /** Tries again now (focus, back online); on an open link, looks whether it still lives. */
  kick(): void {
    if (this.state === 'waiting') {
      this.#attempt = 0;
      this.#connect();
    } else if (this.state === 'open' && !this.#pingAt) this.#ping();
  }

  /** Sends a frame and returns its sequence, the ref of its answer; 0 if it was dropped because the link is not open. */
  send<K extends ControlKind>(kind: K, payload: Payloads[K]): number {
    const bytes = toBytes(payload);
    if (bytes.length > Limit.control) throw new RangeError(`A ${kind} of ${bytes.length} bytes is over its limit.`);
    const seq = this.#connection?.send(Kind[kind], bytes) ?? 0;
    if (seq && kind === 'Say') this.#expect();
    return seq;
  }

  sendPage(session: string, message: Uint8Array): void {
    const payload = withSession(session, message);
    if (payload.length > Limit.page)
      throw new RangeError(`A page message of ${payload.length} bytes is over its limit.`);
    if (!this.#connection) return;
    this.openPage();
    this.#connection.send(Kind.PageDiff, payload);
  }

  sendPointer(session: string, record: Uint8Array): void {
    this.#connection?.send(Kind.Pointer, withSession(session, record));
  }

  /** Where an agent points on the visitor's page (PROTOCOL.md, Guiding). */
  sendHand(session: string, record: Uint8Array): void {
    this.#connection?.send(Kind.Hand, withSession(session, record));
  }

  /** Bytes of page messages that the transport has not yet taken. */
  pageBacklog(): number {
    return this.#connection?.carrier.page().backlog ?? 0;
  }

  /** Opens the page lane now; otherwise the first sendPage does, or an agent's welcome. */
  openPage(): void {
    const welcome = this.#welcome;
    if (!this.#connection || !welcome) return;
    const { key } = welcome;
    const proof = this.transport === 'websocket' ? { link: welcome.link, ...(key && { key }) } : {};
    this.#connection.openPage(toBytes(proof));
  }

  on<K extends ControlKind>(kind: K, f: (payload: Payloads[K], seq: number) => void): () => void {
    const set = this.#listeners.get(kind) ?? new Set();
    this.#listeners.set(kind, set);
    return addTo(set, f as Listener);
  }

  onPage(f: BytesListener): () => void {
    return addTo(this.#pageListeners, f);
  }

  /** The visitor's pointer, for agents. */
  onPointer(f: BytesListener): () => void {
    return addTo(this.#pointerListeners, f);
  }

  /** Agents' hands, for visitors and for the other agents. */
  onHand(f: BytesListener): () => void {
    return addTo(this.#handListeners, f);
  }

  onState(f: (link: Link) => void): () => void {
    return addTo(this.#stateListeners, f);
  }

  #become(state: Link['state']): void {
    this.state = state;
    for (const f of this.#stateListeners) call(() => f(this));
  }

  #after(ms: number, f: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      f();
    }, ms);
    this.#timers.add(timer);
  }

  /** Forgets this attempt and its connections without a word to anybody. */
  #drop(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    clearInterval(this.#watch);
    for (const connection of this.#racing) connection.close();
    this.#racing.clear();
    this.#connection?.close();
    this.#connection = this.#welcome = this.transport = this.retryAt = null;
    this.#pingAt = this.#doubtedAt = 0;
    this.#expecting = false;
  }

  #connect(): void {
    this.#drop();
    this.#become('connecting');
    this.#try();
  }

  /** Opens a connection to the next edge, and leaves the one that is there once that serves. */
  #move(doubtedAt = 0): void {
    if (this.#racing.size > 0) return;
    this.#doubtedAt = doubtedAt;
    this.#next();
    if (this.#nodes[0] === this.node) this.#next();
    this.#try();
  }

  /** The connection that is there goes on: whatever was to take its place is given up. */
  #stay(): void {
    for (const other of this.#racing) other.close();
    this.#racing.clear();
    this.#doubtedAt = 0;
    this.#nodes = [...new Set([this.node, ...this.#nodes])];
  }

  #next(): void {
    this.#nodes.push(this.#nodes.shift() as string);
  }

  /** A message should be answered soon; an edge that says nothing at all is left for another. */
  #expect(): void {
    const connection = this.#connection;
    const asked = Date.now();
    if (this.#nodes.length < 2 || this.#expecting) return;
    this.#expecting = true;
    if (!this.#pingAt) this.#ping(); // so that an edge that has nothing to say yet is heard
    this.#after(Math.max(answerWithin, 4 * (this.rtt ?? answerWithin)), () => {
      // What has arrived meanwhile, while the page was busy, is heard first.
      this.#after(0, () => {
        this.#expecting = false;
        if (connection !== this.#connection || !connection || connection.heardAt >= asked) return;
        this.#move(asked);
      });
    });
  }

  /** Where there is another edge, one that is silent is asked whether it is there, while somebody looks at the page. */
  #probe(): void {
    if (this.#nodes.length < 2 || globalThis.document?.hidden) return;
    this.#expect();
  }

  #try(): void {
    const node = this.#nodes[0] as string;
    const webSocket = () => this.#race('websocket', this.#open.websocket, webSocketURL(node), [], node);
    let started = false;
    const fallBack = () => {
      if (started || this.#nodes[0] !== node || this.#connection?.node === node) return;
      started = true;
      webSocket();
    };
    this.#triedWT = this.#tryWT(node, fallBack);
    if (this.#triedWT) this.#after(headStart, fallBack);
    else fallBack();
  }

  /** Opens WebTransport to an edge; false if its address is not known, or another transport is to be used. */
  #tryWT(node: string, failed: () => void): boolean {
    const wt = this.#options.quiet ? undefined : (this.#wt.get(node) ?? webTransportAt(node));
    const open = this.#open.webtransport;
    if (!wt || !open || this.#avoid === 'webtransport' || preferredTransport() === 'websocket') return false;
    this.#race('webtransport', open, wt.url, wt.hashes, node, failed);
    return true;
  }

  /** Over to WebTransport, at an edge that has said only in its welcome where. */
  #upgrade(): void {
    if (this.#racing.size === 0) this.#triedWT = this.#tryWT(this.node, () => rememberTransport('websocket'));
  }

  #race(
    transport: TransportName,
    open: OpenCarrier,
    url: string,
    hashes: string[],
    node: string,
    failed?: () => void,
  ): void {
    let connection: Connection;
    const lost = () => {
      if (connection === this.#connection) {
        this.#retry();
        return;
      }
      this.#racing.delete(connection);
      failed?.();
      if (this.#racing.size > 0) return;
      if (this.#connection) this.#stay();
      else if (this.state === 'connecting') this.#retry();
    };
    const hello = async () => {
      try {
        const payload = await this.#options.hello(node);
        if (this.#racing.has(connection)) connection.send(Kind.Hello, toBytes(payload));
      } catch {
        connection.close();
        lost();
      }
    };
    try {
      connection = new Connection(open, url, hashes, node, {
        opened: () => void hello(),
        control: (frame) => this.#control(connection, transport, frame),
        page: (payload) => this.#bytes(this.#pageListeners, payload),
        cursor: ({ kind, payload }) =>
          this.#bytes(kind === Kind.Hand ? this.#handListeners : this.#pointerListeners, payload),
        ended: lost,
      });
    } catch {
      if (failed)
        failed(); // an address the browser refuses
      else if (this.#connection) this.#stay();
      else this.#retry();
      return;
    }
    this.#racing.add(connection);
    this.#after(this.#nodes.length > 1 ? elsewhereWithin : welcomeWithin, () => {
      if (!this.#racing.has(connection)) return;
      connection.close();
      lost();
    });
  }

  #bytes(listeners: Set<BytesListener>, payload: Uint8Array): void {
    const session = idText(payload.subarray(0, 16));
    for (const f of listeners) call(() => f(session, payload.subarray(16)));
  }

  #control(connection: Connection, transport: TransportName, frame: Frame): void {
    const kind = nameOf[frame.kind] as ControlKind;
    const payload = parse(frame) as Payloads[ControlKind];
    if (connection !== this.#connection) {
      if (!this.#racing.has(connection)) return;
      if (kind === 'Error') {
        this.#racing.delete(connection);
        connection.close();
        if (this.#connection) {
          this.#stay();
          return;
        }
      } else if (kind !== 'Welcome') {
        throw new WireFault('protocol', `A ${kind} came before the welcome.`);
      } else if (this.#doubtedAt && this.#connection && this.#connection.heardAt >= this.#doubtedAt) {
        this.#stay(); // it was only slow
        return;
      } else this.#won(connection, transport, payload as Welcome);
    }
    const before = !this.#connection;
    if (kind === 'Pong') this.#ponged((payload as Payloads['Pong']).t); // so that its listeners see the new round trip
    for (const f of this.#listeners.get(kind) ?? []) call(() => f(payload as never, frame.seq));
    this.#own(kind, payload, before);
  }

  /** What the link itself makes of a frame, after its listeners. */
  #own(kind: ControlKind, payload: Payloads[ControlKind], before: boolean): void {
    switch (kind) {
      case 'Welcome':
        this.#become('open');
        break;
      case 'Ping':
        this.send('Pong', payload as Payloads['Ping']);
        break;
      case 'Error':
        this.#failed(payload as WireError, before);
        break;
      case 'GoAway':
        this.#after((payload as WireError).retry_ms ?? 0, () =>
          this.#nodes.length > 1 ? this.#move() : this.#connect(),
        );
    }
  }

  #won(connection: Connection, transport: TransportName, welcome: Welcome): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    this.#racing.delete(connection);
    for (const other of this.#racing) other.close();
    this.#racing.clear();
    clearInterval(this.#watch);
    this.#connection?.close();
    this.#expecting = false;
    this.#pingAt = this.#doubtedAt = 0;
    this.#connection = connection;
    this.#nodes = [
      ...new Set([connection.node, ...(welcome.nodes ?? []), this.#options.node, ...(this.#options.others ?? [])]),
    ];
    const avoided = this.#avoid !== null;
    this.#avoid = null;
    this.#welcome = welcome;
    this.transport = transport;
    this.#openedAt = Date.now();
    const before = this.#wt.get(connection.node);
    const stale = String(before?.hashes ?? []) !== String(welcome.hashes ?? []); // a lost race proves nothing then
    if (transport === 'webtransport' || (this.#triedWT && !stale)) rememberTransport(transport);
    if (welcome.wt) this.#wt.set(connection.node, { url: welcome.wt, hashes: welcome.hashes ?? [] });
    this.#progress = { taken: 0, at: Date.now() };
    this.#watch = setInterval(() => this.#look(welcome.ping_ms), Math.min(watchEvery, welcome.ping_ms));
    if (!this.#options.quiet) this.#ping();
    if (welcome.agent) this.openPage();
    if (!this.#triedWT && !avoided) this.#after(upgradeAfter, () => this.#upgrade());
  }

  /** An Error before the welcome ends the attempt, whatever its code: the other transport would hear the same. */
  #failed({ code, retry_ms }: WireError, before: boolean): void {
    if (final.has(code) && (before || code !== 'forbidden')) this.close();
    else if (before || fatal.has(code)) this.#retry(retry_ms);
  }

  #ping(): void {
    this.#pingAt = Date.now();
    this.send('Ping', { t: this.#pingAt });
  }

  #ponged(t: number): void {
    if (t !== this.#pingAt) return;
    const sample = Math.max(0, Date.now() - t);
    this.rtt = this.rtt === null ? sample : this.rtt * 0.875 + sample * 0.125;
    this.#pingAt = 0;
  }

  /** Looks once a second whether the connection still lives. */
  #look(pingMs: number): void {
    const connection = this.#connection;
    if (!connection) return;
    const now = Date.now();
    const { backlog, given } = connection.carrier.page();
    if (!backlog || given - backlog !== this.#progress.taken) this.#progress = { taken: given - backlog, at: now };
    const stalled = now - this.#progress.at > patience || (this.#pingAt && now - this.#pingAt > patience);
    if (stalled || now - connection.heardAt > 2.5 * pingMs) this.#stalled();
    else if (!this.#pingAt && now - Math.min(connection.sentAt, connection.heardAt) >= pingMs) this.#ping();
    else if (!this.#pingAt && now - connection.heardAt >= watchEvery) this.#probe();
  }

  /**
   * Gives a silent connection up; the next one goes over the other transport. That is not remembered: most often the
   * whole network was away.
   */
  #stalled(): void {
    this.#avoid = this.transport;
    forgetTransport();
    this.#retry();
  }

  #retry(retryMs = 0): void {
    if (this.state === 'closed') return;
    if (this.#openedAt && Date.now() - this.#openedAt > steadyAfter) this.#attempt = 0;
    this.#openedAt = 0;
    this.#drop();
    const elsewhere = this.#attempt < this.#nodes.length - 1; // each of the others once, without a pause
    if (this.#nodes.length > 1) this.#next();
    const pause = () => retryMs || backoff(this.#attempt - this.#nodes.length + 1);
    const wait = elsewhere ? Math.random() * hurry : pause();
    this.#attempt++;
    this.retryAt = Date.now() + wait;
    this.#become('waiting');
    this.#after(wait, () => this.#connect());
  }
}
