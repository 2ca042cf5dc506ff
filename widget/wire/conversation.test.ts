import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { Conversation, type Pending, type PendingStore, typingFor } from './conversation.ts';
import type { Author, Message, Session } from './payload.ts';

const visitor: Author = { role: 'visitor', id: 'v', name: 'Mari' };
const agent: Author = { role: 'agent', id: 'kadri', name: 'Kadri' };

function session(changes: Partial<Session> = {}): Session {
  return {
    id: 's',
    site: 'shop',
    department: 'sales',
    state: 'active',
    visitor: 'v',
    name: 'Mari',
    epoch: 1,
    stored: 0,
    opened_at: 1,
    consent: false,
    visitor_marks: { delivered: 0, read: 0 },
    agent_marks: { delivered: 0, read: 0 },
    ...changes,
  };
}

function message(seq: number, author: Author, id: string, epoch = 1): Message {
  return { session: 's', epoch, seq, author, id, kind: 'text', text: id, at: seq };
}

const stored = (seq: number, epoch = 1) => ({ session: 's', epoch, seq, index: seq });
const texts = (c: Conversation) => c.lines.map((line) => line.message.text);
const ticks = (c: Conversation) => c.lines.map((line) => line.tick);

class Store implements PendingStore {
  constructor(public saved: Pending[] = []) {}
  load() {
    return this.saved;
  }
  save(pending: Pending[]) {
    this.saved = pending;
  }
}

test('a message of ours goes through all its ticks in place', () => {
  const c = new Conversation('s', visitor);
  c.apply('Session', session());
  const { id } = c.say('Tere');
  const key = c.lines[0]?.key;
  const steps: [() => void, string][] = [
    [() => {}, 'sending'],
    [() => c.apply('Sent', { session: 's', id, epoch: 1, seq: 1, at: 9 }), 'sent'],
    [() => c.apply('Mark', { session: 's', by: 'visitor', delivered: 1, read: 1 }), 'sent'], // our own marks are no tick
    [() => c.apply('Stored', stored(1)), 'stored'],
    [() => c.apply('Mark', { session: 's', by: 'agent', delivered: 1, read: 0 }), 'delivered'],
    [() => c.apply('Mark', { session: 's', by: 'agent', delivered: 1, read: 1 }), 'read'],
    [() => c.apply('Mark', { session: 's', by: 'agent', delivered: 0, read: 0 }), 'read'], // watermarks never fall
  ];
  for (const [step, tick] of steps) {
    step();
    assert.deepEqual(ticks(c), [tick]);
    assert.equal(c.lines[0]?.key, key, 'the line keeps its key');
  }
  assert.deepEqual(c.lines[0]?.message.seq, 1);
});

test('lines stand at their place however they arrive, ours without a place last', () => {
  const c = new Conversation('s', visitor);
  c.say('pending');
  for (const seq of [3, 1, 2]) c.apply('Message', message(seq, agent, `m${seq}`));
  c.apply('Message', message(2, agent, 'm2')); // a second copy
  assert.deepEqual(texts(c), ['m1', 'm2', 'm3', 'pending']);
});

test('a message that comes again with another place is drawn there alone', () => {
  const c = new Conversation('s', visitor);
  c.apply('Message', message(1, agent, 'a'));
  c.apply('Stored', stored(1));
  c.apply('Message', message(2, agent, 'lost'));
  c.apply('Message', message(2, agent, 'new', 2)); // the new origin's
  c.apply('Message', message(3, agent, 'lost', 2)); // said again
  assert.deepEqual(texts(c), ['a', 'new', 'lost']);
  assert.deepEqual(
    c.lines.map((line) => line.message.seq),
    [1, 2, 3],
  );
});

test('an older origin does not take a newer place back', () => {
  const c = new Conversation('s', visitor);
  c.apply('Message', message(3, agent, 'x', 2));
  c.apply('Message', message(2, agent, 'x', 1)); // a late copy
  assert.deepEqual(
    c.lines.map((line) => [line.message.epoch, line.message.seq]),
    [[2, 3]],
  );
});

