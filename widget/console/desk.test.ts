import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Line } from '../wire/conversation.ts';
import type { Desk, Message, Session } from '../wire/payload.ts';
import {
  endOffer,
  maxEnded,
  mirrorState,
  neighbour,
  type Offer,
  otherSessions,
  ownSessions,
  prune,
  putOffer,
  putSession,
  restLeft,
  type Sessions,
  sharedNames,
  unread,
  urgency,
  waitingSince,
  waitLimits,
} from './desk.ts';

function session(id: string, over: Partial<Session> = {}): Session {
  return {
    id,
    site: 'demo',
    department: 'sales',
    state: 'active',
    visitor: `v${id}`,
    name: id,
    agent: 'liis',
    epoch: 1,
    stored: 0,
    opened_at: 1000,
    accepted_at: 2000,
    consent: false,
    visitor_marks: { delivered: 0, read: 0 },
    agent_marks: { delivered: 0, read: 0 },
    ...over,
  };
}

function line(role: 'visitor' | 'agent' | 'system', at: number, over: Partial<Message> = {}): Line {
  const message: Message = {
    session: 's',
    epoch: 1,
    seq: at,
    author: { role },
    id: `m${at}`,
    kind: 'text',
    text: 'x',
    at,
    ...over,
  };
  return { key: message.id, message, mine: role === 'agent', tick: null };
}

const of = (...sessions: Session[]): Sessions => new Map(sessions.map((s) => [s.id, s]));

test('facts stay when a later frame leaves them out', () => {
  const facts = { visits: 3, first_seen: 1 };
  const once = putSession(new Map(), session('a', { facts }));
  const again = putSession(once, session('a', { consent: true }));
  assert.deepEqual(again.get('a')?.facts, facts);
  assert.equal(again.get('a')?.consent, true);
});

test('ended conversations are bounded; the oldest go first and live ones never', () => {
  let sessions: Sessions = of(session('live'));
  for (let i = 0; i < maxEnded + 3; i++) sessions = putSession(sessions, session(`e${i}`, { state: 'ended' }));
  assert.equal(sessions.size, maxEnded + 1);
  assert.ok(sessions.has('live'));
  assert.ok(!sessions.has('e2'));
  assert.ok(sessions.has(`e${maxEnded + 2}`));
});

test('what is not live any more is dropped and named; what had ended stays', () => {
  const before = of(session('a'), session('b'), session('c', { state: 'ended' }));
  const { sessions, lost } = prune(before, ['a']);
  assert.deepEqual([...sessions.keys()], ['a', 'c']);
  assert.deepEqual(lost, ['b']);
  assert.equal(prune(sessions, ['a']).sessions, sessions);
});

test('own conversations keep the order of acceptance, ended ones last', () => {
  const sessions = of(
    session('late', { accepted_at: 30 }),
    session('gone', { state: 'ended', accepted_at: 1 }),
    session('early', { accepted_at: 20 }),
    session('other', { agent: 'juhan' }),
    session('queued', { state: 'waiting' }),
  );
  assert.deepEqual(
    ownSessions(sessions, 'liis').map((s) => s.id),
    ['early', 'late', 'gone'],
  );
  assert.deepEqual(
    otherSessions(sessions, 'liis').map((s) => s.id),
    ['other', 'queued'],
  );
});

test('a newer assignment replaces an offer, and the end of an older one leaves it', () => {
  const offer = (assignment: number, expires: number): Offer => ({
    session: session('a'),
    assignment,
    expires_at: expires,
  });
  const offers = putOffer(putOffer([], offer(1, 50)), offer(2, 60));
  assert.deepEqual(
    offers.map((o) => o.assignment),
    [2],
  );
  assert.equal(endOffer(offers, { session: 'a', assignment: 1 }).length, 1);
  assert.equal(endOffer(offers, { session: 'a', assignment: 2 }).length, 0);
});

test('the offer that runs out first stands first', () => {
  const offers = [session('a'), session('b')].map((s, i) => ({ session: s, assignment: 1, expires_at: 90 - i }));
  assert.deepEqual(
    offers.reduce(putOffer, [] as Offer[]).map((o) => o.session.id),
    ['b', 'a'],
  );
});

