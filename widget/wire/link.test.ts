import assert from 'node:assert/strict';
import { afterEach, beforeEach, mock, test } from 'node:test';
import type { Carrier, CarrierEvents, OpenCarrier } from './carrier.ts';
import { encode, type Frame, Splitter, split } from './frame.ts';
import { Link, type LinkOptions } from './link.ts';
import { type ControlKind, Kind, type Payloads, type Welcome } from './payload.ts';

const welcome: Welcome = { v: 1, link: 'l', key: 'k', now: 0, ping_ms: 15_000 };
const session = 'abcdefghijklmnopqrstuvwxy4';
const text = (bytes: Uint8Array) => JSON.parse(new TextDecoder().decode(bytes));

/** One end of a connection that a test holds. */
class Fake implements Carrier {
  sent: Frame[] = []; // stream frames of the control lane
  pages: Frame[] = [];
  datagrams: Frame[] = [];
  datagramSize = 0;
  backlog = 0;
  given = 0;
  closed = false;
  #seq = 0;
  #splitter = new Splitter();
  #pages = new Splitter();

  constructor(
    readonly transport: Carrier['transport'],
    readonly url: string,
    readonly events: CarrierEvents,
  ) {
    if (transport === 'webtransport') this.datagramSize = 1200;
  }
  send(lane: 'control' | 'page', bytes: Uint8Array) {
    if (lane === 'control') return void this.sent.push(...this.#splitter.push(bytes));
    this.pages.push(...this.#pages.push(bytes));
    this.given += bytes.length;
    this.backlog += bytes.length;
  }
  sendDatagram(bytes: Uint8Array) {
    this.datagrams.push((split(bytes, 0) as { frame: Frame }).frame);
  }
  openPage(attach: Uint8Array) {
    this.pages.push(...this.#pages.push(attach));
  }
  page() {
    return { backlog: this.backlog, given: this.given };
  }
  close() {
    this.closed = true;
  }

  /** The edge sends a frame. */
  says<K extends ControlKind>(
    kind: K,
    payload: Payloads[K],
    way: 'stream' | 'datagram' | 'both' = 'stream',
    seq?: number,
  ) {
    const frame = encode(Kind[kind], seq ?? ++this.#seq, new TextEncoder().encode(JSON.stringify(payload)));
    if (way !== 'stream') this.events.datagram(frame);
    if (way !== 'datagram') this.events.received('control', frame);
  }
  get kinds() {
    return this.sent.map(({ kind }) => kind);
  }
}

let fakes: Fake[];
const opener =
  (transport: Carrier['transport']): OpenCarrier =>
  (url, _hashes, events) => {
    if (url.includes('nowhere')) throw new SyntaxError('not an address');
    const fake = new Fake(transport, url, events);
    fakes.push(fake);
    return fake;
  };
const of = (transport: Carrier['transport']) => fakes.filter((fake) => fake.transport === transport);
const last = (transport: Carrier['transport']) => of(transport).at(-1) as Fake;
const wt = { url: 'https://node/kohe/wt', hashes: ['aa'] };

function link(options: Partial<LinkOptions> = {}) {
  const made = new Link(
    { node: 'http://node', hello: () => ({ v: 1, role: 'visitor' }), ...options },
    { webtransport: opener('webtransport'), websocket: opener('websocket') },
  );
  made.start();
  return made;
}

/** Lets time pass in steps, so that what a timer starts comes in its turn. */
function pass(ms: number): void {
  for (let i = 0; i < ms; i += 50) mock.timers.tick(50);
}

/** Answers the last ping. */
function pong(fake: Fake): void {
  const ping = fake.sent.findLast(({ kind }) => kind === Kind.Ping);
  fake.says('Pong', JSON.parse(new TextDecoder().decode(ping?.payload)));
}

/** Lets a carrier open, say hello and be welcomed. */
async function welcomed(fake: Fake, w: Partial<Welcome> = {}) {
  fake.events.opened();
  await Promise.resolve();
  await Promise.resolve();
  fake.says('Welcome', { ...welcome, ...w });
}

beforeEach(() => {
  fakes = [];
  const kept = new Map<string, string>();
  mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'Date'], now: 1_700_000_000_000 });
  Object.assign(globalThis, {
    localStorage: {
      getItem: (key: string) => kept.get(key) ?? null,
      setItem: (key: string, value: string) => kept.set(key, value),
      removeItem: (key: string) => kept.delete(key),
    },
  });
});
afterEach(() => mock.timers.reset());

test('WebTransport has a head start of half a second', async () => {
  const l = link({ wt });
  assert.equal(of('websocket').length, 0);
  mock.timers.tick(499);
  assert.equal(of('websocket').length, 0);
  mock.timers.tick(1);
  assert.equal(last('websocket').url, 'ws://node/kohe/ws');
  await welcomed(last('webtransport'), { wt: wt.url, hashes: wt.hashes });
  assert.equal(l.transport, 'webtransport');
  assert.equal(l.state, 'open');
  assert.ok(last('websocket').closed, 'the loser is closed');
});

test('WebSocket starts at once when WebTransport fails, and is remembered', async () => {
  const l = link({ wt });
  last('webtransport').events.ended('blocked');
  assert.equal(of('websocket').length, 1);
  await welcomed(last('websocket'), { wt: wt.url, hashes: wt.hashes });
  assert.equal(l.transport, 'websocket');
  link({ wt });
  assert.equal(of('webtransport').length, 1, 'the next page load does not try it');
  mock.timers.tick(86_400_000 + 1);
  link({ wt });
  assert.equal(of('webtransport').length, 2, 'a day later it does');
});

test('a race lost with an outdated certificate hash is not held against WebTransport', async () => {
  const l = link({ wt });
  last('webtransport').events.ended('certificate');
  await welcomed(last('websocket'), { wt: wt.url, hashes: ['bb'] });
  last('websocket').events.ended('gone');
  l.kick();
  assert.equal(of('webtransport').length, 2);
});

test('the first that is welcomed wins, whichever opened first', async () => {
  const l = link({ wt });
  mock.timers.tick(500);
  last('webtransport').events.opened();
  await welcomed(last('websocket'));
  assert.equal(l.transport, 'websocket');
  assert.ok(last('webtransport').closed);
});

test('a quiet link is one WebSocket', async () => {
  link({ wt, quiet: true });
  mock.timers.tick(1000);
  await welcomed(last('websocket'));
  assert.equal(fakes.length, 1);
  assert.deepEqual(last('websocket').kinds, [Kind.Hello]);
});

test('a doubled frame goes in a datagram at once and on the stream 2 ms later, in order', async () => {
  const l = link({ wt });
  const fake = last('webtransport');
  await welcomed(fake);
  fake.sent.length = 0;
  const said = l.send('Say', { session, id: 'm', text: 'Tere' });
  l.send('End', { session }); // not doubled: waits behind it
  assert.deepEqual(
    fake.datagrams.map(({ kind, seq }) => [kind, seq]),
    [[Kind.Say, said]],
  );
  assert.deepEqual(fake.kinds, []);
  mock.timers.tick(1);
  assert.deepEqual(fake.kinds, []);
  mock.timers.tick(1);
  assert.deepEqual(
    fake.sent.map(({ kind, seq }) => [kind, seq]),
    [
      [Kind.Say, said],
      [Kind.End, said + 1],
    ],
  );
  l.send('Say', { session, id: 'n', text: 'x'.repeat(1300) }); // does not fit
  assert.equal(fake.datagrams.length, 1);
  assert.equal(fake.kinds.at(-1), Kind.Say);
});

test('second copies are dropped, whichever comes first', async () => {
  const l = link({ wt });
  const fake = last('webtransport');
  await welcomed(fake);
  const heard: number[] = [];
  l.on('Stored', ({ seq }) => heard.push(seq));
  const stored = (seq: number) => ({ session, epoch: 1, seq, index: 1 });
  fake.says('Stored', stored(1), 'both'); // sequence 2
  fake.says('Stored', stored(3), 'datagram', 4); // overtakes 3
  fake.says('Stored', stored(2), 'stream', 3);
  fake.says('Stored', stored(3), 'stream', 4);
  fake.says('Stored', stored(3), 'datagram', 4);
  fake.says('Stored', stored(9), 'datagram', 4 + 1025); // too far ahead
  assert.deepEqual(heard, [1, 3, 2]);
  assert.equal(l.state, 'open');
});

test('a datagram that overtakes the welcome is left to its copy on the stream', async () => {
  const l = link({ wt });
  const fake = last('webtransport');
  const heard: number[] = [];
  l.on('Stored', ({ seq }) => heard.push(seq));
  const stored = { session, epoch: 1, seq: 1, index: 1 };
  fake.events.opened();
  await Promise.resolve();
  fake.says('Stored', stored, 'datagram', 2);
  assert.deepEqual(heard, []);
  fake.says('Welcome', welcome);
  fake.says('Stored', stored); // sequence 2
  assert.deepEqual(heard, [1]);
  assert.equal(l.state, 'open');
});

test('a gap in the sequence ends the connection', async () => {
  const l = link();
  const fake = last('websocket');
  await welcomed(fake);
  fake.says('Button', { state: 'open' }, 'stream', 5);
  assert.equal(l.state, 'waiting');
  assert.ok(fake.closed);
});

test('bytes that are no frame end the connection', async () => {
  const l = link();
  await welcomed(last('websocket'));
  last('websocket').events.received('control', new Uint8Array([0xff, 0, 1]));
  assert.equal(l.state, 'waiting');
});

test('a silent edge is pinged; without a pong in 3 s the other transport takes over', async () => {
  const l = link({ wt });
  const fake = last('webtransport');
  await welcomed(fake, { wt: wt.url, hashes: wt.hashes });
  const ping = fake.sent.at(-1) as Frame;
  mock.timers.tick(40);
  fake.says('Pong', text(ping.payload));
  assert.equal(l.rtt, 40);
  mock.timers.tick(15_000);
  assert.deepEqual(fake.kinds.filter((kind) => kind === Kind.Ping).length, 2);
  mock.timers.tick(2000);
  assert.equal(l.state, 'open');
  mock.timers.tick(2000);
  assert.equal(l.state, 'waiting');
  mock.timers.tick(30_000);
  assert.equal(of('websocket').length, 1);
  assert.equal(of('webtransport').length, 1, 'the one that stalled is not tried again');
});

test('a page lane that takes nothing for 3 s is a stall', async () => {
  const l = link({ wt });
  const fake = last('webtransport');
  await welcomed(fake);
  const answer = () => fake.says('Pong', text((fake.sent.at(-1) as Frame).payload));
  answer();
  l.sendPage(session, new Uint8Array(1000));
  assert.equal(l.pageBacklog(), fake.backlog);
  for (let s = 0; s < 6; s++) {
    fake.backlog -= 100; // slow, but it moves
    mock.timers.tick(1000);
  }
  assert.equal(l.state, 'open');
  mock.timers.tick(4000);
  assert.equal(l.state, 'waiting');
});

test('the page lane opens at the first page message, with the proof a second socket needs', async () => {
  const l = link();
  await welcomed(last('websocket'));
  assert.equal(last('websocket').pages.length, 0);
  l.sendPage(session, new Uint8Array([1, 2]));
  l.sendPage(session, new Uint8Array([3]));
  const { pages } = last('websocket');
  assert.deepEqual(
    pages.map(({ kind, seq }) => [kind, seq]),
    [
      [Kind.Attach, 1],
      [Kind.PageDiff, 2],
      [Kind.PageDiff, 3],
    ],
  );
  assert.deepEqual(text((pages[0] as Frame).payload), { link: 'l', key: 'k' });
  assert.equal((pages[1] as Frame).payload.length, 18);
});

test("an agent's page lane opens at the welcome", async () => {
  link({ wt });
  const agent = { id: 'a', name: 'A', alias: 'A', role: 'agent' as const, departments: [], sites: [] };
  await welcomed(last('webtransport'), { agent });
  const { pages } = last('webtransport');
  assert.deepEqual(
    pages.map(({ kind }) => kind),
    [Kind.Attach],
  );
  assert.deepEqual(text((pages[0] as Frame).payload), {});
});

test('pages and pointers come with their session', async () => {
  const l = link();
  const fake = last('websocket');
  await welcomed(fake);
  const got: [string, string, number[]][] = [];
  l.onPage((s, b) => got.push(['page', s, [...b]]));
  l.onPointer((s, b) => got.push(['pointer', s, [...b]]));
  l.sendPointer(session, new Uint8Array([7]));
  const { payload } = fake.sent.at(-1) as Frame;
  fake.events.received('control', encode(Kind.Pointer, 1, payload));
  fake.events.received('page', encode(Kind.PageDiff, 1, payload));
  assert.deepEqual(got, [
    ['pointer', session, [7]],
    ['page', session, [7]],
  ]);
});

test('a lost connection comes back after a random time that grows', async () => {
  const random = mock.method(Math, 'random', () => 0.999);
  const l = link();
  const waits: number[] = [];
  for (let i = 0; i < 9; i++) {
    last('websocket').events.ended('refused');
    assert.equal(l.state, 'waiting');
    waits.push(Math.round(((l.retryAt as number) - Date.now()) / 0.999));
    mock.timers.tick(30_000);
  }
  assert.deepEqual(waits, [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
  await welcomed(last('websocket'));
  mock.timers.tick(5001);
  last('websocket').events.ended('lost');
  assert.ok((l.retryAt as number) - Date.now() <= 500, 'a steady connection starts over');
  random.mock.restore();
});

test('the edge says when to come back', async () => {
  const l = link();
  await welcomed(last('websocket'));
  last('websocket').says('Error', { code: 'busy', text: 'full', retry_ms: 7000 });
  assert.equal(l.retryAt, Date.now() + 7000);
  mock.timers.tick(7000);
  assert.equal(of('websocket').length, 2);
  await welcomed(last('websocket'));
  last('websocket').says('GoAway', { code: 'draining', text: 'drain', retry_ms: 100 });
  assert.equal(l.state, 'open', 'until then the old one serves');
  mock.timers.tick(100);
  assert.equal(of('websocket').length, 3);
});

const nodes = ['http://b', 'http://c'];

test('when an edge dies the next is tried at once, then the one after it, and pauses grow only after all', async () => {
  const random = mock.method(Math, 'random', () => 0.999);
  const asked: string[] = [];
  const l = link({ hello: (node) => (asked.push(node), { v: 1, role: 'visitor' }) });
  await welcomed(last('websocket'), { nodes });
  for (const [node, wait] of [
    ['b', 100],
    ['c', 100],
    ['node', 500],
    ['b', 1000],
  ] as const) {
    last('websocket').events.ended('lost');
    assert.equal(Math.round(((l.retryAt as number) - Date.now()) / 0.999), wait);
    mock.timers.tick(wait);
    assert.equal(last('websocket').url, `ws://${node}/kohe/ws`);
  }
  await welcomed(last('websocket'), { nodes: ['http://c'] });
  assert.deepEqual(asked, ['http://node', 'http://b']);
  mock.timers.tick(1);
  last('websocket').says('Pong', { t: Date.now() - 1 });
  mock.timers.tick(5001);
  last('websocket').events.ended('lost');
  mock.timers.tick(100);
  assert.equal(last('websocket').url, 'ws://c/kohe/ws');
  random.mock.restore();
});

test('WebTransport is tried at once at a node with a certificate, also when another has died', async () => {
  const made = link({ node: 'https://a' });
  assert.equal(last('webtransport').url, 'https://a/kohe/wt');
  await welcomed(last('webtransport'), { nodes: ['https://b'] });
  last('webtransport').events.ended('gone');
  mock.timers.tick(100);
  assert.equal(last('webtransport').url, 'https://b/kohe/wt');
  await welcomed(last('webtransport'), { nodes: ['https://a'] });
  assert.equal(made.transport, 'webtransport');
  assert.equal(of('websocket').length, 0);
});

test('a page goes on at the node where the last page was, and at its own if that is gone', async () => {
  const there = { url: 'https://other/kohe/wt', hashes: ['bb'] };
  const made = link({ node: 'http://other', others: ['http://node'], wt: there });
  assert.deepEqual([made.node, last('webtransport').url], ['http://other', there.url]);
  last('webtransport').events.ended('gone');
  assert.match(last('websocket').url, /^ws:\/\/other\//);
  last('websocket').events.ended('gone');
  mock.timers.tick(100);
  assert.match(last('websocket').url, /^ws:\/\/node\//);
  assert.equal(of('webtransport').length, 1, 'the address of another node is not tried as this one');
  await welcomed(last('websocket'));
  assert.equal(made.node, 'http://node');
});

test('an edge that is silent after a message is left for the next, once that serves', async () => {
  const l = link();
  await welcomed(last('websocket'), { nodes });
  const first = last('websocket');
  mock.timers.tick(20);
  first.says('Pong', { t: Date.now() - 20 });
  const say = () => l.send('Say', { session, id: 'm', text: 'hello' });
  say();
  mock.timers.tick(200);
  first.says('Ping', { t: 1 });
  mock.timers.tick(1000);
  assert.equal(of('websocket').length, 1, 'it has been heard since');
  say();
  mock.timers.tick(299);
  assert.equal(of('websocket').length, 1);
  mock.timers.tick(2);
  assert.equal(last('websocket').url, 'ws://b/kohe/ws');
  assert.equal(l.state, 'open');
  assert.equal(first.closed, false, 'until the other serves');
  await welcomed(last('websocket'), { nodes });
  assert.equal(first.closed, true);
  assert.equal(l.state, 'open');
});

test('an edge that goes away is left without a break', async () => {
  const l = link();
  await welcomed(last('websocket'), { nodes });
  const first = last('websocket');
  first.says('GoAway', { code: 'draining', text: 'drain', retry_ms: 100 });
  mock.timers.tick(100);
  const second = last('websocket');
  assert.equal(second.url, 'ws://b/kohe/ws');
  assert.equal(first.closed, false);
  l.send('Say', { session, id: 'm', text: 'hello' });
  assert.ok(first.kinds.includes(Kind.Say));
  await welcomed(second, { nodes });
  assert.equal(first.closed, true);
  l.send('Say', { session, id: 'n', text: 'hello' });
  assert.ok(second.kinds.includes(Kind.Say));
});

test('an error that coming back cannot mend closes the link, others do not', async () => {
  const table: [code: string, ref: number | undefined, before: boolean, state: string][] = [
    ['auth', undefined, true, 'closed'],
    ['forbidden', undefined, true, 'closed'],
    ['not_found', undefined, true, 'waiting'],
    ['revoked', undefined, false, 'closed'],
    ['overflow', undefined, false, 'waiting'],
    ['not_saved', undefined, false, 'open'],
    ['forbidden', 3, false, 'open'],
    ['rate', 3, false, 'open'],
  ];
  for (const [code, ref, before, state] of table) {
    const l = link();
    const heard: string[] = [];
    l.on('Error', (e) => heard.push(e.code));
    const fake = last('websocket');
    if (before) fake.events.opened();
    else await welcomed(fake);
    fake.says('Error', { code, text: '', ...(ref && { ref }) });
    assert.equal(l.state, state, code);
    assert.deepEqual(heard, [code]);
    l.close();
  }
});

test('a hello that fails is an attempt that failed', async () => {
  let asked = 0;
  const hello = () => {
    asked++;
    return Promise.reject(new Error('no ticket'));
  };
  const l = link({ hello });
  last('websocket').events.opened();
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(l.state, 'waiting');
  l.kick();
  assert.equal(l.state, 'connecting');
  last('websocket').events.opened();
  assert.equal(asked, 2, 'each attempt has a hello of its own');
});

test('an edge that never welcomes is given up after 10 s', () => {
  const l = link();
  last('websocket').events.opened();
  mock.timers.tick(10_000);
  assert.equal(l.state, 'waiting');
});

test('a closed link stays closed, and what is sent on it is dropped', async () => {
  const l = link();
  await welcomed(last('websocket'));
  l.close();
  assert.ok(last('websocket').closed);
  mock.timers.tick(60_000);
  assert.equal(fakes.length, 1);
  assert.equal(l.send('End', { session }), 0);
  l.sendPage(session, new Uint8Array(1));
  l.start();
  assert.equal(l.state, 'connecting');
});

test('the edge’s ping is answered', async () => {
  link();
  const fake = last('websocket');
  await welcomed(fake);
  fake.says('Ping', { t: 42 });
  const { kind, payload } = fake.sent.at(-1) as Frame;
  assert.deepEqual([kind, text(payload)], [Kind.Pong, { t: 42 }]);
});

test('it moves to the nearest edge without a break, and stays if that does not answer', async () => {
  const l = link();
  await welcomed(last('websocket'), { nodes: ['http://b', 'http://c'] });
  const first = last('websocket');
  l.prefer(['http://c', 'http://b']);
  assert.equal(last('websocket').url, 'ws://c/kohe/ws');
  assert.equal(first.closed, false, 'the first one serves until the second does');
  last('websocket').events.ended('refused');
  assert.deepEqual([l.state, l.node], ['open', 'http://node']);
  l.prefer(['http://c']);
  await welcomed(last('websocket'), { nodes: ['http://node', 'http://b'] });
  assert.ok(first.closed);
  assert.deepEqual([l.state, l.node], ['open', 'http://c']);
  l.prefer(['http://c', 'http://b']);
  assert.equal(of('websocket').length, 3, 'it is there already');
});

test('where WebTransport is only the welcome says, it goes over to it', async () => {
  const l = link();
  await welcomed(last('websocket'), { wt: wt.url, hashes: wt.hashes });
  assert.equal(of('webtransport').length, 0);
  mock.timers.tick(1000);
  assert.equal(last('webtransport').url, wt.url);
  assert.equal(l.transport, 'websocket');
  await welcomed(last('webtransport'), { wt: wt.url, hashes: wt.hashes });
  assert.deepEqual([l.transport, l.state], ['webtransport', 'open']);
  assert.ok(last('websocket').closed);
});

test('where UDP is blocked, that is tried once', async () => {
  const l = link();
  await welcomed(last('websocket'), { wt: wt.url, hashes: wt.hashes });
  mock.timers.tick(1000);
  last('webtransport').events.ended('blocked');
  assert.deepEqual([l.transport, l.state], ['websocket', 'open']);
  l.prefer(['http://b']);
  await welcomed(last('websocket'), { wt: 'https://b/kohe/wt', hashes: ['bb'] });
  mock.timers.tick(5000);
  assert.equal(of('webtransport').length, 1);
});

test('a silent edge is asked every second where there is another, and left if it stays silent', async () => {
  const l = link();
  await welcomed(last('websocket'), { nodes: ['http://b'] });
  const first = last('websocket');
  const pings = () => first.kinds.filter((kind) => kind === Kind.Ping).length;
  const answer = () => pong(first);
  answer();
  pass(1000);
  assert.equal(pings(), 2);
  answer();
  pass(1000);
  assert.equal(pings(), 3);
  pass(400);
  assert.equal(last('websocket').url, 'ws://b/kohe/ws');
  answer();
  await welcomed(last('websocket'), { nodes: ['http://node'] });
  assert.deepEqual([l.node, first.closed, last('websocket').closed], ['http://node', false, true], 'it was only slow');
  pass(2000);
  await welcomed(last('websocket'), { nodes: ['http://node'] });
  assert.deepEqual([l.node, first.closed], ['http://b', true]);
});

test('one edge alone is left in peace', async () => {
  link();
  await welcomed(last('websocket'));
  last('websocket').says('Pong', { t: Date.now() });
  for (let i = 0; i < 14; i++) mock.timers.tick(1000);
  assert.equal(last('websocket').kinds.filter((kind) => kind === Kind.Ping).length, 1);
});

test('a doubt that proves unfounded leaves nothing behind, and no later move is taken for one', async () => {
  const l = link({ node: 'https://a' });
  await welcomed(last('webtransport'), { nodes: ['https://b'] });
  const first = last('webtransport');
  const answer = () => pong(first);
  answer();
  pass(1400);
  assert.equal(last('webtransport').url, 'https://b/kohe/wt');
  answer();
  await welcomed(last('webtransport'));
  pass(600);
  assert.deepEqual([of('websocket').length, l.node, l.transport], [0, 'https://a', 'webtransport']);
  answer();
  pass(1400); // in doubt again; this time the other one refuses
  const busy = last('webtransport');
  busy.events.opened();
  await Promise.resolve();
  await Promise.resolve();
  busy.says('Error', { code: 'busy', text: '', retry_ms: 1000 });
  pass(600);
  answer();
  assert.deepEqual([of('websocket').length, l.node], [0, 'https://a']);
  first.says('GoAway', { code: 'draining', text: '', retry_ms: 0 });
  pass(50);
  answer();
  await welcomed(last('webtransport'));
  assert.deepEqual([l.node, l.transport], ['https://b', 'webtransport']);
});

test('a remembered edge is gone to at the welcome itself', async () => {
  const l = link();
  l.on('Welcome', () => l.prefer(['http://b']));
  await welcomed(last('websocket'), { nodes: ['http://b'] });
  await welcomed(last('websocket'), { nodes: ['http://node'] });
  assert.deepEqual([l.node, l.state], ['http://b', 'open']);
});

test('an edge whose address the browser refuses costs nothing', async () => {
  const l = link();
  await welcomed(last('websocket'), { nodes: ['nowhere'] });
  l.prefer(['nowhere']);
  assert.deepEqual([l.state, l.node, last('websocket').closed], ['open', 'http://node', false]);
});

test('after a stall WebTransport is not gone back to', async () => {
  const l = link({ wt });
  await welcomed(last('webtransport'), { wt: wt.url, hashes: wt.hashes, ping_ms: 1000 });
  for (let i = 0; i < 10 && l.state === 'open'; i++) mock.timers.tick(1000);
  for (let i = 0; i < 10 && of('websocket').length === 0; i++) mock.timers.tick(1000);
  await welcomed(last('websocket'), { wt: wt.url, hashes: wt.hashes });
  mock.timers.tick(1500);
  assert.deepEqual([l.transport, of('webtransport').length], ['websocket', 1]);
});