test('what an origin numbered and lost is never called stored', () => {
  const c = new Conversation('s', visitor);
  const { id } = c.say('mine');
  c.apply('Sent', { session: 's', id, epoch: 1, seq: 1, at: 1 });
  c.apply('Session', session({ epoch: 2 })); // another origin claimed before it was stored
  c.apply('Message', message(1, agent, 'theirs', 2));
  c.apply('Stored', stored(1, 2));
  assert.deepEqual(
    c.lines.map((line) => [line.message.text, line.tick]),
    [
      ['mine', 'sent'],
      ['theirs', null],
    ],
  );
  assert.deepEqual(
    c.pending().map((p) => p.id),
    [id],
    'it is said again',
  );
  c.apply('Sent', { session: 's', id, epoch: 2, seq: 2, at: 1 });
  c.apply('Stored', stored(2, 2));
  assert.deepEqual(
    c.lines.map((line) => [line.message.text, line.tick]),
    [
      ['theirs', null],
      ['mine', 'stored'],
    ],
  );
  assert.deepEqual(c.pending(), []);
});

test('what an older origin stored counts when it is heard of again', () => {
  const c = new Conversation('s', visitor);
  c.apply('Session', session({ epoch: 3, stored: 2 }));
  c.apply('Message', { ...message(1, visitor, 'a', 1), stored: true });
  c.apply('Message', { ...message(2, agent, 'b', 2), stored: true });
  c.apply('Stored', stored(2, 3));
  assert.deepEqual(ticks(c), ['stored', null]);
  assert.deepEqual(c.resume(), { session: 's', epoch: 2, seq: 2 });
});

test('what an origin that was cut off numbers is not called stored because a newer one stored as many', () => {
  const c = new Conversation('s', visitor);
  c.apply('Session', session({ epoch: 3, stored: 40 }));
  c.apply('Stored', stored(40, 3));
  const { id } = c.say('mine');
  c.apply('Stored', stored(26, 2)); // the page has moved to the older origin's edge
  c.apply('Sent', { session: 's', id, epoch: 2, seq: 28, at: 1 });
  c.apply('Stored', stored(41, 3)); // and back
  assert.deepEqual(ticks(c), ['sent']);
  assert.equal(c.pending().length, 1, 'it is said again');
});

test('a message without a place is not stored', () => {
  const c = new Conversation('s', visitor);
  const { id } = c.say('mine');
  c.apply('Sent', { session: 's', id, epoch: 0, seq: 0, at: 1 }); // while no epoch is to be had
  assert.equal(c.pending().length, 1);
});

test('resume names the unbroken stored prefix', () => {
  const c = new Conversation('s', visitor);
  assert.deepEqual(c.resume(), { session: 's', epoch: 0, seq: 0 });
  for (const seq of [1, 2, 4]) c.apply('Message', message(seq, agent, `m${seq}`));
  c.apply('Stored', stored(4));
  assert.equal(c.resume().seq, 2, '3 is missing');
  c.apply('Message', message(3, agent, 'm3'));
  assert.equal(c.resume().seq, 4);
  c.apply('Message', message(5, agent, 'm5'));
  assert.equal(c.resume().seq, 4, '5 is not stored');
});

test('unsaid messages outlive a page load and are forgotten once stored', () => {
  const store = new Store();
  const before = new Conversation('s', visitor, store);
  const first = before.say('one');
  before.say('two');
  before.apply('Sent', { session: 's', id: first.id, epoch: 1, seq: 1, at: 1 });

  const after = new Conversation('s', visitor, store);
  assert.deepEqual(texts(after), ['one', 'two']);
  assert.deepEqual(
    after.pending().map((p) => p.text),
    ['one', 'two'],
    'numbered is not stored',
  );
  after.apply('Message', message(1, visitor, first.id));
  after.apply('Stored', stored(1));
  assert.deepEqual(ticks(after), ['stored', 'sending']);
  assert.deepEqual(
    store.saved.map((p) => p.text),
    ['two'],
  );
  assert.deepEqual(new Conversation('other', visitor, store).lines, [], 'another session has its own');
});

