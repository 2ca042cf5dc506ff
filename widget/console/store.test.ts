// The store on the scripted edge of dev/: what is sent, and what an agent sees.

import assert from 'node:assert/strict';
import { beforeEach, mock, test } from 'node:test';
import type { ControlKind, Payloads } from '../wire/payload.ts';
import type { Alerts } from './alerts.ts';
import { Api } from './api.ts';
import { ScriptedEdge } from './dev/edge.ts';
import { answer, live, offered } from './dev/world.ts';
import type { EdgeOptions } from './edge.ts';
import { Settings } from './settings.ts';
import { Store } from './store.ts';

class MemoryStorage implements Storage {
  private readonly held = new Map<string, string>();
  [name: string]: unknown;
  get length() {
    return this.held.size;
  }
  key(i: number) {
    return [...this.held.keys()][i] ?? null;
  }
  getItem(key: string) {
    return this.held.get(key) ?? null;
  }
  setItem(key: string, value: string) {
    this.held.set(key, value);
  }
  removeItem(key: string) {
    this.held.delete(key);
  }
  clear() {
    this.held.clear();
  }
}

type Sent = { [K in ControlKind]: { kind: K; payload: Payloads[K] } }[ControlKind];

class RecordingEdge extends ScriptedEdge {
  readonly sent: Sent[] = [];
  override send<K extends ControlKind>(kind: K, payload: Payloads[K]): number {
    this.sent.push({ kind, payload } as Sent);
    return super.send(kind, payload);
  }
  of<K extends ControlKind>(kind: K): Payloads[K][] {
    return this.sent.filter((s) => s.kind === kind).map((s) => s.payload as Payloads[K]);
  }
}

const page = { hidden: false, focused: true };
const [loan, basket] = live.map((s) => s.id) as [string, string];

mock.timers.enable({ apis: ['setTimeout'] });

beforeEach(() => {
  Object.assign(page, { hidden: false, focused: true });
  const document = {
    get hidden() {
      return page.hidden;
    },
    hasFocus: () => page.focused,
  };
  Object.assign(globalThis, {
    location: { hash: '', origin: 'http://localhost' },
    document,
    navigator: { languages: ['en'] },
  });
});

async function open(scene: string, storage: Storage = new MemoryStorage()) {
  const edges: RecordingEdge[] = [];
  const connect = (options: EdgeOptions) => {
    edges.push(new RecordingEdge(scene, options));
    return edges.at(-1) as RecordingEdge;
  };
  const heard: string[] = [];
  const alerts = {
    play: (tune: string) => heard.push(tune),
    notify: (title: string) => heard.push(title),
  } as unknown as Alerts;
  const api = new Api(async (input, init) => {
    const { status, body } = answer(scene, init?.method ?? 'GET', new URL(String(input), 'http://localhost'));
    return new Response(JSON.stringify(body), { status });
  });
  const openMirror = () => assert.fail('no mirror here');
  const store = new Store({ api, connect, openMirror, settings: new Settings(storage), alerts, storage });
  await store.start();
  await settle();
  return { store, edge: edges[0] as RecordingEdge, heard, storage };
}

const settle = () => new Promise((done) => setImmediate(done));

test('without a session the agent is asked to sign in', async () => {
  const { store } = await open('sign-in');
  assert.equal(store.phase.value, 'out');
  await assert.rejects(store.signIn('liis', 'wrong'), { code: 'auth' });
});

test('a node that cannot answer is said so, and start can be tried again', async () => {
  const { store } = await open('failed');
  assert.equal(store.phase.value, 'failed');
  assert.equal(store.why.value, 'error.internal');
});

test('delivered is told for every conversation, read only for the one looked at', async () => {
  const { store, edge } = await open('frozen');
  edge.sent.length = 0;
  assert.equal(store.unreadOf(basket), 2);
  page.focused = false;
  store.select(basket);
  assert.ok(!edge.of('Mark').some((m) => m.session === basket && m.read === 4), 'not focused: not read');
  page.focused = true;
  store.look();
  assert.deepEqual(edge.of('Mark').at(-1), { session: basket, delivered: 4, read: 4 });
  assert.equal(store.unreadOf(basket), 0);
  assert.equal(store.unreadOf(loan), 0);
});

