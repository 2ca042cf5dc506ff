import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Visit } from '../wire/payload.ts';
import { inOrder, noVisits, takeVisits } from './visitors.ts';

const visit = (id: string, at: number): Visit => ({ id, node: 'n1', url: `https://shop.example/${id}`, at, since: at });
const ids = (visits: readonly Visit[]) => visits.map(({ id }) => id).join('');

test('a list told in pieces is whole with the last of them', () => {
  let list = takeVisits(noVisits, { anew: true, rows: [visit('a', 1), visit('b', 2)], visits: 0, more: true });
  assert.equal(list.whole, false);
  list = takeVisits(list, { rows: [visit('c', 3)], visits: 7, away: 1 });
  assert.deepEqual([list.whole, list.visits, list.away, ids(inOrder(list, 'newest'))], [true, 7, 1, 'cba']);
  list = takeVisits(list, { rows: [visit('a', 9)], gone: ['b'], visits: 6 });
  assert.deepEqual([list.away, ids(inOrder(list, 'newest')), ids(inOrder(list, 'longest'))], [0, 'ac', 'ca']);
  list = takeVisits(list, { anew: true, rows: [visit('d', 1)], visits: 1 });
  assert.equal(ids(inOrder(list, 'newest')), 'd');
});
