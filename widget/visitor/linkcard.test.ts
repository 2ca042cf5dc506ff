import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseLink } from '../wire/address.ts';
import { mayLead } from './linkcard.ts';

test('a link that the node let through is looked at again', () => {
  Object.assign(globalThis, { location: { origin: 'https://shop.example' } });
  const site = { id: 's', name: 'S', departments: [], cobrowse: true };
  const listed = { ...site, origins: ['https://www.shop.example'], links: ['https://help.example'] };
  const leads = (text: string, of = listed): boolean => {
    const link = parseLink(text);
    return link !== null && mayLead(link.url, of);
  };
  for (const text of ['https://shop.example/a What it is', 'https://www.shop.example/', 'https://help.example/b?c#d'])
    assert.equal(leads(text), true, text);
  for (const text of [
    'javascript:alert(1) Prices',
    'data:text/html,x Prices',
    'blob:https://shop.example/1 Prices',
    'https://evil.example/ Prices',
    'https://shop.example.evil.example/',
    'https://shop.example@evil.example/',
    'https://a:b@shop.example/',
    'http://shop.example/',
    'Prices',
    '',
  ])
    assert.equal(leads(text), false, text);
  assert.equal(leads('https://help.example/', { ...site, origins: [], links: [] }), false);
  assert.equal(parseLink('https://shop.example/a  What it is ')?.title, 'What it is');
  assert.equal(parseLink('https://shop.example/a')?.title, 'shop.example');
});