test('on a phone a message is read once the chat is on the screen, not the page beside it', async () => {
  const { store, edge, heard } = await open('frozen');
  store.phone.value = true;
  store.select(basket, 'page');
  edge.sent.length = 0;
  assert.equal(store.unreadOf(basket), 2);
  store.look();
  assert.ok(!edge.of('Mark').some(({ read }) => read === 4), 'the page covers the chat');

  const last = store.talk(basket).lines.value.at(-1)?.message;
  assert.ok(last);
  edge.deliver('Message', {
    ...last,
    id: 'm5',
    seq: 5,
    text: 'Are you there?',
    author: { ...last.author, role: 'visitor' },
  });
  assert.equal(store.unreadOf(basket), 3, 'the tab says so');
  assert.ok(heard.includes('message'), 'and it is heard');
  assert.match(store.said.value, /Are you there/);

  store.turn('chat');
  assert.equal(edge.of('Mark').at(-1)?.read, 5);
  assert.equal(store.unreadOf(basket), 0);
  store.turn('visitor');
  store.phone.value = false;
  edge.deliver('Message', { ...last, id: 'm6', seq: 6, text: 'Hello?', author: { ...last.author, role: 'visitor' } });
  assert.equal(edge.of('Mark').at(-1)?.read, 6, 'a wide window shows the chat whatever the pane');
});

test('an accepted offer opens by itself', async () => {
  const { store, edge, heard } = await open('busy');
  const offer = store.offers.value[0];
  assert.ok(offer);
  assert.ok(heard.includes('offer'));
  store.answer(offer, true);
  store.answer(offer, true);
  assert.equal(edge.of('Answer').length, 1, 'a second key stroke does not answer twice');
  await settle();
  assert.equal(store.offers.value.length, 0);
  assert.equal(store.selected.value?.id, offered.id);
});

test('a conversation that was taken away closes with a word, and what ended elsewhere cannot stay open', async () => {
  const { store, edge } = await open('frozen');
  store.select(loan);
  const session = store.sessions.value.get(loan);
  assert.ok(session);
  edge.deliver('Session', { ...session, state: 'waiting', agent: '', agent_name: '' });
  assert.equal(store.selected.value, null);
  assert.equal(store.route.value.session, null);
  assert.ok(!store.sessions.value.has(loan));
  assert.match(store.toasts.value.at(-1)?.text ?? '', /no longer with you/);
});

test('what was new is so until it is answered', async () => {
  const { store } = await open('frozen');
  store.select(basket);
  assert.equal(store.talk(basket).newFrom.value, 3);
  store.look();
  assert.equal(store.talk(basket).newFrom.value, 3);
  store.say(basket, 'Which code is it?');
  assert.equal(store.talk(basket).newFrom.value, null);
});

test('an agent who rests is told, and the state set again ends it', async () => {
  const { store, edge } = await open('resting');
  assert.match(store.said.value, /missed 2 offers/);
  store.setState('service');
  assert.deepEqual(edge.of('State'), [{ state: 'service' }]);
});

test('the messages that nobody has answered are counted', async () => {
  assert.equal((await open('frozen')).store.openCards.value, 2);
  assert.equal((await open('empty')).store.openCards.value, 0);
});

test('a declined offer goes away and opens nothing', async () => {
  const { store } = await open('busy');
  store.answer(store.offers.value[0] as never, false);
  await settle();
  assert.equal(store.offers.value.length, 0);
  assert.equal(store.selected.value, null);
});

test('what is not stored is said again on the next connection and survives a reload', async () => {
  const storage = new MemoryStorage();
  const first = await open('offline', storage);
  first.store.say(loan, 'Are you there?');
  const second = await open('frozen', storage);
  assert.deepEqual(
    second.edge.of('Say').map((s) => s.text),
    ['Are you there?'],
  );
  assert.equal(second.edge.of('Say')[0]?.id, first.edge.of('Say')[0]?.id, 'the same identity');
  await settle();
  assert.equal(second.store.talk(loan).lines.value.at(-1)?.tick, 'read');
});

