import type { Carrier, CarrierEvents } from './carrier.ts';

/** Whether this browser has WebTransport at all. */
export const hasWebTransport = (): boolean => typeof WebTransport === 'function';

// TypeScript's DOM library lags behind: newer browsers make the datagram stream on demand.
type Datagrams = WebTransportDatagramDuplexStream & { createWritable?(): WritableStream<Uint8Array> };

function hashOptions(hashes: readonly string[]): WebTransportOptions {
  if (!hashes.length) return {};
  return {
    serverCertificateHashes: hashes.map((hash) => ({
      algorithm: 'sha-256',
      value: Uint8Array.from(atob(hash), (c) => c.charCodeAt(0)),
    })),
  };
}

async function readAll(from: ReadableStream<Uint8Array>, to: (bytes: Uint8Array) => void): Promise<void> {
  const reader = from.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    to(value);
  }
}

/**
 * One WebTransport session: two streams that we open, and datagrams. Where certificate hashes are given and the browser
 * does not know them (Firefox before 125), the handshake fails like any other and the caller falls back.
 */
export function openWebTransport(url: string, hashes: readonly string[], events: CarrierEvents): Carrier {
  const session = new WebTransport(url, hashOptions(hashes));
  let closed = false;
  let backlog = 0;
  let given = 0;
  let datagrams: WritableStreamDefaultWriter<Uint8Array> | null = null;
  const writers: { control?: WritableStreamDefaultWriter<Uint8Array>; page?: WritableStreamDefaultWriter<Uint8Array> } =
    {};
  let waiting: Uint8Array[] = [];
  const end = (why: unknown) => {
    if (closed) return;
    closed = true;
    events.ended(String(why));
  };
  const live =
    <T>(f: (value: T) => void) =>
    (value: T) => {
      if (!closed) f(value);
    };

  async function openStream(lane: 'control' | 'page') {
    const stream = await session.createBidirectionalStream();
    writers[lane] = stream.writable.getWriter();
    readAll(
      stream.readable,
      live((bytes) => events.received(lane, bytes)),
    ).then(() => end(`${lane} stream ended`), end);
  }

  function write(lane: 'control' | 'page', bytes: Uint8Array) {
    writers[lane]?.write(bytes).then(() => {
      if (lane === 'page') backlog -= bytes.length;
    }, end);
  }

  async function start() {
    await session.ready;
    const way = session.datagrams as Datagrams;
    datagrams = (way.createWritable?.() ?? way.writable).getWriter();
    readAll(way.readable, live(events.datagram)).catch(end);
    await openStream('control');
    if (!closed) events.opened();
  }
  start().catch(end);
  session.closed.then(() => end('closed'), end);

  return {
    transport: 'webtransport',
    get datagramSize() {
      return datagrams ? session.datagrams.maxDatagramSize : 0;
    },
    sendDatagram: (bytes) => void datagrams?.write(bytes).catch(() => {}),
    send(lane, bytes) {
      if (lane === 'page') {
        given += bytes.length;
        backlog += bytes.length;
        if (!writers.page) return void waiting.push(bytes);
      }
      write(lane, bytes);
    },
    openPage(attach) {
      openStream('page').then(() => {
        backlog += attach.length;
        for (const bytes of [attach, ...waiting]) write('page', bytes);
        waiting = [];
      }, end);
    },
    page: () => ({ backlog, given }),
    close() {
      closed = true;
      try {
        session.close();
      } catch {
        // Not yet connected: it ends by itself once it is.
        session.ready.then(
          () => session.close(),
          () => {},
        );
      }
    },
  };
}
