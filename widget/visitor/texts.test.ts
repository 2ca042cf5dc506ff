import assert from 'node:assert/strict';
import { test } from 'node:test';
import { languages, type Text } from '../i18n/index.ts';
import { buttonTexts } from './button-texts.ts';
import { type ChatText, texts } from './texts.ts';

const forms = (text: Text): string[] => (typeof text === 'string' ? [text] : Object.values(text));
const placeholders = (text: string): string =>
  [...text.matchAll(/\{\w+\}/g)]
    .map(([found]) => found)
    .sort()
    .join();

test('every language has every text, with the same placeholders and all its plural forms', () => {
  for (const [key, english] of Object.entries(texts.en)) {
    const wanted = placeholders(forms(english)[0] ?? '');
    for (const language of languages) {
      const text = texts[language][key as ChatText];
      assert.ok(text, `${language} ${key}`);
      for (const form of forms(text)) assert.equal(placeholders(form), wanted, `${language} ${key}: ${form}`);
      if (typeof text === 'string') continue;
      const categories = new Intl.PluralRules(language).resolvedOptions().pluralCategories;
      for (const category of categories) {
        assert.ok(text[category] ?? text.other, `${language} ${key} has no form for ${category}`);
      }
      assert.ok(text.other, `${language} ${key} has no form for other`);
    }
  }
});

test('the button has its texts in every language', () => {
  for (const language of languages) {
    assert.ok(buttonTexts[language].waiting.includes('{n}'), language);
    for (const text of Object.values(buttonTexts[language]))
      assert.ok(text.length <= 26, `${text} is too long for a button`);
  }
});
