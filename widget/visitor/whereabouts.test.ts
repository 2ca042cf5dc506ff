import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { page } from './dev/page.ts';
import { Store } from './store.ts';
import { note, trail } from './trail.ts';
import { presence } from './whereabouts.ts';

page();
Object.assign(globalThis, { document: { referrer: '' }, location: { host: 'shop.example' } });

test('the node is told of pages without query and fragment', () => {
  const store = new Store('shop');
  store.patch({ maskAll: false });
  note(store, 'https://shop.example/find?q=pregnancy', 'Find', 1);
  note(store, 'https://shop.example/reset#token', 'Reset', 2);
  note(store, 'https://shop.example/pay?iban=EE1#now', 'Pay', 3);
  const { url, title, pages } = presence(store, 0);
  assert.deepEqual(
    [url, title, pages],
    ['https://shop.example/pay', 'Pay', ['https://shop.example/find', 'https://shop.example/reset']],
  );
});

test('a visit begins with its first page, however many come, and a page when it was opened', () => {
  mock.timers.enable({ apis: ['Date'], now: 10_000 });
  const store = new Store('long');
  note(store, 'https://shop.example/1', '', 10_000);
  assert.equal(presence(store, 0).visit_ms, 0);
  for (let n = 2; n <= 30; n++) {
    mock.timers.setTime(n * 10_000);
    note(store, `https://shop.example/${n}`, '', n * 10_000);
    const { visit_ms, page_ms } = presence(store, 0);
    assert.deepEqual([visit_ms, page_ms], [(n - 1) * 10_000, 0]);
  }
  mock.timers.setTime(307_000);
  note(store, 'https://shop.example/30', 'Has a title by now', 307_000); // and the focus comes and goes
  const { visit_ms, page_ms } = presence(store, 0);
  assert.deepEqual([visit_ms, page_ms], [297_000, 7_000]);
  assert.deepEqual(trail(store).at(-1), {
    url: 'https://shop.example/30',
    title: 'Has a title by now',
    at: 300_000, // as the agent of a later chat is told
  });
  mock.timers.reset();
});
