import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Catalogue, languages, type Text, translator } from '../i18n/index.ts';
import { type Key, textsIn } from './texts.ts';

const texts = Object.fromEntries(
  await Promise.all(languages.map(async (language) => [language, await textsIn(language)])),
) as Catalogue<Key>;
const forms = (text: Text): string[] => (typeof text === 'string' ? [text] : Object.values(text));
const places = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map((m) => m[1]).sort();
const keys = Object.keys(texts.en) as Key[];

for (const language of languages) {
  test(`${language} has every text, with the same placeholders in every form`, () => {
    for (const key of keys) {
      for (const form of forms(texts[language][key])) {
        assert.notEqual(form.trim(), '', key);
        assert.deepEqual(places(form), places(forms(texts.en[key])[0] ?? ''), `${key}: ${form}`);
      }
    }
    assert.deepEqual(Object.keys(texts[language]).sort(), [...keys].sort());
  });

  test(`${language} has the plural forms that its grammar asks for`, () => {
    const t = translator(texts, language);
    for (const key of keys.filter((k) => typeof texts.en[k] !== 'string')) {
      const needed = new Set([0, 1, 2, 5, 11, 21, 22, 101].map((n) => new Intl.PluralRules(language).select(n)));
      const text = texts[language][key];
      for (const category of needed)
        assert.ok(typeof text === 'string' || text[category] || text.other, `${key} ${category}`);
      assert.match(t(key, { n: 3 }), /3/, key);
    }
  });

  test(`${language} is a translation`, () => {
    if (language === 'en') return;
    const same = keys.filter((key) => JSON.stringify(texts[language][key]) === JSON.stringify(texts.en[key]));
    assert.ok(same.length <= 12, `the same as in English: ${same.join(', ')}`);
    const other = languages.filter((l) => l !== language && l !== 'en');
    for (const l of other) {
      const copied = keys.filter((key) => JSON.stringify(texts[language][key]) === JSON.stringify(texts[l][key]));
      assert.ok(copied.length < keys.length / 10, `${copied.length} texts are those of ${l}`);
    }
  });
}