test('a visitor waits since the first message nobody answered', () => {
  const a = session('a');
  assert.equal(waitingSince(a, []), 2000, 'nobody spoke: since accepted');
  assert.equal(waitingSince(a, [line('visitor', 10), line('visitor', 20)]), 10);
  assert.equal(waitingSince(a, [line('visitor', 10), line('agent', 15)]), null);
  assert.equal(waitingSince(a, [line('visitor', 10), line('agent', 15), line('visitor', 30)]), 30);
  assert.equal(waitingSince(a, [line('visitor', 10), line('system', 15, { kind: 'consent', text: 'on' })]), 10);
  assert.equal(
    waitingSince(a, [line('visitor', 10), { ...line('agent', 15), tick: 'not_saved' }]),
    10,
    'the answer was lost',
  );
  assert.equal(waitingSince(session('a', { state: 'ended' }), [line('visitor', 10)]), null);
});

test('urgency rises at its limits', () => {
  assert.deepEqual([0, waitLimits.soon - 1, waitLimits.soon, waitLimits.late - 1, waitLimits.late].map(urgency), [
    'calm',
    'calm',
    'soon',
    'soon',
    'late',
  ]);
});

test('unread counts only what the visitor wrote past the mark', () => {
  const lines = [
    line('visitor', 1),
    line('agent', 2),
    line('visitor', 3),
    line('system', 4, { kind: 'joined' }),
    line('visitor', 5),
  ];
  assert.deepEqual(
    unread(lines, 1).map((l) => l.message.seq),
    [3, 5],
  );
  assert.equal(unread(lines, 5).length, 0);
});

test('a shared name is one that two visitors carry, whatever its case', () => {
  const shared = sharedNames([
    session('a', { name: 'Mari' }),
    session('b', { name: 'mari ' }),
    session('c', { name: 'Ona' }),
    session('d', { name: 'Ona', visitor: 'vc' }),
  ]);
  assert.deepEqual([...shared], ['mari']);
});

test('the mirror says why there is nothing to see, and whether what is seen moves', () => {
  const on = line('system', 1, { kind: 'consent', text: 'on' });
  const shared = session('a', { consent: true });
  const note = { session: 'a', tab: 't', on: true };
  const view = { cobrowse: true, linked: true, note, lines: [on], drawn: true };
  assert.equal(mirrorState(session('a'), { ...view, lines: [], drawn: false }), 'none');
  assert.equal(mirrorState(session('a', { declined: true }), { ...view, lines: [], drawn: false }), 'declined');
  assert.equal(mirrorState(session('a', { declined: true }), view), 'stopped');
  assert.equal(mirrorState(shared, { ...view, cobrowse: false }), 'off');
  assert.equal(mirrorState(shared, { ...view, drawn: false }), 'waiting');
  const nowhere = { ...view, drawn: false, note: { ...note, on: false } };
  assert.equal(mirrorState(shared, nowhere), 'gone', 'a chat out of a backup: nobody is there to send the page');
  assert.equal(mirrorState(shared, { ...nowhere, linked: false }), 'waiting');
  assert.equal(mirrorState(shared, view), 'live');
  assert.equal(mirrorState(shared, { ...view, note: { ...note, frozen: true } }), 'frozen');
  assert.equal(mirrorState(shared, { ...view, note: { ...note, on: false } }), 'frozen');
  assert.equal(mirrorState(shared, { ...view, linked: false }), 'frozen');
  assert.equal(mirrorState({ ...shared, away_since: 5 }, view), 'frozen');
  assert.equal(mirrorState({ ...shared, state: 'ended' }, view), 'ended');
});

test('an agent rests until the time that the desk says, and only in service', () => {
  const desk: Desk = { state: 'service', departments: [], capacity: 4, load: 0, queues: [] };
  const resting: Desk = { ...desk, missed: 2, resting_until: 5000 };
  assert.equal(restLeft(null, 1000), 0);
  assert.equal(restLeft(desk, 1000), 0);
  assert.equal(restLeft(resting, 1000), 4000);
  assert.equal(restLeft(resting, 6000), 0);
  assert.equal(restLeft({ ...resting, state: 'break' }, 1000), 0);
});

test('stepping goes around the ends', () => {
  const own = [session('a'), session('b'), session('c')];
  assert.equal(neighbour(own, 'c', 1), 'a');
  assert.equal(neighbour(own, 'a', -1), 'c');
  assert.equal(neighbour(own, null, 1), 'a');
  assert.equal(neighbour(own, null, -1), 'c');
  assert.equal(neighbour([], 'a', 1), null);
});
