import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readDeed } from './deed.ts';

test('an element that only its page has a name for has none', () => {
  assert.deepEqual(readDeed('draw body'), { deed: 'draw', what: '' });
  assert.deepEqual(readDeed('point h2'), { deed: 'point', what: '' });
  assert.deepEqual(readDeed('click Send the body'), { deed: 'click', what: 'Send the body' });
  assert.deepEqual(readDeed('fill'), { deed: 'fill', what: '' });
});
