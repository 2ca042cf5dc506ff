import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Capture, type CaptureOptions, Share } from './share.ts';

const told = (on: boolean, more: object = {}) => ({ session: 's', tab: 'me', on, ...more });
const settled = () => new Promise((resolve) => setImmediate(resolve));

function fixture() {
  const seen = { starts: 0, stops: 0, snapshots: 0, pages: 0, pointers: [] as number[], backlog: 0 };
  let sink: (message: Uint8Array) => void = () => {};
  let options: CaptureOptions | undefined;
  const capture: Capture = {
    start: (to, how) => {
      seen.starts++;
      sink = to;
      options = how;
    },
    stop: () => seen.stops++,
    find: () => null,
    hidden: () => false,
    snapshot: () => seen.snapshots++,
    weave: () => false,
  };
  const site = { mask: ['.secret'], maskAll: true, unmask: ['nav'], canvas: true, images: ['.invoice'] };
  const edge = {
    sendPage: () => seen.pages++,
    sendPointer: (_: string, record: Uint8Array) => seen.pointers.push(record[0] ?? 0),
    pageBacklog: () => seen.backlog,
  };
  const share = new Share(
    edge,
    'me',
    () => Promise.resolve(capture),
    () => site,
    () => Promise.reject(new Error('no frames here')),
  );
  const emit = () => sink(new Uint8Array(1));
  const point = (n: number) => options?.onPointer(new Uint8Array([n]));
  return { seen, share, emit, point, site, options: () => options };
}

test('nothing is captured without both consent and the node’s wish, and either ends it at once', async () => {
  const { seen, share, emit, options, site } = fixture();
  share.named(told(true));
  await settled();
  assert.equal(seen.starts, 0);
  share.allow(true);
  await settled();
  assert.equal(seen.starts, 1);
  assert.deepEqual({ ...options(), onPointer: null, onFrame: null }, { ...site, onPointer: null, onFrame: null });
  share.allow(false);
  assert.equal(seen.stops, 1);
  emit();
  assert.equal(seen.pages, 0, 'not a byte after the stop');
  share.allow(true);
  share.named(told(true, { tab: 'another' }));
  await settled();
  assert.equal(seen.starts - seen.stops, 0);
});

test('consent taken back while capture loads keeps it from starting', async () => {
  const { seen, share } = fixture();
  share.named(told(true));
  share.allow(true);
  share.allow(false);
  await settled();
  assert.equal(seen.starts, 0);
});

test('a node that lost the page gets a whole snapshot', async () => {
  const { seen, share } = fixture();
  share.allow(true);
  share.named(told(true, { full: true }));
  await settled();
  assert.deepEqual([seen.starts, seen.snapshots], [1, 0], 'a start is a snapshot');
  share.named(told(true, { full: true }));
  assert.equal(seen.snapshots, 1);
});

test('a link too slow for the page stops capture and starts it anew when it has caught up', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const { seen, share, emit } = fixture();
  share.allow(true);
  share.named(told(true));
  await settled();
  seen.backlog = 1 << 20;
  emit();
  await settled();
  assert.deepEqual([seen.pages, seen.stops], [1, 1]);
  t.mock.timers.tick(1000);
  assert.equal(seen.starts, 1, 'waits for the backlog');
  seen.backlog = 0;
  t.mock.timers.tick(100);
  assert.equal(seen.starts, 2);
});

test('the cursor is told at most 30 times a second, the newest place last', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { seen, share, point } = fixture();
  share.allow(true);
  share.named(told(true));
  await settled();
  for (let n = 1; n <= 100; n++) {
    point(n);
    t.mock.timers.tick(10);
  }
  t.mock.timers.tick(100);
  assert.ok(seen.pointers.length <= 31, `${seen.pointers.length} in a second`);
  assert.equal(seen.pointers.at(-1), 100);
});
