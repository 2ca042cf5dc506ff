import assert from 'node:assert/strict';
import { afterEach, beforeEach, mock, test } from 'node:test';
import { encode, type Frame, Splitter } from './frame.ts';
import { type Button, Kind, type Welcome } from './payload.ts';
import { openQuiet } from './quiet.ts';

class FakeSocket {
  static made: FakeSocket[] = [];
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: ArrayBuffer }) => void) | null = null;
  onclose: (() => void) | null = null;
  binaryType = '';
  closed = false;
  sent: Frame[] = [];
  #splitter = new Splitter();
  constructor(
    readonly url: string,
    readonly protocol: string,
  ) {
    FakeSocket.made.push(this);
  }
  send(bytes: Uint8Array) {
    this.sent.push(...this.#splitter.push(bytes));
  }
  close() {
    this.closed = true;
  }
  says(...frames: [kind: number, payload: unknown][]) {
    const bytes = frames.flatMap(([kind, payload], i) => [
      ...encode(kind, i + 1, new TextEncoder().encode(JSON.stringify(payload))),
    ]);
    this.onmessage?.({ data: new Uint8Array(bytes).buffer });
  }
}
const socket = () => FakeSocket.made.at(-1) as FakeSocket;
const welcome: Welcome = { v: 1, link: 'l', now: 0, ping_ms: 15_000, button: { state: 'open' } };

let welcomes: Welcome[];
let buttons: (Button | null)[];
let quiet: { close(): void };

beforeEach(() => {
  FakeSocket.made = [];
  Object.assign(globalThis, { WebSocket: FakeSocket });
  mock.timers.enable({ apis: ['setTimeout', 'Date'] });
  mock.method(Math, 'random', () => 0.5);
  [welcomes, buttons] = [[], []];
  quiet = openQuiet({
    nodes: ['https://node', 'https://other'],
    hello: () => ({ v: 1, role: 'visitor', quiet: true, site: 'x'.repeat(200) }),
    onWelcome: (w) => welcomes.push(w),
    onButton: (b) => buttons.push(b),
  });
});
afterEach(() => {
  quiet.close();
  mock.timers.reset();
  mock.restoreAll();
});

test('it says hello and brings the welcome and every button', () => {
  assert.deepEqual([socket().url, socket().protocol], ['wss://node/kohe/ws', 'kohe.1']);
  socket().onopen?.();
  const [hello] = socket().sent;
  assert.equal(hello?.kind, Kind.Hello);
  assert.equal(JSON.parse(new TextDecoder().decode(hello?.payload)).site.length, 200);
  socket().says([Kind.Welcome, welcome], [Kind.Button, { state: 'busy', waiting: 300 }]);
  socket().says([Kind.Button, { state: 'closed', note: 'x'.repeat(20_000) }]);
  assert.deepEqual([welcomes.length, buttons.map((b) => b?.state)], [1, ['open', 'busy', 'closed']]);
});

test('it pings when nothing was heard and gives up without an answer', () => {
  socket().onopen?.();
  socket().says([Kind.Welcome, welcome]);
  mock.timers.tick(15_000);
  assert.deepEqual(
    socket().sent.map(({ kind, seq }) => [kind, seq]),
    [
      [Kind.Hello, 1],
      [Kind.Ping, 2],
    ],
  );
  socket().says([Kind.Pong, { t: 0 }]);
  mock.timers.tick(15_000);
  assert.equal(FakeSocket.made.length, 1);
  mock.timers.tick(3000);
  assert.ok(socket().closed);
  mock.timers.tick(1000);
  assert.equal(FakeSocket.made.length, 2);
});

test('it answers the edge’s ping', () => {
  socket().onopen?.();
  socket().says([Kind.Ping, { t: 5 }]);
  assert.equal(socket().sent.at(-1)?.kind, Kind.Pong);
});

test('it comes back with growing waits, or when told', () => {
  const waits = [1000, 2000, 4000];
  for (const wait of waits) {
    socket().onclose?.();
    const before = FakeSocket.made.length;
    mock.timers.tick(wait - 1);
    assert.equal(FakeSocket.made.length, before);
    mock.timers.tick(1);
    assert.equal(FakeSocket.made.length, before + 1);
  }
  socket().onopen?.();
  socket().says([Kind.Welcome, welcome], [Kind.GoAway, { code: 'draining', text: '', retry_ms: 40 }]);
  mock.timers.tick(40);
  assert.equal(FakeSocket.made.length, 5);
});

test('one lost connection changes nothing on the button, a second try that fails takes it away', () => {
  socket().onopen?.();
  socket().says([Kind.Welcome, welcome]);
  socket().onclose?.();
  assert.deepEqual(buttons, [{ state: 'open' }]);
  mock.timers.tick(1000);
  socket().onclose?.();
  assert.deepEqual(buttons, [{ state: 'open' }, null]);
  mock.timers.tick(2000);
  socket().onopen?.();
  socket().says([Kind.Welcome, welcome]);
  assert.deepEqual(buttons.at(-1), { state: 'open' });
});

test('closed, it stays closed', () => {
  quiet.close();
  assert.ok(socket().closed);
  mock.timers.tick(60_000);
  assert.equal(FakeSocket.made.length, 1);
});

test('it goes to the next edge when one is lost', () => {
  socket().onopen?.();
  socket().says([Kind.Welcome, welcome]);
  for (const url of ['wss://other/kohe/ws', 'wss://node/kohe/ws']) {
    socket().onclose?.();
    mock.timers.tick(30_000);
    assert.equal(socket().url, url);
  }
});
