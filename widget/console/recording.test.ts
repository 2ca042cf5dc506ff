import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { deflateSync } from 'fflate';
import { Player } from './player.ts';
import { Kind, moments, type RecordingIndex, Timeline } from './recording.ts';

interface Golden {
  index: RecordingIndex['segments'][number];
  groups: { body: string; records: { after: number; kind: number; payload: string }[] }[];
}

const golden = JSON.parse(
  readFileSync(new URL('../../edge/record/testdata/golden.json', import.meta.url), 'utf8'),
) as Golden;
const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'base64'));

test('a recording is read as the node wrote it', () => {
  for (const { body, records } of golden.groups) {
    const read = moments(1000, bytes(body)).map(({ at, kind, payload }) => ({
      after: at - 1000,
      kind,
      payload: Buffer.from(payload).toString('base64'),
    }));
    assert.deepEqual(read, records);
  }
});

test('what cannot be read is a RangeError', () => {
  const [first] = golden.groups;
  const whole = bytes(first?.body ?? '');
  for (const bad of [whole.subarray(0, 20), new Uint8Array([7, 7, 7]), deflateSync(new Uint8Array([1, 1, 200]))]) {
    assert.throws(() => moments(0, bad), RangeError);
  }
});

test('what would take too much memory is refused', () => {
  const bomb = deflateSync(new Uint8Array(80 << 20));
  assert.throws(() => moments(0, bomb), /over the limit/);
});

test('a time is found in the group that begins before it, whatever segment that is in', () => {
  const timeline = new Timeline({
    segments: [
      { id: 'b', groups: [{ at: 9000, from: 0, to: 5 }], active: [[9000, 9500]] },
      {
        id: 'a',
        groups: [
          { at: 1000, from: 0, to: 9 },
          { at: 4000, from: 9, to: 30 },
        ],
        active: [
          [1000, 2000],
          [4000, 9200],
        ],
      },
      { id: 'c', groups: null, active: null },
    ],
  });
  const at = (time: number): string => {
    const group = timeline.groups[timeline.groupAt(time)];
    return `${group?.segment}${group?.at}`;
  };
  assert.deepEqual([0, 1000, 3999, 4000, 8999, 9000, 99_999].map(at), [
    'a1000',
    'a1000',
    'a1000',
    'a4000',
    'a4000',
    'b9000',
    'b9000',
  ]);
  assert.deepEqual([timeline.start, timeline.end], [1000, 9500]);
  assert.deepEqual(timeline.active, [
    [1000, 2000],
    [4000, 9500],
  ]);
  assert.deepEqual(
    [1500, 2500, 9400, 9900].map((time) => timeline.busyFrom(time)),
    [1500, 4000, 9400, 9500],
  );
});

/** A recording of two groups whose records say when they happened, and a screen that notes them. */
function stage(fetched: string[] = []) {
  const group = (...at: number[]): Uint8Array =>
    deflateSync(new Uint8Array(at.flatMap((time, i) => [time - (at[i - 1] ?? at[0] ?? 0), Kind.page, 1, time / 10])));
  const groups: Record<number, Uint8Array> = { 0: group(100, 150, 190), 50: group(400, 420, 500) };
  const timeline = new Timeline({
    segments: [
      {
        id: 's',
        groups: [
          { at: 100, from: 0, to: 50 },
          { at: 400, from: 50, to: 90 },
        ],
        active: [
          [100, 190],
          [400, 500],
        ],
      },
    ],
  });
  const drawn: number[] = [];
  const screen = {
    apply: async (message: Uint8Array) => {
      drawn.push((message[0] ?? 0) * 10);
    },
    pointer: () => undefined,
    hand: () => undefined,
    draw: () => undefined,
    state: () => undefined,
    clear: () => undefined,
  };
  const player = new Player(
    timeline,
    async (_, from) => {
      fetched.push(String(from));
      return groups[from] ?? new Uint8Array();
    },
    screen,
  );
  return { player, drawn, screen };
}

test('a seek draws the whole page and what came after it, once', async () => {
  const { player, drawn } = stage();
  await player.seek(160);
  assert.deepEqual(drawn.splice(0), [100, 150]);
  await player.seek(195); // ahead: only what is new
  assert.deepEqual(drawn.splice(0), [190]);
  await player.seek(120); // back: from the whole page on
  assert.deepEqual(drawn.splice(0), [100]);
  await player.seek(9999); // past the end
  assert.deepEqual(drawn.splice(0), [400, 420, 500]);
  assert.equal(player.time.value, 500);
  await player.seek(0);
  assert.deepEqual(drawn.splice(0), [100]);
});

test('of many seeks at once the newest is drawn', async () => {
  const { player, drawn } = stage();
  await Promise.all([player.seek(160), player.seek(450), player.seek(110)]);
  assert.deepEqual(drawn, [100]);
});

test('a group is fetched once while it is used', async () => {
  const fetched: string[] = [];
  const { player } = stage(fetched);
  for (const at of [160, 450, 120, 480]) await player.seek(at);
  assert.deepEqual(fetched, ['0', '50']);
});

test('a group that cannot be fetched is told, and asked for again', async () => {
  const { player, drawn, screen } = stage();
  let fails = true;
  const flaky = new Player(
    player.timeline,
    async () => {
      if (fails) throw new Error('offline');
      return deflateSync(new Uint8Array([0, Kind.page, 1, 10]));
    },
    { ...screen, apply: async (message) => void drawn.push(message[0] ?? 0) },
  );
  await flaky.seek(160);
  assert.match(String(flaky.failed.value), /offline/);
  fails = false;
  await flaky.seek(160);
  assert.equal(flaky.failed.value, null);
  assert.deepEqual(drawn, [10]);
});

test('a group ahead that cannot be fetched is not asked for with each frame', async () => {
  const { player, screen } = stage();
  const asked: number[] = [];
  const away = new Player(
    player.timeline,
    async (_, from) => {
      asked.push(from);
      if (from > 0) throw new Error('offline');
      return deflateSync(new Uint8Array([0, Kind.page, 1, 10]));
    },
    screen,
  );
  for (let at = 110; at < 200; at += 10) await away.seek(at);
  assert.deepEqual(asked, [0, 50]);
  assert.equal(away.failed.value, null);
});

test('it plays to the end, over pauses', async (context) => {
  context.mock.timers.enable({ apis: ['setInterval', 'setTimeout'] });
  let now = 0;
  context.mock.method(performance, 'now', () => now);
  const { player, drawn } = stage();
  await player.seek(180);
  player.play();
  for (let i = 0; i < 30 && player.playing.value; i++) {
    now += 20;
    context.mock.timers.tick(34);
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.equal(player.playing.value, false);
  assert.equal(player.time.value, 500);
  assert.deepEqual(drawn.slice(-3), [400, 420, 500]);
  player.close();
});
