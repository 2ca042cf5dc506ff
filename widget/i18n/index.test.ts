import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Catalogue, languages, pickLanguage, translator } from './index.ts';

const greeting = { hello: 'Hello {name}', waiting: { one: '{n} person', other: '{n} people' } };
const catalogue = Object.fromEntries(languages.map((l) => [l, greeting])) as Catalogue<'hello' | 'waiting'>;

test('the first wanted language that has texts is taken, else English', () => {
  assert.equal(pickLanguage(['fr-FR', 'de-AT'], catalogue), 'de');
  assert.equal(pickLanguage(['ET'], catalogue), 'et');
  assert.equal(pickLanguage(['xx', 'constructor'], catalogue), 'en');
});

test('placeholders are filled in and n chooses the plural form', () => {
  const t = translator(catalogue, 'en');
  assert.equal(t('hello', { name: 'Ann' }), 'Hello Ann');
  assert.equal(t('waiting', { n: 1 }), '1 person');
  assert.equal(t('waiting', { n: 3 }), '3 people');
  assert.equal(t('hello'), 'Hello {name}');
});
