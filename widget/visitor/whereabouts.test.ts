import assert from 'node:assert/strict';
import { test } from 'node:test';
import { page } from './dev/page.ts';
import { Store } from './store.ts';
import { note } from './trail.ts';
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
