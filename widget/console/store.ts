// Everything the console knows and does. Components read its signals and call
// its actions; feed.ts puts in what the edge sends. Rules are in desk.ts.

import { batch, computed, type Signal, signal } from '@preact/signals';
import { type Language, speaker } from '../i18n/index.ts';
import { newId } from '../wire/frame.ts';
import { nearest } from '../wire/near.ts';
import type {
  Act,
  Acted,
  AgentState,
  AgentView,
  ControlKind,
  Fault,
  Hello,
  Level,
  Payloads,
  Session,
  Sort,
  Visit,
  WireError,
} from '../wire/payload.ts';
import type { Alerts } from './alerts.ts';
import { type Api, ApiError, type Ticket } from './api.ts';
import {
  type MirrorNote,
  neighbour,
  type Offer,
  otherSessions,
  ownSessions,
  type Sessions,
  sharedNames,
  unread,
} from './desk.ts';
import { Drawings } from './drawings.ts';
import type { Edge, EdgeOptions, OpenMirror } from './edge.ts';
import { feed } from './feed.ts';
import { goNear } from './near.ts';
import { formatRoute, parseRoute, type Route, type Screen } from './route.ts';
import type { Settings } from './settings.ts';
import { forgetTalks, Talk } from './talk.ts';
import { english, type Key, type Texts, textsIn } from './texts.ts';
import type { Tool } from './tools.tsx';
import { noVisits, type VisitList } from './visitors.ts';

export interface Parts {
  api: Api;
  connect: (options: EdgeOptions) => Edge;
  openMirror: OpenMirror;
  settings: Settings;
  alerts: Alerts;
  storage: Storage;
}
export type Phase = 'loading' | 'failed' | 'out' | 'in';
/** What a phone shows of the desk; wider screens show several side by side. */
export type PhonePane = 'list' | 'chat' | 'page' | 'visitor';
export interface Toast {
  id: number;
  bad: boolean;
  text: string;
}
export type Question = { ask: 'end' | 'block'; session: Session } | { ask: 'sign-out' } | { ask: 'help' };
export interface LinkView {
  state: Edge['state'];
  transport: Edge['transport'];
  rtt: number | null;
  retryAt: number | null;
}

const typingEvery = 3000; // ms between two typing notes
const comeBackAfter = 2000; // ms
const toastFor = 8000; // ms
const cardsCounted = 100; // the newest, so that more than 99 open ones show as such
const keptFaults = 50; // of one session's pages, the newest
const maxAsked = 64; // requests that wait for OK or Error

export class Store {
  readonly phase: Signal<Phase> = signal('loading');
  readonly why: Signal<Key | null> = signal(null); // why the agent is signed out, or why start failed
  readonly me: Signal<AgentView | null> = signal(null);
  readonly link: Signal<LinkView> = signal({ state: 'closed', transport: null, rtt: null, retryAt: null });
  readonly opened = signal(0); // counts welcomes: what was asked of an older connection is asked again
  readonly node = signal('');
  /** Proves this console to another edge when its own has died; kept in memory only. */
  pass = '';
  views = false; // the node knows View and Invite
  readonly desk: Signal<Payloads['Desk'] | null> = signal(null);
  readonly wished: Signal<AgentState | null> = signal(null); // a state that the edge has not confirmed
  readonly sessions: Signal<Sessions> = signal(new Map());
  readonly offers: Signal<readonly Offer[]> = signal([]);
  readonly answering: Signal<ReadonlyMap<string, number>> = signal(new Map()); // sessions whose offer was answered, and when
  readonly mirrors: Signal<ReadonlyMap<string, MirrorNote>> = signal(new Map());
  readonly faults: Signal<ReadonlyMap<string, readonly Fault[]>> = signal(new Map()); // of a session's page
  readonly route: Signal<Route> = signal(parseRoute(location.hash));
  readonly pane: Signal<PhonePane> = signal(parseRoute(location.hash).session ? 'chat' : 'list');
  readonly phone = signal(false); // the window shows one pane at a time
  readonly toasts: Signal<readonly Toast[]> = signal([]);
  readonly visits: Signal<VisitList> = signal(noVisits); // what the view shows, while there is one
  readonly openCards = signal(0); // messages left that nobody has answered, among the newest
  readonly said = signal(''); // for screen readers
  readonly question: Signal<Question | null> = signal(null);
  readonly tools: Signal<readonly Tool[]> = signal([]); // what can be done on the visitor's page now
  readonly tool: Signal<Tool> = signal('look');
  readonly follows = signal(true); // the mirror scrolls with the visitor
  readonly local = signal(Date.now()); // this computer's clock, once a second
  readonly skew = signal(0); // ms to add for the node's clock

