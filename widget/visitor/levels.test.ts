import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import type { ControlKind, Level, Payloads, Session } from '../wire/payload.ts';
import { page } from './dev/page.ts';
import { Levels } from './levels.ts';
import { Store } from './store.ts';

page();

let sent: Payloads['Grant'][];
let ask: (ask: Payloads['Ask']) => void;
let levels: Levels;
const chat = { session: null as Session | null, shared: true };

/** The session as the node tells it. */
function told(granted: Level[], more: Partial<Session> = {}): void {
  chat.session = { id: 's1', state: 'active', consent: true, agent_name: 'Mari', granted, ...more } as Session;
}

beforeEach(() => {
  localStorage.clear();
  sent = [];
  chat.shared = true;
  told([]);
  const edge = {
    send: <K extends ControlKind>(_: K, payload: Payloads[K]) => sent.push(payload as Payloads['Grant']),
    on: <K extends ControlKind>(_: K, f: (payload: Payloads[K], seq: number) => void) => {
      ask = f as never;
      return () => undefined;
    },
  };
  levels = new Levels(edge, new Store('shop'), chat, () => undefined);
});

function grant(level: Level): void {
  ask({ session: 's1', level, by: 'Mari' });
  levels.answer(true);
  told([level]);
}

test('a level that is asked for and allowed is on once the node has it', () => {
  ask({ session: 's1', level: 'fill', by: 'Mari' });
  assert.equal(levels.asked?.level, 'fill');
  levels.answer(true);
  assert.deepEqual(sent, [{ session: 's1', level: 'fill', on: true }]);
  assert.equal(levels.asked, null);
  assert.equal(levels.has('fill'), false);
  told(['fill']);
  assert.equal(levels.has('fill'), true);
});

test('what a node says was granted does not count if nobody granted it here', () => {
  told(['fill', 'click']);
  assert.deepEqual(levels.on, []);
});

test('what was given is no other session’s, no other agent’s, and over when the page is not shared', () => {
  grant('fill');
  told(['fill'], { id: 's2' });
  assert.equal(levels.has('fill'), false, 'another session');
  told(['fill'], { agent_name: 'Jaan' });
  assert.equal(levels.has('fill'), false, 'another agent');
  told(['fill']);
  assert.equal(levels.has('fill'), true);
  chat.shared = false;
  assert.equal(levels.has('fill'), false, 'not shared');
  levels.settle();
  chat.shared = true;
  assert.equal(levels.has('fill'), false, 'shared again');
});

test('a question is over with the agent who asked it', () => {
  ask({ session: 's1', level: 'click', by: 'Mari' });
  told([], { agent_name: 'Jaan' });
  assert.equal(levels.asked, null);
  levels.answer(true);
  assert.deepEqual(sent, []);
});

test('all is taken back at once', () => {
  grant('fill');
  levels.stop();
  assert.deepEqual(sent.at(-1), { session: 's1', level: 'fill', on: false });
  assert.equal(levels.has('fill'), false, 'before the node has heard of it');
});
