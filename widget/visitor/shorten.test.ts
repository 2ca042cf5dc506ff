import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { inflateRawSync } from 'node:zlib';
import { Seen, Shortener } from './shorten.ts';

const golden = JSON.parse(readFileSync(new URL('../../dom/testdata/seen.json', import.meta.url), 'utf8'));
const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'base64'));

/** Messages as a shortener sends them. */
function sender(store: Map<string, string> | null) {
  const sent: Uint8Array[] = [];
  const kept = store && {
    getItem: (key: string) => store.get(key) ?? null,
    setItem: (key: string, value: string) => void store.set(key, value),
  };
  const shortener = new Shortener((message) => sent.push(message), kept);
  return { sent, shortener };
}
/** Waits until nothing is on its way any more, and what it is kept for is done. */
async function sentAll({ shortener }: { shortener: Shortener }) {
  const moment = () => new Promise((done) => setTimeout(done, 5));
  while (shortener.backlog > 0) await moment();
  await moment();
}
function noise(length: number): Uint8Array {
  const out = new Uint8Array(length);
  let state = 1;
  for (let i = 0; i < length; i++) {
    state = (state * 48271) % 2147483647;
    out[i] = state >> 8;
  }
  return out;
}
const snapshot = noise(10_000).with(0, 5); // whole at once

test('what the edge has is left out, as the Go side reads it', async () => {
  assert.equal(new Seen(bytes(golden.base)).sum, golden.sum);
  for (const { name, before = [], alone, message, short } of golden.messages) {
    const seen = new Seen(bytes(alone ? '' : golden.base));
    for (const m of before) seen.add(bytes(m));
    const have = await seen.shorten(
      bytes(message),
      async () => {},
      async () => null,
    );
    assert.deepEqual(have, bytes(short), name);
  }
});

test('long messages are deflated, and those behind them wait their turn', async () => {
  const to = sender(null);
  const { sent, shortener } = to;
  const long = new Uint8Array(12_000).fill(7);
  shortener.push(Uint8Array.of(64, 1));
  shortener.push(long);
  shortener.push(Uint8Array.of(65, 2));
  assert.deepEqual(sent, [Uint8Array.of(64, 1)]);
  assert.equal(shortener.backlog, 12_002);
  await sentAll(to);
  assert.deepEqual(sent[2], Uint8Array.of(65, 2));
  const [head, ...rest] = sent[1] as Uint8Array;
  assert.equal(head, 32);
  const numbers: number[] = []; // the message's length, that of its first part, and of that part deflated
  let at = 8; // behind the sum
  for (; numbers.length < 3; at++) {
    let n = 0;
    for (let scale = 1; ; scale *= 128, at++) {
      n += ((rest[at] as number) & 127) * scale;
      if ((rest[at] as number) < 128) break;
    }
    numbers.push(n);
  }
  const [length, whole, deflated] = numbers as [number, number, number];
  const part = inflateRawSync(Uint8Array.from(rest.slice(at, at + deflated)));
  assert.deepEqual([length, part.length], [12_000, whole]);
  assert.ok(part.includes(Buffer.from(long)), 'what is new is in it');
  assert.ok(rest.length < 100, `${rest.length} bytes`);
});

test('the next page of the tab leaves out what the last one sent, if the edge still has it', async () => {
  const store = new Map<string, string>();
  const first = sender(store);
  first.shortener.push(snapshot);
  await sentAll(first);
  const { sum } = new Seen(snapshot);
  for (const [has, expected] of [
    [sum, 30],
    ['', 10_010],
  ] as const) {
    const next = sender(store);
    next.shortener.edgeHas(has);
    next.shortener.push(snapshot);
    await sentAll(next);
    const [message] = next.sent as [Uint8Array];
    assert.ok(message.length <= expected && message.length > expected / 2, `${message.length} bytes`);
  }
});

test('a snapshot is kept when it is whole; until then its messages refer to those before them', async () => {
  const store = new Map<string, string>();
  const to = sender(store);
  const { sent, shortener } = to;
  const lengths = () => sent.map((message) => message.length);
  shortener.push(snapshot.with(0, 7)); // partial
  await sentAll(to);
  assert.ok((sent[0] as Uint8Array).length > 9000);
  shortener.push(snapshot.with(0, 2).subarray(0, 600)); // shorter than what else is deflated
  await sentAll(to);
  assert.equal(store.size, 0);
  shortener.push(snapshot.with(0, 0));
  await sentAll(to);
  assert.equal([...store.values()][0]?.length, 20_600);
  shortener.push(snapshot);
  await sentAll(to);
  assert.ok(
    lengths()
      .slice(1)
      .every((n) => n < 60),
    `${lengths()} bytes`,
  );
});

test('a snapshot that begins anew refers to what the edge has, and not to what was under way', async () => {
  const to = sender(new Map());
  const { sent, shortener } = to;
  shortener.push(snapshot.with(0, 7));
  shortener.push(noise(9000).with(0, 7));
  await sentAll(to);
  const of = (at: number) => (sent[at] as Uint8Array).length;
  assert.ok(of(1) > 8900, 'it is a new snapshot, and there was no whole one');
  shortener.push(noise(9500).with(0, 2));
  await sentAll(to);
  assert.ok(of(2) < 700, `${of(2)} bytes`);
});