  readonly now = computed(() => this.local.value + this.skew.value);
  readonly spoken: Signal<{ language: Language; texts: Texts }> = signal({ language: 'en', texts: english });
  readonly t = computed(() => speaker(this.spoken.value.texts, this.spoken.value.language));
  readonly own = computed(() => ownSessions(this.sessions.value, this.me.value?.id ?? ''));
  readonly others = computed(() => otherSessions(this.sessions.value, this.me.value?.id ?? ''));
  readonly shared = computed(() =>
    sharedNames([...this.sessions.value.values(), ...this.offers.value.map((o) => o.session)]),
  );
  readonly selected = computed(() => {
    const { screen, session } = this.route.value;
    return screen === 'desk' && session ? (this.sessions.value.get(session) ?? null) : null;
  });
  readonly unread = computed(() => {
    const own = this.own.value.filter((s) => s.state === 'active');
    return own.reduce((n, s) => n + this.unreadOf(s.id), 0);
  });

  readonly pages = new Map<string, (message: Uint8Array) => void>(); // who draws a session's page
  readonly pointers = new Map<string, (record: Uint8Array) => void>();
  readonly hands = new Map<string, (record: Uint8Array) => void>();
  readonly drawings = new Drawings(
    (drawing, refused) => this.ask('Draw', drawing, undefined, ({ code }) => refused(code)),
    (session) => this.tell('draw.lost', { name: this.sessions.value.get(session)?.name ?? '' }),
  );
  private readonly talks = new Map<string, Talk>();
  private readonly asked = new Map<number, (error: WireError | null) => void>();
  private readonly acts = new Map<string, (acted: Pick<Acted, 'why' | 'now'>) => void>(); // who waits for an outcome
  private edge: Edge | null = null;
  private typedAt = 0;
  private toastCount = 0;

  constructor(readonly parts: Parts) {}

  /** Speaks the language of the settings, once its texts are there. */
  async speak(): Promise<void> {
    const language = this.parts.settings.language.value;
    const texts = await textsIn(language).catch(() => null); // it goes on in the one it has
    if (texts && this.parts.settings.language.value === language) this.spoken.value = { language, texts };
  }

  // Signing in and out

  async start(): Promise<void> {
    this.phase.value = 'loading';
    try {
      await this.enter((await this.parts.api.me()).agent);
    } catch (error) {
      if (codeOf(error) === 'auth') this.phase.value = 'out';
      else this.fail(error);
    }
  }

  /** Signs in. Throws ApiError with what was wrong. */
  async signIn(name: string, password: string): Promise<void> {
    const { agent } = await this.parts.api.signIn(name, password);
    this.why.value = null;
    await this.enter(agent).catch((error) => this.fail(error));
  }

  async signOut(): Promise<void> {
    this.question.value = null;
    this.edge?.send('State', { state: 'out' });
    await this.parts.api.signOut().catch(() => undefined); // without a network the node notices by itself
    forgetTalks(this.parts.storage);
    this.leave(null);
  }

  /** Ends being signed in, for the reason shown on the sign-in page. */
  leave(why: Key | null): void {
    this.edge?.close();
    this.edge = null;
    for (const talk of this.talks.values()) talk.close();
    this.talks.clear();
    this.asked.clear();
    this.parts.api.reach.bearer = '';
    batch(() => {
      this.sessions.value = new Map();
      this.offers.value = [];
      this.mirrors.value = new Map();
      this.desk.value = this.wished.value = null;
      this.openCards.value = 0;
      this.me.value = null;
      this.question.value = null;
      this.why.value = why;
      this.phase.value = 'out';
    });
  }

  private fail(error: unknown): void {
    this.why.value = errorKey(codeOf(error));
    this.phase.value = 'failed';
  }

