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
/** Waits until nothing is on its way any more. */
async function sentAll({ shortener }: { shortener: Shortener }) {
  do await new Promise((done) => setTimeout(done, 5));
  while (shortener.backlog > 0);
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

test('what the edge has is left out, as the Go side reads it', () => {
  const seen = new Seen(bytes(golden.base));
  assert.equal(seen.sum, golden.sum);
  for (const { name, message, short } of golden.messages)
    assert.deepEqual(seen.leaveOut(bytes(message)), bytes(short), name);
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
  const [head, low, high, ...deflated] = sent[1] as Uint8Array;
  assert.deepEqual([head, (low as number) - 128 + (high as number) * 128], [16, 12_000]);
  assert.deepEqual(new Uint8Array(inflateRawSync(Uint8Array.from(deflated))), long);
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

test('a snapshot counts as seen when it is whole', async () => {
  const to = sender(new Map());
  const { sent, shortener } = to;
  shortener.push(snapshot.with(0, 7)); // partial
  shortener.push(snapshot.with(0, 2));
  await sentAll(to);
  assert.ok(sent.every((message) => message.length > 9000));
  shortener.push(snapshot.with(0, 0));
  await sentAll(to);
  shortener.push(snapshot);
  await sentAll(to);
  assert.ok((sent[3] as Uint8Array).length < 60, `${sent[3]?.length} bytes`);
});
