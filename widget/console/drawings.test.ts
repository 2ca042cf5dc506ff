import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Draw, Level, Session } from '../wire/payload.ts';
import { Drawings, type Refused } from './drawings.ts';

const session = (granted: Level[], rest: Partial<Session> = {}): Session =>
  ({ id: 's', state: 'active', granted, ...rest }) as Session;
const box = { node: 7, shape: 'box', points: [0, 0, 10, 10] } as const;

function open() {
  const sent: { drawing: Draw; refused: Refused }[] = [];
  const [here, lost, codes]: [Set<string>, string[], string[]] = [new Set(), [], []];
  const drawings = new Drawings(
    (drawing, refused) => sent.push({ drawing, refused }),
    (id) => lost.push(id),
  );
  drawings.lay('s', { draw: ({ id }) => here.add(id), remove: (id) => here.delete(id) });
  return { drawings, sent, here, lost, codes, refused: (code: string) => codes.push(code) };
}

test('what is allowed is sent, and shown here, at once', () => {
  const { drawings, sent, here, refused } = open();
  drawings.draw(session(['draw']), { ...box, points: [...box.points] }, refused);
  assert.equal(sent.length, 1);
  assert.ok(here.has(sent[0]?.drawing.id ?? ''));
});

test('what is not allowed yet waits for the visitor, in its order and bounded', () => {
  const { drawings, sent, lost, refused } = open();
  for (let node = 1; node <= 40; node++) drawings.draw(session([]), { ...box, node, points: [] }, refused);
  drawings.settle(session(['fill']));
  assert.equal(sent.length, 0);
  drawings.settle(session(['draw']));
  assert.deepEqual(
    sent.map(({ drawing }) => drawing.node),
    Array.from({ length: 32 }, (_, i) => i + 9),
  );
  drawings.settle(session(['draw']));
  assert.equal(sent.length, 32, 'each once');
  assert.deepEqual(lost, []);
});

test('what the visitor refuses, or leaves behind, is lost, and the agent told once', () => {
  for (const over of [
    ({ drawings }: ReturnType<typeof open>) => drawings.settle(session([], { refused: ['draw'] })),
    ({ drawings }: ReturnType<typeof open>) => drawings.settle(session([], { state: 'ended' })),
    ({ drawings }: ReturnType<typeof open>) => drawings.lose('s'),
  ]) {
    const desk = open();
    desk.drawings.draw(session([]), { ...box, points: [] }, desk.refused);
    over(desk);
    over(desk);
    desk.drawings.settle(session(['draw']));
    assert.deepEqual([desk.lost, desk.sent.length, desk.here.size], [['s'], 0, 0]);
  }
});

test('what the edge refuses is taken away here', () => {
  const { drawings, sent, here, codes, refused } = open();
  drawings.draw(session(['draw']), { ...box, points: [] }, refused);
  sent[0]?.refused('forbidden');
  assert.deepEqual([codes, here.size], [['forbidden'], 0]);
});