  private async enter(agent: AgentView): Promise<void> {
    let first: Ticket | null = await this.parts.api.ticket();
    this.me.value = agent;
    const hello = async (node: string): Promise<Hello> => {
      const away = node !== location.origin; // tickets are this node's; another takes the pass
      const proof = away ? { token: this.pass } : { ticket: (first ?? (await this.freshTicket())).ticket };
      if (!away) first = null; // a ticket is for one connection
      const language = this.parts.settings.language.value;
      return {
        v: 1,
        role: 'agent',
        ...proof,
        lang: language,
        resume: [...this.talks.values()].map((talk) => talk.resume()),
      };
    };
    const wt = first.wt ? { wt: { url: first.wt, hashes: first.hashes ?? [] } } : {};
    const edge = this.parts.connect({ node: location.origin, hello, ...wt });
    this.edge = edge;
    this.parts.api.reach.elsewhere = () => (edge.state === 'open' && edge.node !== location.origin ? edge.node : null);
    feed(this, edge);
    goNear(edge, this.parts.storage, nearest);
    edge.start();
    this.phase.value = 'in';
  }

  /** The connection was refused as unauthenticated: either the ticket was too old, or the sign-in is void. */
  async comeBack(): Promise<void> {
    try {
      await this.parts.api.me();
      setTimeout(() => this.edge?.start(), comeBackAfter);
    } catch (error) {
      if (codeOf(error) === 'auth') this.leave('signIn.expired');
      else setTimeout(() => void this.comeBack(), comeBackAfter);
    }
  }

  private async freshTicket(): Promise<Ticket> {
    try {
      return await this.parts.api.ticket();
    } catch (error) {
      if (codeOf(error) === 'auth') this.leave('signIn.expired');
      throw error;
    }
  }

  // Conversations

  /** Returns the conversation of a session, made when first asked for. */
  talk(session: string): Talk {
    let talk = this.talks.get(session);
    if (!talk) {
      const me = this.me.value;
      talk = new Talk(
        session,
        { role: me?.role ?? 'agent', id: me?.id ?? '', name: me?.alias ?? '' },
        this.parts.storage,
      );
      this.talks.set(session, talk);
    }
    return talk;
  }

  /** Something went wrong on a visitor's page. What is told again is kept once. */
  faulty(session: string, faults: readonly Fault[]): void {
    const same = (a: Fault, b: Fault) => a.url === b.url && a.text === b.text && a.status === b.status;
    const older = (this.faults.value.get(session) ?? []).filter((one) => !faults.some((other) => same(one, other)));
    this.faults.value = new Map(this.faults.value).set(session, [...older, ...faults].slice(-keptFaults));
  }

  dropTalk(session: string): void {
    const faults = new Map(this.faults.value);
    if (faults.delete(session)) this.faults.value = faults;
    this.talks.get(session)?.close();
    this.talks.delete(session);
  }

  unreadOf(session: string): number {
    const talk = this.talk(session);
    const readTo = Math.max(talk.readTo.value, this.sessions.value.get(session)?.agent_marks.read ?? 0);
    return unread(talk.lines.value, readTo).length;
  }

  isMine(session: Session): boolean {
    return session.agent === this.me.value?.id && session.state !== 'waiting';
  }

  /** Whether a session is on this console's list, as the edge judges it: an agent's own, a supervisor's all. */
  sees(session: Session): boolean {
    return this.isMine(session) || this.me.value?.role === 'supervisor';
  }

  select(session: string | null, pane: PhonePane = 'chat'): void {
    if (session) {
      const talk = this.talk(session);
      const readTo = Math.max(talk.readTo.value, this.sessions.value.get(session)?.agent_marks.read ?? 0);
      talk.newFrom.value = unread(talk.lines.value, readTo)[0]?.message.seq ?? null;
    }
    batch(() => {
      this.pane.value = session ? pane : 'list';
      this.go({ screen: 'desk', session });
    });
    this.look();
  }

  /** Turns a phone to another pane of the conversation. */
  turn(pane: PhonePane): void {
    this.pane.value = pane;
    this.look();
  }

  step(n: number): void {
    const id = neighbour(this.own.value, this.selected.value?.id ?? null, n);
    if (id) this.select(id);
  }

  /** Takes a conversation off the desk. */
  dismiss(session: string): void {
    const sessions = new Map(this.sessions.value);
    sessions.delete(session);
    this.sessions.value = sessions;
    this.dropTalk(session);
    if (this.route.value.session === session) this.select(null);
  }

  say(session: string, text: string, kind?: 'link'): void {
    const talk = this.talk(session);
    const said = talk.say(text, kind);
    talk.newFrom.value = null; // what is answered is new no more
    this.typedAt = 0;
    this.edge?.send('Say', said);
  }

