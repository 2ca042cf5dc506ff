import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Line } from '../wire/conversation.ts';
import type { MessageKind } from '../wire/payload.ts';
import { folds, tally } from './folds.ts';
import { systemKey } from './system-lines.tsx';

const noon = new Date(2026, 2, 3, 12).getTime();
const day = 86_400_000; // ms

const line = (kind: MessageKind, text: string, at = noon): Line => ({
  key: `${kind} ${text}`,
  message: { session: 's', epoch: 1, seq: 1, author: { role: 'system' }, id: '', kind, text, at },
  mine: false,
  tick: null,
});
const shape = (lines: readonly Line[]) => folds(lines).map((group) => group.length);

test('permissions and acts that follow each other are one, whatever is said stands alone', () => {
  const lines = [
    line('joined', 'Liis'),
    line('consent', 'on'),
    line('level', 'point on'),
    line('act', 'point Name'),
    line('act', 'fill Name'),
    line('text', 'Thank you'),
    line('act', 'click Go'),
    line('text', 'One more'),
    line('text', 'and another'),
    line('ended', 'visitor'),
  ];
  assert.deepEqual(shape(lines), [1, 1, 3, 1, 1, 1, 1, 1]);
  assert.deepEqual(folds(lines).flat(), lines, 'nothing is lost and nothing moves');
  assert.deepEqual(folds([]), []);
});

test('a new day begins anew, and what a later version writes stands alone', () => {
  assert.deepEqual(shape([line('act', 'click A'), line('act', 'click B', noon + day)]), [1, 1]);
  assert.deepEqual(shape([line('act', 'click A'), line('act', 'juggle B'), line('act', 'click C')]), [1, 1, 1]);
});

test('each kind is counted, in the order in which it came', () => {
  const lines = ['point on', 'click on', 'fill no', 'point off'].map((text) => line('level', text));
  const acts = ['fill Name', 'draw', 'fill Street', 'scroll main'].map((text) => line('act', text));
  assert.deepEqual(tally([...lines, ...acts]), [
    ['on', 2],
    ['no', 1],
    ['off', 1],
    ['fill', 2],
    ['draw', 1],
    ['scroll', 1],
  ]);
});

test('a part of the page that has no name is not called by its code', () => {
  const key = (kind: MessageKind, text: string) => systemKey(line(kind, text).message, true);
  assert.equal(key('act', 'fill E-mail'), 'system.act.fill');
  assert.equal(key('act', 'fill input'), 'system.part.fill');
  assert.equal(key('act', 'draw'), 'system.act.draw');
  assert.equal(key('level', 'click no'), 'system.level.no');
});
