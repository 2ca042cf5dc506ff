import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import type { ControlKind, Payloads, Session } from '../wire/payload.ts';
import { page } from './dev/page.ts';
import { Chat, type Edge, parts } from './session.ts';
import { Store } from './store.ts';

page();

/** A connection whose other end is the test. */
class TestEdge implements Edge {
  state: Edge['state'] = 'closed';
  retryAt = null;
  sent: { kind: ControlKind; payload: unknown; seq: number }[] = [];
  private seq = 0;
  private readonly listeners = new Map<ControlKind, ((payload: never, seq: number) => void)[]>();
  private readonly stateListeners: (() => void)[] = [];

  send<K extends ControlKind>(kind: K, payload: Payloads[K]): number {
    if (this.state !== 'open') return 0;
    this.sent.push({ kind, payload, seq: ++this.seq });
    return this.seq;
  }
  on<K extends ControlKind>(kind: K, f: (payload: Payloads[K], seq: number) => void): () => void {
    this.listeners.set(kind, [...(this.listeners.get(kind) ?? []), f as never]);
    return () => {};
  }
  onState(f: () => void): () => void {
    this.stateListeners.push(f);
    return () => {};
  }
  start(): void {
    this.become('connecting');
  }
  close(): void {
    this.become('closed');
  }
  kick(): void {}

  become(state: Edge['state']): void {
    this.state = state;
    for (const f of this.stateListeners) f();
  }
  tell<K extends ControlKind>(kind: K, payload: Payloads[K]): void {
    for (const f of this.listeners.get(kind) ?? []) f(payload as never, 1);
  }
  welcome(sessions: string[] = []): void {
    const departments = [{ id: 'sales', name: 'Sales' }];
    const site = { id: 'demo', name: 'Shop', departments, cobrowse: true };
    const known = { token: 'token', visitor: 'visitor', site, button: { state: 'open' } as const };
    this.tell('Welcome', { v: 1, link: 'link', now: Date.now(), ping_ms: 20_000, ...known, sessions });
    this.become('open');
  }
  /** What was sent of one kind, the newest last. */
  said<K extends ControlKind>(kind: K): Payloads[K][] {
    return this.sent.filter((frame) => frame.kind === kind).map(({ payload }) => payload as Payloads[K]);
  }
  lastSeq(kind: ControlKind): number {
    return this.sent.findLast((frame) => frame.kind === kind)?.seq ?? 0;
  }
}

let edge: TestEdge;
let store: Store;
let chat: Chat;

/** A page load: what memory held is gone, what storage holds is not. */
function load(): void {
  edge = new TestEdge();
  const me = { site: 'demo', lang: 'en', department: '', tab: 'tab' };
  const tab = { url: 'https://shop.example/', title: 'Shop', visible: true, focused: true };
  chat = new Chat(
    edge,
    store,
    me,
    () => tab,
    () => ({ visits: 1, first_seen: 0 }),
  );
  edge.start();
}

function session(changes: Partial<Session> = {}): Session {
  const marks = { delivered: 0, read: 0 };
  const id = store.memory.session ?? '';
  const rest = { epoch: 1, stored: 0, opened_at: 0, consent: false, visitor_marks: marks, agent_marks: marks };
  return {
    id,
    site: 'demo',
    department: 'sales',
    state: 'waiting',
    visitor: 'visitor',
    name: 'Ott',
    ...rest,
    ...changes,
  };
}

function open(): void {
  edge.welcome();
  chat.open('Ott', 'sales');
  edge.tell('Session', session({ place: 2 }));
}

function accept(): void {
  edge.tell('Session', session({ state: 'active', agent_name: 'Mari' }));
}

beforeEach(() => {
  localStorage.clear();
  sessionStorage.clear();
  store = new Store('demo');
  load();
});

test('an opening that was cut off is asked again on the next page, as the same session', () => {
  edge.welcome();
  chat.open('Ott', '');
  const asked = edge.said('Open')[0];
  assert.equal(chat.stage, 'opening');
  load();
  assert.equal(chat.stage, 'opening');
  edge.welcome();
  assert.equal(edge.said('Open')[0]?.session, asked?.session);
  edge.tell('Session', session());
  assert.equal(chat.stage, 'waiting');
});

