import assert from 'node:assert/strict';
import { test } from 'node:test';
import { page } from './dev/page.ts';
import { Outbox } from './outbox.ts';
import { forget, forgetAfter, Store, visit } from './store.ts';

page();
const pending = (id: string, session = 's') => ({ session, id, text: id, at: 0 });

test('a day after the end nothing of the chat is remembered, only the token and counters', () => {
  const ended = {
    token: 't',
    visitor: 'v',
    session: 's',
    name: 'Ott',
    department: 'd',
    declined: 's',
    endedAt: 1000,
    visits: 2,
  };
  assert.equal(forget(ended, 1000 + forgetAfter - 1), ended);
  assert.deepEqual(forget(ended, 1000 + forgetAfter), { token: 't', visitor: 'v', visits: 2 });
});

test('a page load half an hour after the last one is a new visit', () => {
  const first = visit({}, 1e9);
  assert.deepEqual(first, { visits: 1, firstSeen: 1e9, lastSeen: 1e9 });
  assert.equal(visit(first, 1e9 + 60_000).visits, 1);
  assert.equal(visit(first, 1e9 + 31 * 60_000).visits, 2);
});

test('what is no JSON in the storage counts as nothing', () => {
  localStorage.setItem('kohe:junk', '{');
  assert.deepEqual(new Store('junk').memory, {});
  localStorage.setItem('kohe:junk', 'null');
  assert.deepEqual(new Store('junk').memory, {});
});

test('where storage is refused, the page still remembers', (t) => {
  const refuse = () => {
    throw new Error('refused');
  };
  t.mock.method(Object.getPrototypeOf(localStorage), 'setItem', refuse);
  const store = new Store('refused');
  store.patch({ name: 'Ott' });
  assert.equal(store.memory.name, 'Ott');
  assert.equal(localStorage.getItem('kohe:refused'), null);
});

test('an unsent message outlives the page, and a tab without any does not take it away', () => {
  const store = new Store('box');
  const first = new Outbox(store, 's');
  const other = new Outbox(store, 's');
  assert.deepEqual([first.load(), other.load()], [[], []]);
  first.save([pending('a'), pending('b')]);
  other.save([]);
  other.save([pending('c')]);
  first.save([pending('b')]); // a is stored
  const next = new Outbox(store, 's');
  assert.deepEqual(
    next.load().map(({ id }) => id),
    ['c', 'b'],
  );
  next.save([]);
  assert.equal(localStorage.getItem('kohe:box:out'), null);
  assert.deepEqual(new Outbox(store, 'another').load(), []);
});
