import assert from 'node:assert/strict';
import { test } from 'node:test';
import { languages } from '../i18n/index.ts';
import { Held, readHand, writeHand } from './record.ts';
import { type Point, pathOf, simplified } from './shapes.ts';
import { texts } from './texts.ts';

/** A record as the edge passes it on. */
const passed = (colour: number, name: string, record: Uint8Array): Uint8Array => {
  const bytes = new TextEncoder().encode(name);
  return new Uint8Array([colour, bytes.length, ...bytes, ...record]);
};

test('a hand is read as it was written', () => {
  const bytes = passed(3, 'Mari Õ', writeHand(70_000, 10_000, 250, Held.arrow));
  assert.deepEqual(readHand(bytes), { colour: 3, name: 'Mari Õ', node: 70_000, x: 1, y: 0.025, held: Held.arrow });
});

test('a hand that is cut short or unknown is none, or an open one', () => {
  assert.equal(readHand(new Uint8Array()).node, 0);
  assert.equal(readHand(new Uint8Array([9, 200, 1])).colour, 1);
  assert.equal(readHand(passed(0, '', writeHand(5, 0, 0, 77 as Held))).held, Held.nothing);
});

test('a line needs few points, and stays within the distance', () => {
  const straight = Array.from({ length: 100 }, (_, i): Point => [i, 2 * i]);
  assert.deepEqual(simplified(straight, 0.5), [
    [0, 0],
    [99, 198],
  ]);
  const wave = Array.from({ length: 400 }, (_, i): Point => [i, 20 * Math.sin(i / 20)]);
  const few = simplified(wave, 0.8);
  assert.ok(few.length < 80, `${few.length} points`);
  assert.deepEqual([few[0], few.at(-1)], [wave[0], wave.at(-1)]);
});

test('each shape has a path, whichever way it was drawn', () => {
  const ends: readonly Point[] = [
    [40, 30],
    [10, 10],
  ];
  assert.match(pathOf('box', ends), /^M18 10h14a8 /);
  assert.match(pathOf('arrow', ends), /^M40 30L10 10M/);
  assert.match(pathOf('pen', [...ends, [0, 0]]), /^M40 30Q10 10 5 5L0 0$/);
  assert.equal(pathOf('pen', []), '');
  for (const shape of ['arrow', 'box', 'pen'] as const)
    assert.doesNotMatch(pathOf(shape, [[1, 1]]), /NaN|Infinity/, shape);
});

test('the hint has a text in every language, with the name in it', () => {
  for (const language of languages)
    for (const text of Object.values(texts[language]))
      assert.ok(String(text).includes('{name}'), `${language}: ${text}`);
});