test('a message said while cut off is kept over the page load and said when the link is back', () => {
  open();
  accept();
  edge.become('waiting');
  chat.say('still there?');
  assert.equal(edge.said('Say').length, 0);
  load();
  assert.equal(chat.stage, 'resuming');
  assert.deepEqual(
    chat.lines.map(({ message, tick }) => [message.text, tick]),
    [['still there?', 'sending']],
  );
  edge.welcome([store.memory.session ?? '']);
  const [said] = edge.said('Say');
  assert.equal(said?.text, 'still there?');
  edge.tell('Sent', { session: said?.session ?? '', id: said?.id ?? '', epoch: 1, seq: 1, at: 1 });
  edge.tell('Stored', { session: said?.session ?? '', epoch: 1, seq: 1, index: 1 });
  assert.equal(chat.lines[0]?.tick, 'stored');
  assert.equal(localStorage.getItem('kohe:demo:out'), null);
});

test('the transcript is there on the next page before the node answers, and is not asked for again', () => {
  open();
  accept();
  const id = store.memory.session ?? '';
  const author = { role: 'agent', name: 'Mari' } as const;
  edge.tell('Message', { session: id, epoch: 1, seq: 1, author, id: 'm1', kind: 'text', text: 'Hello', at: 1 });
  edge.tell('Stored', { session: id, epoch: 1, seq: 1, index: 1 });
  chat.keep();
  load();
  assert.equal(chat.stage, 'active');
  assert.deepEqual(
    chat.lines.map(({ message }) => message.text),
    ['Hello'],
  );
  assert.deepEqual(chat.hello().resume, [{ session: id, epoch: 1, seq: 1 }]);
});

test('stopping takes effect at once and reaches the node even if the link was down', () => {
  open();
  accept();
  assert.equal(chat.asksConsent, true);
  chat.consent(true);
  assert.equal(chat.shared, true);
  edge.tell('Session', session({ state: 'active', agent_name: 'Mari', consent: true }));
  edge.become('waiting');
  chat.consent(false);
  assert.equal(chat.shared, false);
  edge.welcome([store.memory.session ?? '']);
  assert.deepEqual(edge.said('Consent').at(-1), { session: store.memory.session, on: false });
  edge.tell('Session', session({ state: 'active', agent_name: 'Mari', consent: false }));
  assert.equal(chat.shared, false);
  assert.equal(chat.asksConsent, false, 'a visitor who stopped is not asked again');
});

test('the node hears once that the page is not to be shown, even if the link was down', () => {
  open();
  accept();
  const told = () => edge.said('Consent').length;
  edge.become('waiting');
  chat.consent(false);
  assert.equal(told(), 0);
  edge.welcome([store.memory.session ?? '']);
  accept();
  assert.deepEqual(edge.said('Consent').at(-1), { session: store.memory.session, on: false });
  edge.tell('Session', session({ state: 'active', agent_name: 'Mari', declined: true }));
  assert.equal(told(), 1);
  chat.reconsider();
  chat.consent(true);
  edge.tell('Session', session({ state: 'active', agent_name: 'Mari', consent: true }));
  assert.deepEqual(
    edge.said('Consent').map(({ on }) => on),
    [false, true],
  );
});

test('a chat ended while cut off is over at once here, and ended at the node when the link is back', () => {
  open();
  const id = store.memory.session ?? '';
  edge.become('waiting');
  chat.end();
  assert.equal(chat.stage, 'ended');
  load();
  edge.welcome([id]);
  assert.deepEqual(edge.said('End'), [{ session: id }]);
  edge.tell('Session', session({ state: 'ended', ended_by: 'visitor' }));
  assert.equal(store.memory.ending, undefined);
  assert.equal(chat.stage, 'ended');
});

test('a session that the node no longer has is over', () => {
  open();
  load();
  edge.welcome([]);
  assert.equal(chat.stage, 'ended');
});

test('an agent who vanished leaves the visitor in the queue', () => {
  open();
  accept();
  edge.tell('Session', session({ state: 'waiting', place: 1 }));
  assert.equal(chat.stage, 'waiting');
  assert.equal(chat.asksConsent, false);
});

