// Puts what the edge sends into the store, and tells the agent what needs them.

import { batch } from '@preact/signals';
import type { Message, Session, Welcome, WireError } from '../wire/payload.ts';
import { endOffer, type Offer, prune, putOffer, putSession } from './desk.ts';
import type { Edge } from './edge.ts';
import type { Store } from './store.ts';
import type { Key } from './texts.ts';
import { takeVisits } from './visitors.ts';

/** Why an act was not done. */
const reasons: Record<string, Key> = {
  gone: 'tool.gone',
  stale: 'tool.stale',
  covered: 'tool.covered',
  outside: 'tool.outside',
};

const sayAgainAfter = 2000; // ms, where the edge gives no time

/** Connects an edge to the store; the edge's own close ends it. */
export function feed(store: Store, edge: Edge): void {
  const showLink = () => {
    const { state, transport, rtt, retryAt } = edge;
    store.link.value = { state, transport, rtt, retryAt };
  };
  edge.onState(showLink);
  edge.on('Pong', showLink);
  edge.on('Welcome', (welcome) => welcomed(store, welcome));
  edge.on('Desk', (desk) => {
    const rested = store.desk.value?.resting_until !== undefined;
    store.desk.value = desk;
    if (desk.resting_until !== undefined && !rested)
      store.announce(store.t.value('rest.title', { n: desk.missed ?? 0 }));
  });
  edge.on('Session', (session) => sessionCame(store, session));
  edge.on('Message', (message) => messageCame(store, message));
  for (const kind of ['Sent', 'Stored', 'Mark', 'Typing'] as const) {
    edge.on(kind, (payload) => store.talk(payload.session).apply(kind, payload));
  }
  edge.on('Offer', (offer) => offerCame(store, offer));
  edge.on('OfferEnd', (end) => {
    const offer = store.offers.value.find((o) => o.session.id === end.session && o.assignment <= end.assignment);
    if (end.why !== 'accepted') forget(store, end.session); // accepted: until its session comes, which then opens
    store.offers.value = endOffer(store.offers.value, end);
    if (offer && end.why === 'expired') store.tell('toast.offerExpired', { name: offer.session.name });
    if (offer && end.why === 'gone') store.tell('toast.offerGone', { name: offer.session.name });
  });
  edge.on('Mirror', (note) => {
    const before = store.mirrors.value.get(note.session)?.tab;
    if (before && before !== note.tab) store.drawings.lose(note.session);
    store.mirrors.value = new Map(store.mirrors.value).set(note.session, note);
  });
  edge.on('Faults', ({ session, faults }) => {
    if (store.sessions.value.has(session)) store.faulty(session, faults);
  });
  edge.on('Acted', (acted) => {
    if (acted.why) store.tell(reasons[acted.why] ?? 'tool.barred');
    store.acted(acted);
  });
  edge.on('Visits', (told) => {
    store.visits.value = takeVisits(store.visits.value, told);
  });
  edge.on('OK', ({ ref }) => {
    store.answered(ref, null);
  });
  edge.on('Error', (error) => errorCame(store, error));
  edge.onPage((session, message) => store.pages.get(session)?.(message));
  edge.onPointer((session, record) => store.pointers.get(session)?.(record));
  edge.onHand((session, record) => store.hands.get(session)?.(record));
  edge.on('Draw', (draw) => store.drawings.show(draw));
}

function welcomed(store: Store, welcome: Welcome): void {
  const { sessions, lost } = prune(store.sessions.value, welcome.sessions ?? []);
  const ours = lost.filter((id) => {
    const session = store.sessions.value.get(id);
    return session !== undefined && store.isMine(session);
  });
  batch(() => {
    if (welcome.agent) store.me.value = welcome.agent;
    store.skew.value = welcome.now - Date.now();
    store.node.value = welcome.node ?? '';
    store.pass = welcome.token ?? store.pass;
    store.views = welcome.views === true;
    store.sessions.value = sessions;
    store.offers.value = []; // those that still stand come again
    store.mirrors.value = new Map();
    store.settleAnswers();
    store.opened.value++;
  });
  store.sayAgain();
  store.askState();
  void store.countCards();
  for (const id of ours) void askAfter(store, id);
  for (const id of lost) if (!ours.includes(id)) store.dropTalk(id);
}

