import assert from 'node:assert/strict';
import { test } from 'node:test';
import { accents, parse, textOn } from './color.ts';
import { contrast, palette } from './theme.ts';

const colors = ['#0f6b6b', '#ffd400', '#fff', '#000', '#777', '#777777', '#e2001a', '#00ff00', '#1d4e89', '#808000'];

function rules(sheet: string): Record<string, string>[] {
  return [...sheet.matchAll(/:host\{([^}]*)\}/g)].map(([, body = '']) =>
    Object.fromEntries(body.split(';').map((pair) => pair.slice(2).split(':') as [string, string])),
  );
}

test('every text reaches 4.5:1 with any site colour, light and dark', () => {
  for (const color of colors) {
    const accent = parse(color);
    assert.ok(accent);
    assert.ok(contrast(accent, textOn(accent)) >= 4.5, `text on ${color}`);
    const themes = rules(palette(color, 'auto'));
    assert.equal(themes.length, 2);
    for (const theme of themes) {
      for (const text of ['ink', 'muted', 'accent-ink', 'danger']) {
        for (const ground of ['surface', 'raised', 'accent-soft']) {
          const [a, b] = [parse(theme[text] ?? ''), parse(theme[ground] ?? '')];
          assert.ok(a && b && contrast(a, b) >= 4.5, `${text} on ${ground} with ${color}`);
        }
      }
    }
  }
});

test('a colour that cannot be read is replaced by our own, never written into the sheet', () => {
  assert.equal(accents('red;} body{display:none'), accents(undefined));
  assert.match(accents(undefined), /--accent:#0f6b6b;/);
});