  /** Says again what no node is known to have stored: on a new connection, and after a reload as sessions come. */
  sayAgain(talks: Iterable<Talk> = this.talks.values()): void {
    for (const talk of talks) for (const said of talk.pending()) this.edge?.send('Say', said);
  }

  write(session: string, draft: string): void {
    this.talk(session).write(draft);
    const at = Date.now();
    if (draft === '') {
      if (this.typedAt > 0) this.edge?.send('Typing', { session, on: false });
      this.typedAt = 0;
    } else if (at - this.typedAt >= typingEvery) {
      this.typedAt = at;
      this.edge?.send('Typing', { session, on: true });
    }
  }

  /** Whether the agent has a conversation before their eyes: on a phone that is one pane of several. */
  looksAt(session: string): boolean {
    const shown = this.selected.value?.id === session && (!this.phone.value || this.pane.value === 'chat');
    return shown && !document.hidden && document.hasFocus();
  }

  /** Sends what the agent has by now been shown and has read. */
  look(): void {
    for (const session of this.own.value) {
      const talk = this.talk(session.id);
      const drawn = talk.drawn();
      const read = this.looksAt(session.id) ? talk.read() : null;
      const marks = read ?? drawn;
      if (marks) this.edge?.send('Mark', marks);
    }
  }

  end(session: string): void {
    this.question.value = null;
    this.ask('End', { session });
  }

  block(session: Session): void {
    this.question.value = null;
    this.ask('Block', { visitor: session.visitor, site: session.site, on: true }, () =>
      this.tell('toast.blocked', { name: session.name }),
    );
  }

  unblock(session: Session): void {
    this.ask('Block', { visitor: session.visitor, site: session.site, on: false }, () =>
      this.tell('toast.unblocked', { name: session.name }),
    );
  }

  // Desk

  /** Sets the agent's state, once the edge can be told; the agent sees at once what they chose. */
  setState(state: AgentState): void {
    this.wished.value = state;
    if (this.link.value.state === 'open') this.askState();
  }

  /** Tells the edge the state that it has not confirmed yet. */
  askState(): void {
    const state = this.wished.value;
    const settled = () => {
      if (this.wished.value === state) this.wished.value = null;
    };
    const failed = (error: WireError) => {
      this.tellError(error);
      settled();
    };
    if (state) this.request('State', { state }, settled, failed);
  }

  setDepartments(departments: string[]): void {
    this.ask('State', { state: this.wished.value ?? this.desk.value?.state ?? 'service', departments });
  }

  async countCards(): Promise<void> {
    try {
      const { cards } = await this.parts.api.cards({ limit: cardsCounted });
      this.openCards.value = cards.filter(({ solved }) => !solved).length;
    } catch {
      // the number stays until the next count
    }
  }

  answer(offer: Offer, accept: boolean): void {
    const id = offer.session.id;
    if (this.answering.value.has(id)) return;
    this.answering.value = new Map(this.answering.value).set(id, this.now.value);
    this.ask('Answer', { session: id, assignment: offer.assignment, accept });
  }

  /** Asks for a session's page, or no longer; diverged: again, because what is drawn failed a check. */
  watch(session: string, on: boolean, diverged = false): void {
    this.edge?.send('Watch', { session, on, ...(diverged && { diverged }) });
  }

  /** Asks the visitor for a level. */
  askLevel(session: Session, level: Level): void {
    this.ask('Ask', { session: session.id, level }, () => this.tell('tool.asked', { name: session.name }));
  }

  /** Does something on the visitor's page; heard is told what became of it, if that comes to be known. */
  act(act: Omit<Act, 'id'>, heard?: (acted: Pick<Acted, 'why' | 'now'>) => void): void {
    const id = newId();
    const [oldest] = this.acts.keys();
    if (oldest !== undefined && this.acts.size >= maxAsked) this.acts.delete(oldest);
    if (heard) this.acts.set(id, heard);
    this.ask('Act', { ...act, id }, undefined, (error) => {
      const hidden = error.code === 'forbidden' && this.may(act.session, act.do === 'open' ? 'click' : act.do);
      if (!hidden) this.tellError(error);
      else if (!heard) this.tell('tool.hidden');
      this.acted({ session: act.session, id, why: hidden ? 'hidden' : 'refused' });
    });
  }

  /** What became of an act. */
  acted({ id, why, now }: Acted): void {
    this.acts.get(id)?.({ ...(why && { why }), ...(now && { now }) });
    this.acts.delete(id);
  }

