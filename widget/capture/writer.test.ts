import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Reader } from '../mirror/reader.ts';
import { maskPassword, maskText } from './format.ts';
import { change, message, plain, ref, reset, set, str, u, z } from './writer.ts';

const words = [
  '',
  'a',
  'button',
  'õ',
  '😀',
  'x'.repeat(63),
  'y'.repeat(64),
  'z'.repeat(300),
  'õ'.repeat(200),
  'text',
  'a',
];

test('what is written is read, strings again by the table', () => {
  reset();
  const numbers = [0, 1, 127, 128, 300, 16383, 16384, 2 ** 31, 2 ** 32 - 1];
  for (const n of numbers) u(n);
  for (const n of numbers.slice(0, 7)) z(-n);
  for (const s of [...words, ...words]) str(s);
  for (const s of words) plain(s);
  set([4, 8, 12, 16, 17, 30]);
  ref(31);
  const r = new Reader(message([0]));
  assert.equal(r.byte(), 128);
  r.column();
  assert.deepEqual(
    numbers.map(() => r.u()),
    numbers,
  );
  assert.deepEqual(
    numbers.slice(0, 7).map(() => r.z()),
    numbers.slice(0, 7).map((n) => (n === 0 ? 0 : -n)),
  );
  assert.deepEqual(
    [...words, ...words].map(() => r.str()),
    [...words, ...words],
  );
  assert.deepEqual(
    words.map(() => r.plain()),
    words,
  );
  assert.deepEqual(r.set(), [4, 8, 12, 16, 17, 30]);
  assert.equal(r.ref(), 31);
  assert.ok(r.done);
});

test('a change turns one string into the other and cuts no surrogate pair', () => {
  const samples = ['', 'abc', 'abxc', 'ab', '😀😁', '😀😂', '😂😁', 'x😀', 'x', 'aaaa', 'aa', 'box', 'box hot'];
  for (const from of samples) {
    for (const to of samples) {
      if (from === to) continue;
      const c = change(from, to);
      const at = c.k === 2 || c.k === 3 ? from.length - c.remove : c.start;
      assert.equal(from.slice(0, at) + c.insert + from.slice(at + c.remove), to);
      assert.ok(!/\p{Surrogate}/u.test(c.insert), `${from} → ${to}`);
    }
  }
});

test('masked text tells a class of length, and masking it again changes nothing', () => {
  const shown = new Set(['Ann', 'Bert', 'Ülle'].map(maskText));
  assert.equal(shown.size, 1);
  assert.equal(maskText('x'.repeat(1000)), maskText('y'.repeat(70)));
  for (const s of words) assert.equal(maskText(maskText(s)), maskText(s));
  assert.equal(maskPassword('x'.repeat(40)), maskPassword('secret12'));
});
