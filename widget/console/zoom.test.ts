import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Viewport } from './edge.ts';
import { actionOf, type Stroke } from './shortcuts.ts';
import { deviceOf, readSize, sizeByKey, zoomed } from './zoom.ts';

test('zooming goes to the next step, and ends at the last', () => {
  assert.equal(zoomed(45, 1), 50);
  assert.equal(zoomed(45, -1), 33);
  assert.equal(zoomed(100, 1), 110);
  assert.equal(zoomed(200, 1), 200);
  assert.equal(zoomed(25, -1), 25);
  assert.equal(sizeByKey('0', 130), 'fit');
  assert.equal(sizeByKey('=', 100), 110);
  assert.equal(sizeByKey('9', 100), null);
});

test('a size that was kept is a step or fits', () => {
  assert.equal(readSize(110), 110);
  for (const kept of ['fit', 'full', 111, null, {}]) assert.equal(readSize(kept), 'fit');
});

test('a device is told by its finger and its size', () => {
  const view = (width: number, height: number, answers: number): Viewport => ({
    width,
    height,
    answers,
    bar: 0,
    zoom: 100,
    ratio: 100,
  });
  assert.equal(deviceOf(view(390, 844, 32)), 'phone');
  assert.equal(deviceOf(view(844, 390, 32)), 'phone');
  assert.equal(deviceOf(view(820, 1180, 32)), 'tablet');
  assert.equal(deviceOf(view(390, 844, 16)), 'computer');
  assert.equal(deviceOf(view(390, 844, -1)), 'phone');
  assert.equal(deviceOf(view(1280, 800, -1)), 'computer');
});

test('tools have keys of their own, outside text fields', () => {
  const stroke = (key: string): Stroke => ({ key, code: '', ctrlKey: false, altKey: false, metaKey: false });
  assert.deepEqual(actionOf(stroke('p'), false, true), { do: 'tool', tool: 'point' });
  assert.deepEqual(actionOf(stroke('g'), false, true), { do: 'follow' });
  assert.equal(actionOf(stroke('p'), true, true), null);
  assert.equal(actionOf(stroke('p'), false, false), null);
});