test('drafts belong to one conversation, survive a reload and go with sign-out', async () => {
  const storage = new MemoryStorage();
  const first = await open('frozen', storage);
  first.store.write(loan, 'half a sent');
  const second = await open('frozen', storage);
  assert.equal(second.store.talk(loan).draft.value, 'half a sent');
  assert.equal(second.store.talk(basket).draft.value, '');
  await second.store.signOut();
  const third = await open('frozen', storage);
  assert.equal(third.store.talk(loan).draft.value, '');
});

test('typing is told at once and then seldom, and taken back when the box is emptied', async () => {
  const { store, edge } = await open('frozen');
  for (const text of ['H', 'He', 'Hel']) store.write(loan, text);
  store.write(loan, '');
  store.write(loan, '');
  assert.deepEqual(
    edge.of('Typing').map((t) => t.on),
    [true, false],
  );
});

test('a message that cannot be taken now is said again, the same, when the edge says', async () => {
  const { store, edge } = await open('offline');
  store.say(loan, 'wait');
  const [first] = edge.of('Say');
  edge.deliver('Error', { code: 'rate', text: '', retry_ms: 700, session: loan, id: first?.id ?? '' });
  mock.timers.tick(699);
  assert.equal(edge.of('Say').length, 1);
  mock.timers.tick(1);
  assert.deepEqual(edge.of('Say'), [first, first]);
});

test('a message that nobody can store is shown as not saved', async () => {
  const { store } = await open('lost');
  store.say(loan, 'gone');
  await settle();
  assert.equal(store.talk(loan).lines.value.at(-1)?.tick, 'not_saved');
});

test('that the visitor is asked is said until they have answered', async () => {
  const { store, edge } = await open('busy');
  const session = live.find(({ id }) => id === loan);
  assert.ok(session);
  const said = () => store.toasts.value.length;
  store.askLevel(session, 'point');
  await settle();
  assert.equal(said(), 1);
  edge.deliver('Session', { ...session, title: 'Elsewhere' });
  assert.equal(said(), 1, 'something else changed');
  edge.deliver('Session', { ...session, granted: ['point'] });
  assert.equal(said(), 0);
});

test('without a connection a request is refused at once, with a word', async () => {
  const { store, edge } = await open('offline');
  edge.sent.length = 0;
  store.end(loan);
  assert.equal(edge.of('End').length, 0);
  assert.equal(store.toasts.value.at(-1)?.bad, true);
});

test('a state that is chosen without a connection is told to the next edge', async () => {
  const { store, edge } = await open('offline');
  edge.sent.length = 0;
  store.setState('break');
  assert.deepEqual([edge.of('State').length, store.wished.value, store.toasts.value.length], [0, 'break', 0]);
  edge.state = 'open';
  edge.deliver('Welcome', { v: 1, link: 'l', now: Date.now(), ping_ms: 15_000 });
  assert.deepEqual(edge.of('State'), [{ state: 'break' }]);
  await settle();
  assert.equal(store.wished.value, null, 'it is confirmed');
});

test('being revoked ends it all and says so', async () => {
  const { store, edge } = await open('frozen');
  edge.deliver('Error', { code: 'revoked', text: '' });
  assert.equal(store.phase.value, 'out');
  assert.equal(store.why.value, 'signIn.revoked');
  assert.equal(store.sessions.value.size, 0);
  assert.equal(edge.state, 'closed');
});

test('a supervisor sees the sessions of others and marks none of them', async () => {
  const { store, edge } = await open('supervisor');
  assert.equal(store.own.value.length, 0);
  assert.equal(store.others.value.length, 4);
  store.select(basket);
  assert.equal(edge.of('Mark').length, 0);
});

test('another language is spoken when its texts have come, the one chosen last', async () => {
  const { store } = await open('busy');
  const { language } = store.parts.settings;
  assert.equal(store.t.value('cancel'), 'Cancel');
  language.value = 'ru';
  const first = store.speak();
  language.value = 'de';
  await Promise.all([first, store.speak()]);
  assert.equal(store.t.value('cancel'), 'Abbrechen');
});