/** A conversation that ended while we were away: shows how it ended. */
async function askAfter(store: Store, id: string): Promise<void> {
  try {
    const [{ session }, { messages }] = await Promise.all([
      store.parts.api.session(id),
      store.parts.api.messages(id, { limit: 200 }),
    ]);
    for (const message of messages) store.talk(id).apply('Message', { ...message, stored: true });
    sessionCame(store, session);
  } catch (error) {
    store.dropTalk(id);
    store.tellError({ code: error instanceof Error && 'code' in error ? String(error.code) : 'internal' });
  }
}

/** How many levels the visitor has allowed and refused. */
const answers = ({ granted, refused }: Session): number => (granted?.length ?? 0) + (refused?.length ?? 0);

function sessionCame(store: Store, session: Session): void {
  if (!store.sees(session)) {
    store.tell('toast.returned', { name: session.name });
    store.dismiss(session.id);
    return;
  }
  const before = store.sessions.value.get(session.id);
  const answered = store.answering.value.has(session.id);
  batch(() => {
    store.sessions.value = putSession(store.sessions.value, session);
    store.talk(session.id).apply('Session', session);
    store.drawings.settle(session);
    if (session.state !== 'waiting') {
      forget(store, session.id);
      store.offers.value = store.offers.value.filter((o) => o.session.id !== session.id);
    }
  });
  if (!store.isMine(session)) {
    if (before && store.isMine(before)) store.tell('toast.returned', { name: session.name });
    return;
  }
  if (!before) store.sayAgain([store.talk(session.id)]);
  if (before && answers(session) !== answers(before)) store.untell('tool.asked', { name: session.name });
  if (session.state === 'active' && before?.state !== 'active' && answered) store.select(session.id);
  if (session.state === 'ended' && before?.state === 'active')
    store.announce(store.t.value('say.ended', { name: session.name }));
  store.look();
}

function messageCame(store: Store, message: Message): void {
  const talk = store.talk(message.session);
  const known = talk.lines.value.some(
    (line) => line.message.id === message.id && line.message.author.id === message.author.id,
  );
  talk.apply('Message', message);
  const session = store.sessions.value.get(message.session);
  if (!session || !store.isMine(session)) return;
  store.look();
  const fresh =
    !known && message.kind === 'text' && message.author.role === 'visitor' && message.seq > session.agent_marks.read;
  if (!fresh) return;
  if (store.looksAt(session.id)) return; // the chat's own live region reads it out
  talk.newFrom.value ??= message.seq;
  store.parts.alerts.play('message');
  const text = message.text ?? '';
  store.announce(store.t.value('say.message', { name: session.name, text }));
  store.parts.alerts.notify(session.name, text, session.id, () => store.select(session.id));
}

function offerCame(store: Store, offer: Offer): void {
  const known = store.offers.value.some((o) => o.session.id === offer.session.id && o.assignment === offer.assignment);
  store.offers.value = putOffer(store.offers.value, offer);
  if (known) return;
  forget(store, offer.session.id);
  const { name, site } = offer.session;
  const text = store.t.value('say.offer', { name, site: store.siteName(site) });
  store.announce(text);
  store.parts.alerts.play('offer');
  store.parts.alerts.notify(store.t.value('offer.title'), text, `offer-${offer.session.id}`, () => store.open('desk'));
}

function errorCame(store: Store, error: WireError): void {
  if (error.code === 'revoked') {
    store.leave('signIn.revoked');
    return;
  }
  if (error.session && error.id) {
    const talk = store.talk(error.session);
    talk.apply('Error', error);
    // not refused, only not now: what is still pending is said again
    if (error.code === 'rate' || error.code === 'unavailable')
      setTimeout(() => store.sayAgain([talk]), error.retry_ms ?? sayAgainAfter);
    else if (error.code === 'forbidden') store.tellError(error);
    return;
  }
  if (error.ref !== undefined && store.answered(error.ref, error)) {
    store.settleAnswers();
    return;
  }
  if (error.code === 'auth' || error.code === 'forbidden') {
    void store.comeBack();
    return;
  }
  // another fatal code ends the connection, which the connection indicator shows
  if (error.code === 'version' || error.code === 'rate' || error.code === 'unavailable' || error.code === 'internal')
    store.tellError(error);
}

function forget(store: Store, session: string): void {
  if (!store.answering.value.has(session)) return;
  const answering = new Map(store.answering.value);
  answering.delete(session);
  store.answering.value = answering;
}
