import assert from 'node:assert/strict';
import { test } from 'node:test';
import { difference, merged, moved, sum } from '../guide/splice.ts';
import { Coauthor } from './coauthor.ts';

test('two changes of a text become one where they do not overlap', () => {
  for (const [base, agents, visitors, both] of [
    ['', 'a', '', 'a'],
    ['', '', 'v', 'v'],
    ['', 'a', 'v', 'va'],
    ['Liis', 'Liis Lill', 'Anna-Liis', 'Anna-Liis Lill'],
    ['Liis Lill', 'Lii Lill', 'Liis Kask', 'Lii Kask'],
    ['one two', 'one 2', 'uno two', 'uno 2'],
    ['abc', 'aXc', 'aYc', null],
    ['abc', '', 'abcd', 'd'],
    ['abc', 'same', 'same', 'same'],
  ] as const)
    assert.equal(merged(base, agents, visitors), both, `${base}: ${agents} + ${visitors}`);
});

test('a caret stays where it is in the text', () => {
  const was = 'Liis Lill';
  const splice = difference(was, 'Anna Liis Lill');
  assert.equal(moved(0, splice), 0);
  assert.equal(moved(4, splice), 9);
  assert.equal(moved(2, difference('abcd', 'ad')), 1);
});

/** A visitor's field, as guide/together.ts keeps it. */
class Field {
  value = '';
  texts = [''];

  type(value: string): void {
    this.value = value;
    this.texts.push(value);
  }

  fill({ text, base }: { text: string; base: string }): { why?: string; now: string } {
    const based = this.texts.find((one) => sum(one) === base);
    const next = base === sum(this.value) ? text : based === undefined ? null : merged(based, text, this.value);
    if (next === null) return { why: 'stale', now: sum(this.value) };
    this.texts.push(text);
    this.type(next);
    return { now: sum(next) };
  }
}

test('whoever types when, both end with one text, and nothing typed apart is lost', () => {
  let seed = 7;
  const random = (n: number): number => {
    seed = (seed * 1103515245 + 12345) & 0x7fffffff;
    return (seed >>> 8) % n; // the low bits of such a generator are not random
  };
  for (let round = 0; round < 300; round++) {
    const field = new Field();
    const agent = new Coauthor('');
    const lanes = { acts: [] as (() => void)[], answers: [] as (() => void)[], page: [] as string[] };
    let now = 0;
    const put = (text: string, mark: string): string => {
      const at = random(text.length + 1);
      return text.slice(0, at) + mark + text.slice(at);
    };
    const step = (): void => {
      const fill = agent.next(now);
      if (fill) {
        lanes.acts.push(() => {
          const answer = field.fill(fill);
          lanes.answers.push(() => agent.acted(answer, now));
          lanes.page.push(field.value);
        });
      }
      now += random(40);
      const [acts, answers, page] = [random(2), random(2), random(2)];
      if (acts) lanes.acts.shift()?.();
      if (answers) lanes.answers.shift()?.();
      if (page && lanes.page.length) agent.shown(lanes.page.shift() as string, now);
    };
    for (let i = 0; i < 60; i++) {
      if (random(3) === 0) agent.text = put(agent.text, 'a');
      if (random(3) === 0) {
        field.type(put(field.value, 'v'));
        lanes.page.push(field.value);
      }
      step();
    }
    for (let i = 0; i < 400; i++) step();
    agent.shown(field.value, now + 1000);
    assert.equal(agent.text, field.value, `round ${round}`);
    assert.equal(agent.settled, true);
  }
});

test('what the agent types ahead is kept when the page has changed what was sent', () => {
  const agent = new Coauthor('');
  agent.text = 'l';
  assert.deepEqual(agent.next(0), { text: 'l', base: sum('') });
  agent.text = 'li';
  agent.acted({ now: sum('L') }, 10); // the page writes names large
  agent.shown('L', 20);
  assert.equal(agent.text, 'Li');
  assert.deepEqual(agent.next(30), { text: 'Li', base: sum('L') });
});