  /** Whether the visitor lets the agent: what the edge forbids even so is what the page hides. */
  may(session: string, level: Level): boolean {
    return this.sessions.value.get(session)?.granted?.includes(level) ?? false;
  }

  /** Shows the visitor where the agent points. */
  hand(session: string, record: Uint8Array): void {
    this.edge?.sendHand(session, record);
  }

  /** Asks for the visitors of a site; null: no more. */
  view(view: { site: string; sort: Sort; filter: string } | null): void {
    this.visits.value = noVisits;
    if (this.views && this.link.value.state === 'open')
      this.edge?.send('View', view ? { on: true, ...view } : { on: false });
  }

  /** Invites a visitor to a chat. */
  invite(site: string, visit: Visit, name: string): void {
    const seq = this.edge?.send('Invite', { site, visit: visit.id, node: visit.node });
    if (!seq) return;
    const why: Record<string, Key> = { conflict: 'visitors.already', gone: 'visitors.left' };
    this.asked.set(seq, (error) => {
      if (error) this.tell(why[error.code] ?? errorKey(error.code), {}, true);
      else this.announce(this.t.value('visitors.nowInvited', { name }));
    });
  }

  kick(): void {
    this.edge?.kick();
  }

  /** Sends what is answered by OK or Error; an error is told to the agent. */
  private ask<K extends 'End' | 'Block' | 'State' | 'Answer' | 'Ask' | 'Act' | 'Draw'>(
    kind: K,
    payload: Payloads[K],
    done: () => void = () => undefined,
    failed: (error: WireError) => void = (error) => this.tellError(error),
  ): void {
    if (this.link.value.state !== 'open' || !this.edge) {
      this.settleAnswers();
      this.tell('error.offline', {}, true);
      return;
    }
    this.request(kind, payload, done, failed);
  }

  private request<K extends ControlKind>(
    kind: K,
    payload: Payloads[K],
    done: () => void,
    failed: (error: WireError) => void,
  ): void {
    const seq = this.edge?.send(kind, payload);
    if (!seq) return;
    const [oldest] = this.asked.keys();
    if (oldest !== undefined && this.asked.size >= maxAsked) this.asked.delete(oldest);
    this.asked.set(seq, (error) => {
      if (error) failed(error);
      else done();
    });
  }

  /** The answer to a request: null is OK. Returns whether anything had been asked. */
  answered(ref: number, error: WireError | null): boolean {
    const asked = this.asked.get(ref);
    this.asked.delete(ref);
    asked?.(error);
    return asked !== undefined;
  }

  settleAnswers(): void {
    this.answering.value = new Map();
  }

  // Screens and words

  go(route: Route): void {
    if (formatRoute(route) !== location.hash) location.hash = formatRoute(route);
    this.route.value = route;
  }

  open(screen: Screen, session: string | null = null): void {
    this.go({ screen, session });
    if (screen === 'desk' && !session) this.pane.value = 'list';
  }

  tell(key: Key, values: Record<string, string | number> = {}, bad = false): void {
    const id = ++this.toastCount;
    const text = this.t.value(key, values);
    const others = this.toasts.value.filter((toast) => toast.text !== text);
    this.toasts.value = [...others.slice(-2), { id, bad, text }];
    setTimeout(() => this.hush(id), toastFor);
  }

  /** Takes away what was told, because it is over. */
  untell(key: Key, values: Record<string, string | number> = {}): void {
    const over = this.t.value(key, values);
    this.toasts.value = this.toasts.value.filter(({ text }) => text !== over);
  }

  tellError(error: { code: string }): void {
    this.tell(errorKey(error.code), {}, true);
  }

  hush(toast: number): void {
    this.toasts.value = this.toasts.value.filter(({ id }) => id !== toast);
  }

  announce(text: string): void {
    this.said.value = text;
  }

  siteName(site: string): string {
    return this.me.value?.sites.find((s) => s.id === site)?.name ?? site;
  }

  departmentName(department: string): string {
    const queue = this.desk.value?.queues.find((q) => q.department === department);
    return this.me.value?.departments.find((d) => d.id === department)?.name ?? queue?.name ?? department;
  }
}

export function codeOf(error: unknown): string {
  return error instanceof ApiError ? error.code : 'internal';
}

/** Returns the text for an error code: what happened and what to do next. */
export function errorKey(code: string): Key {
  const key = `error.${code}`;
  return key in english ? (key as Key) : 'error.internal';
}