test('a message nobody can store says so and is not said again', () => {
  const table: [code: string, tick: string, pending: number][] = [
    ['not_saved', 'not_saved', 0],
    ['conflict', 'not_saved', 0],
    ['gone', 'not_saved', 0],
    ['rate', 'sending', 1],
    ['unavailable', 'sending', 1],
  ];
  for (const [code, tick, pending] of table) {
    const c = new Conversation('s', visitor);
    const { id } = c.say('x');
    c.apply('Error', { code, text: '', session: 's', id });
    assert.deepEqual([ticks(c), c.pending().length], [[tick], pending], code);
  }
});

test('marks are said once, for what is stored, and again if the edge forgot', () => {
  const c = new Conversation('s', agent);
  assert.equal(c.drawn(), null);
  c.apply('Message', message(1, visitor, 'a'));
  assert.equal(c.drawn(), null, 'not stored yet');
  c.apply('Stored', stored(1));
  assert.deepEqual(c.drawn(), { session: 's', delivered: 1, read: 0 });
  assert.equal(c.drawn(), null);
  assert.deepEqual(c.read(), { session: 's', delivered: 1, read: 1 });
  assert.equal(c.read(), null);
  c.apply('Session', session({ stored: 1, agent_marks: { delivered: 1, read: 0 } })); // the last one was lost
  assert.deepEqual(c.read(), { session: 's', delivered: 1, read: 1 });
});

test('the other side of an agent is the visitor', () => {
  const c = new Conversation('s', agent);
  const { id } = c.say('x');
  c.apply('Sent', { session: 's', id, epoch: 1, seq: 1, at: 1 });
  c.apply('Session', session({ stored: 1, visitor_marks: { delivered: 1, read: 1 } }));
  assert.deepEqual(ticks(c), ['read']);
});

test('typing is void after six seconds, at its end, and at the message', () => {
  mock.timers.enable({ apis: ['Date'], now: 1_000_000 });
  try {
    const c = new Conversation('s', visitor);
    const types = () => c.apply('Typing', { session: 's', by: agent, on: true });
    types();
    assert.equal(c.typing?.name, 'Kadri');
    mock.timers.tick(typingFor);
    assert.equal(c.typing, null);
    types();
    c.apply('Typing', { session: 's', by: agent, on: false });
    assert.equal(c.typing, null);
    types();
    c.apply('Message', message(1, agent, 'here'));
    assert.equal(c.typing, null);
    c.apply('Typing', { session: 's', by: visitor, on: true });
    assert.equal(c.typing, null, 'our own typing, from another tab');
  } finally {
    mock.timers.reset();
  }
});

test('other sessions change nothing and listeners are told of changes', () => {
  const c = new Conversation('s', visitor);
  let told = 0;
  const stop = c.subscribe(() => told++);
  c.apply('Message', { ...message(1, agent, 'a'), session: 'other' });
  c.apply('Session', session({ id: 'other' }));
  c.apply('Button', { state: 'open' });
  assert.deepEqual([c.lines.length, c.session, told], [0, null, 0]);
  c.apply('Message', message(1, agent, 'a'));
  assert.equal(told, 1);
  stop();
  c.say('x');
  assert.equal(told, 1);
});

test('any order of arrival converges on one transcript', () => {
  const frames: [Message, number][] = [1, 2, 3, 4, 5].map((seq) => [
    message(seq, seq % 2 ? visitor : agent, `m${seq}`),
    seq,
  ]);
  for (let round = 0; round < 200; round++) {
    const c = new Conversation('s', visitor);
    const shuffled = [...frames, ...frames].sort(() => Math.random() - 0.5);
    for (const [m, seq] of shuffled) {
      c.apply('Message', m);
      if (Math.random() < 0.3) c.apply('Stored', stored(seq));
    }
    c.apply('Stored', stored(5));
    assert.deepEqual(texts(c), ['m1', 'm2', 'm3', 'm4', 'm5']);
    assert.deepEqual(ticks(c), ['stored', null, 'stored', null, 'stored']);
    assert.equal(c.resume().seq, 5);
  }
});
