import assert from 'node:assert/strict';
import { afterEach, mock, test } from 'node:test';
import { nearest, roundTrip } from './near.ts';

afterEach(() => mock.restoreAll());

test('the nearest comes first, and what does not answer not at all', async () => {
  for (const [times, order] of [
    [{ a: 40, b: 5, c: 90 }, ['b', 'a', 'c']],
    [{ a: 40, b: 36, c: 34 }, ['a', 'c', 'b']], // hardly nearer
    [{ a: 9, b: 5 }, ['a', 'b']], // a part less, and yet nothing that anybody feels
    [{ b: 500, c: 200 }, ['c', 'b']],
    [{}, []],
  ] as [Record<string, number>, string[]][]) {
    const measure = (edge: string) => Promise.resolve(times[edge] ?? Infinity);
    assert.deepEqual(await nearest('a', ['b', 'a', 'c'], measure), order);
  }
});

test('a node names any number of edges; a few are asked', async () => {
  const asked: string[] = [];
  const others = Array.from({ length: 100 }, (_, i) => `edge-${i}`);
  await nearest('here', others, (edge) => Promise.resolve(asked.push(edge)));
  assert.equal(asked.length, 9);
});

test('the least of some round trips counts, without the one that opened the connection', async () => {
  let clock = 0;
  const times = [3, 50, 20, 30];
  const answer = { ok: true };
  mock.method(performance, 'now', () => clock);
  const fetch = mock.method(globalThis, 'fetch', () => {
    clock += times.shift() ?? Number.NaN;
    return Promise.resolve(answer);
  });
  assert.equal(await roundTrip('https://edge.example'), 20);
  assert.equal(fetch.mock.calls[0]?.arguments[0], 'https://edge.example/kohe/near');
  times.push(1, 1, 1, 1);
  answer.ok = false;
  assert.equal(await roundTrip('https://edge.example'), Infinity, 'it sends its clients away');
  fetch.mock.mockImplementation(() => Promise.reject(new TypeError('no route')));
  assert.equal(await roundTrip('https://edge.example'), Infinity);
});