test('a session begun in another tab is this one’s too', () => {
  edge.welcome();
  edge.tell('Session', session({ id: 'other', state: 'active', agent_name: 'Mari' }));
  assert.equal(chat.stage, 'active');
  assert.equal(store.memory.session, 'other');
});

test('a message that overtakes the session it is of is shown', () => {
  edge.welcome();
  const author = { role: 'agent', name: 'Mari' } as const;
  edge.tell('Message', { session: 'other', epoch: 1, seq: 1, author, id: 'm1', kind: 'text', text: 'Hello', at: 1 });
  edge.tell('Session', session({ id: 'other', state: 'active', agent_name: 'Mari' }));
  assert.deepEqual(
    chat.lines.map(({ message }) => message.text),
    ['Hello'],
  );
});

test('a card is kept until the node has it', () => {
  edge.welcome();
  edge.become('waiting');
  chat.writeCard(true);
  chat.leaveCard({ name: 'Ott', contact: 'ott@example.org', text: 'Hello' });
  load();
  assert.equal(chat.stage, 'card');
  edge.welcome();
  assert.equal(edge.said('Card')[0]?.text, 'Hello');
  edge.tell('OK', { ref: edge.lastSeq('Card') });
  assert.equal(chat.stage, 'thanks');
  assert.equal(localStorage.getItem('kohe:demo:card'), null);
});

test('an offline form that is being written stays when somebody comes; an empty one makes room for the chat', () => {
  edge.welcome();
  edge.tell('Button', { state: 'closed' });
  assert.equal(chat.stage, 'card');
  edge.tell('Button', { state: 'open' });
  assert.equal(chat.stage, 'start');
  edge.tell('Button', { state: 'closed' });
  chat.writes();
  edge.tell('Button', { state: 'open' });
  assert.equal(chat.stage, 'card');
  chat.writeCard(false);
  assert.equal(chat.stage, 'start');
});

test('a busy node is asked again, a blocked visitor is told and left in peace', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  edge.welcome();
  chat.open('Ott', '');
  edge.tell('Error', { code: 'busy', text: 'Full.', retry_ms: 2000, ref: edge.lastSeq('Open') });
  assert.equal(chat.fault, 'error_busy');
  assert.equal(chat.stage, 'opening');
  t.mock.timers.tick(2000);
  assert.equal(edge.said('Open').length, 2);
  edge.tell('Error', { code: 'revoked', text: 'Blocked.' });
  assert.equal(chat.stage, 'blocked');
  assert.equal(edge.state, 'closed');
});

test('a token that the node refuses is given up for a new one', () => {
  edge.welcome();
  edge.become('connecting');
  assert.equal(chat.hello().token, 'token');
  edge.tell('Error', { code: 'auth', text: 'Forged.' });
  edge.become('closed');
  assert.equal(edge.state, 'connecting', 'connects again');
  assert.equal(chat.hello().token, undefined);
});

test('a message that nobody could save is offered again and its lost copy goes', () => {
  open();
  accept();
  chat.say('hello');
  const id = edge.said('Say')[0]?.id ?? '';
  edge.tell('Error', { code: 'not_saved', text: 'Lost.', session: store.memory.session ?? '', id });
  const lost = chat.lines[0];
  assert.equal(lost?.tick, 'not_saved');
  chat.resend(lost?.key ?? '', 'hello');
  assert.deepEqual(
    chat.lines.map(({ tick }) => tick),
    ['sending'],
  );
  assert.notEqual(edge.said('Say')[1]?.id, id);
});

test('typing is told at most once in three seconds, and its end at once', (t) => {
  t.mock.timers.enable({ apis: ['Date'], now: 1e9 });
  open();
  accept();
  for (let i = 0; i < 5; i++) chat.typed(true);
  assert.equal(edge.said('Typing').length, 1);
  t.mock.timers.tick(3000);
  chat.typed(true);
  chat.typed(false);
  chat.typed(false);
  assert.deepEqual(
    edge.said('Typing').map(({ on }) => on),
    [true, true, false],
  );
});

test('a text over the limit is sent in parts, whole characters each', () => {
  assert.deepEqual(parts('hello'), ['hello']);
  const [first, second] = parts('🙂'.repeat(4001));
  assert.equal([...(first ?? '')].length, 4000);
  assert.equal(second, '🙂');
});
