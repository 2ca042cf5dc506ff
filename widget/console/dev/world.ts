// The invented desk that dev/ shows: a shop's visitors, what they said, and
// what the HTTP API would answer.

import type { AgentView, Desk, Message, Session, Visit, Visits } from '../../wire/payload.ts';
import type { Card, Hit } from '../api.ts';
import { cluster } from './nodes.ts';

export const started = Date.now();
const ago = (minutes: number, seconds = 0) => started - (minutes * 60 + seconds) * 1000;
const id = (head: string) => `${head.padEnd(25, 'q')}a`;

const departments = [
  { id: 'sales', name: 'Sales' },
  { id: 'service', name: 'Customer service' },
];
export const agent: AgentView = {
  id: 'liis',
  name: 'Liis Demo',
  alias: 'Liis',
  role: 'agent',
  departments,
  sites: [{ id: 'demo', name: 'Demo shop', departments, cobrowse: true, visitors: true }],
};

const chrome =
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36';
const iphone =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1';

/** Who is on the site. */
export const visits: readonly Visit[] = [
  {
    id: id('loan'),
    node: 'demo-1',
    known: true,
    chat: true,
    name: 'Marta Kuusk',
    session: id('loan'),
    url: 'https://shop.example/shop/loan',
    title: 'Car loan – Demo shop',
    at: ago(10),
    since: ago(14),
    referrer: 'search.example',
    lang: 'et',
    pages: ['https://shop.example/shop/', 'https://shop.example/shop/product/roadster'],
  },
  {
    id: id('mfa'),
    node: 'demo-2',
    url: 'https://shop.example/shop/basket',
    title: 'Basket – Demo shop',
    at: ago(3, 20),
    since: ago(21),
    lang: 'en',
    pages: ['https://shop.example/shop/', 'https://shop.example/shop/boats', 'https://shop.example/shop/bikes'],
  },
  {
    id: id('zxq'),
    node: 'demo-3',
    url: `https://shop.example/shop/product/${'a-very-long-name-'.repeat(9)}`,
    title: 'A very long title of a product that nobody would ever have thought of, and yet here it is – Demo shop',
    at: ago(0, 4),
    since: ago(0, 40),
    referrer: 'a-newsletter.with-a-long-name.example',
    lang: 'de',
    tabs: 3,
    invited: 'declined',
  },
  {
    id: id('b4c'),
    was: id('m2x'),
    node: 'demo-2',
    url: 'https://shop.example/',
    title: 'Demo shop',
    at: ago(75),
    since: ago(75),
    invited: 'accepted',
  },
];

export function visitors(scene: string): Visits {
  const board = { agents: { service: 3, paperwork: 1 }, chats: 5, waiting: 2, oldest_at: ago(1, 12) };
  return {
    anew: true,
    rows: scene === 'empty' ? [] : [...visits],
    visits: scene === 'empty' ? 0 : 128,
    ...(scene === 'supervisor' && { board, away: 1 }),
  };
}

function session(head: string, visitor: string, name: string, over: Partial<Session>): Session {
  return {
    id: id(head),
    site: 'demo',
    department: 'sales',
    state: 'active',
    visitor: id(visitor),
    name,
    lang: 'et',
    agent: agent.id,
    agent_name: agent.alias,
    assignment: 1,
    epoch: 1,
    stored: 0,
    opened_at: ago(9),
    accepted_at: ago(8, 40),
    consent: false,
    visitor_marks: { delivered: 0, read: 0 },
    agent_marks: { delivered: 0, read: 0 },
    url: 'http://127.0.0.1:8080/shop/loan',
    title: 'Car loan – Demo shop',
    facts: {
      visits: 3,
      first_seen: ago(60 * 24 * 9),
      referrer: 'https://search.example/?q=car+loan',
      user_agent: chrome,
      screen: '1920x1080',
      time_zone: 'Europe/Tallinn',
      pages: [
        { url: 'http://127.0.0.1:8080/shop/', title: 'Demo shop', at: ago(14) },
        { url: 'http://127.0.0.1:8080/shop/product/roadster', title: 'Roadster 1.6 – Demo shop', at: ago(12, 20) },
        { url: 'http://127.0.0.1:8080/shop/loan', title: 'Car loan – Demo shop', at: ago(10, 5) },
      ],
    },
    ...over,
  };
}

type Said = readonly [who: 'visitor' | 'agent' | 'system', text: string, at: number, kind?: Message['kind']];

function messages(of: Session, said: readonly Said[]): Message[] {
  return said.map(([who, text, at, kind = 'text'], i) => ({
    session: of.id,
    epoch: 1,
    seq: i + 1,
    author:
      who === 'visitor'
        ? { role: 'visitor', id: of.visitor, name: of.name }
        : { role: who, id: who === 'agent' ? agent.id : 'kohe', name: agent.alias },
    id: `m${i + 1}`,
    kind,
    text,
    at,
  }));
}

const loan = session('loan', 'k7ab', 'Mari', {
  consent: true,
  stored: 9,
  visitor_marks: { delivered: 9, read: 7 },
  agent_marks: { delivered: 9, read: 9 },
});
const basket = session('basket', 'wx3d', 'Mari', {
  department: 'service',
  url: 'http://127.0.0.1:8080/shop/basket',
  title: 'Basket – Demo shop',
  stored: 4,
  opened_at: ago(6),
  accepted_at: ago(5, 50),
  agent_marks: { delivered: 4, read: 2 },
  lang: 'en',
  away_since: ago(0, 20),
});
const booking = session('booking', 'f5te', 'Андрей', {
  url: 'http://127.0.0.1:8080/shop/booking',
  title: 'Test drive – Demo shop',
  stored: 2,
  opened_at: ago(4),
  accepted_at: ago(3, 50),
  agent_marks: { delivered: 2, read: 2 },
  lang: 'ru',
  facts: { visits: 1, first_seen: ago(5), user_agent: iphone, screen: '390x844', time_zone: 'Europe/Tallinn' },
});
const ended = session('ended', 'ozeb', 'Jānis', {
  state: 'ended',
  ended_at: ago(2),
  ended_by: 'visitor',
  stored: 3,
  opened_at: ago(20),
  accepted_at: ago(19),
  agent_marks: { delivered: 3, read: 3 },
  title: 'Winter tyres – Demo shop',
  lang: 'lv',
});
export const offered = session('offered', 'bq2m', 'Kestutis', {
  state: 'waiting',
  opened_at: ago(0, 38),
  url: 'http://127.0.0.1:8080/shop/product/roadster',
  title: 'Roadster 1.6 – Demo shop',
  place: 1,
  lang: 'lt',
});

export const transcripts = new Map<string, Message[]>([
  [
    loan.id,
    messages(loan, [
      ['system', agent.alias, ago(8, 40), 'joined'],
      ['agent', 'Hello Mari! I am Liis. How can I help you?', ago(8, 30)],
      ['visitor', 'Hi! The loan form says my income is wrong, but it is what I earn.', ago(8)],
      ['visitor', 'I typed 1 850,50', ago(7, 50)],
      ['agent', 'May I look at the form together with you?', ago(7, 20)],
      ['system', 'on', ago(7, 5), 'consent'],
      ['agent', 'Thank you, I see it. The field wants whole euros, please leave the cents out: 1850', ago(6, 30)],
      ['visitor', 'Oh, that was all! Where do I see the monthly payment?', ago(0, 52)],
      ['visitor', 'This page says something else: https://shop.example/loans/terms', ago(0, 44)],
    ]),
  ],
  [
    basket.id,
    messages(basket, [
      ['system', agent.alias, ago(5, 50), 'joined'],
      ['agent', 'Hello Mari, Liis here. What is going on in the basket?', ago(5, 40)],
      ['visitor', 'The discount code does not work.', ago(2, 31)],
      ['visitor', 'Hello?', ago(1, 12)],
    ]),
  ],
  [
    booking.id,
    messages(booking, [
      ['visitor', 'Здравствуйте! Можно записаться на субботу?', ago(3, 40)],
      ['agent', 'Здравствуйте, Андрей! Да, в субботу свободно в 11:00 и 14:30.', ago(1, 30)],
    ]),
  ],
  [
    ended.id,
    messages(ended, [
      ['visitor', 'Vai šīs riepas der manai automašīnai?', ago(18)],
      ['agent', 'Jā, der visiem 17 collu diskiem.', ago(17)],
      ['system', 'visitor', ago(2), 'ended'],
    ]),
  ],
]);
transcripts.set(offered.id, []);

export const live: readonly Session[] = [loan, basket, booking, ended];

export const longName = 'Maximiliane-Alexandra von und zu Hohenlohe-Langenburg-Schillingsfürst';

const helped: readonly Said[] = [
  ['system', 'point on', ago(6, 20), 'level'],
  ['system', 'fill on', ago(6, 15), 'level'],
  ['system', 'click no', ago(6, 10), 'level'],
  ['system', 'point Monthly income, euros', ago(6), 'act'],
  ['system', 'fill Monthly income, euros', ago(5, 50), 'act'],
  ['system', 'fill input', ago(5, 45), 'act'],
  ['system', 'scroll main', ago(5, 40), 'act'],
  ['system', 'draw', ago(5, 30), 'act'],
  ['visitor', 'Thank you, now it takes it. What do I press?', ago(5)],
  ['system', 'click on', ago(4, 50), 'level'],
  ['agent', 'I press it for you.', ago(4, 40)],
  ['system', 'click Calculate', ago(4, 30), 'act'],
  ['system', 'click off', ago(4, 20), 'level'],
];

/** What was said in a session, as a scene has it. */
export function transcriptIn(scene: string, of: Session): readonly Message[] {
  const said = transcripts.get(of.id) ?? [];
  if (scene !== 'helped' || of.id !== loan.id) return said;
  const before = said.slice(0, 7);
  return [...before, ...messages(loan, helped).map((m, i) => ({ ...m, seq: 8 + i, id: `h${i}` }))];
}

/** The sessions as a scene has them. */
export function seen(scene: string): readonly Session[] {
  if (scene === 'declined') return live.map((s) => ({ ...s, declined: !s.consent }));
  if (scene === 'long') return live.map((s) => (s.id === loan.id ? { ...s, name: longName } : s));
  if (scene !== 'supervisor') return live;
  return [...live, { ...offered, state: 'waiting', agent: '', agent_name: '' }];
}

const states: Record<string, Desk['state']> = { break: 'break', 'signed-in': 'out' };

export function desk(scene: string, busy: boolean): Desk {
  const resting = scene === 'resting';
  const waiting = busy ? 2 : resting || scene === 'passed' ? 1 : 0;
  return {
    state: states[scene] ?? 'service',
    ...(resting && { missed: 2, resting_until: started + 104_000 }),
    departments: departments.map((d) => d.id),
    capacity: 4,
    load: busy ? 4 : 0,
    queues: [
      {
        department: 'sales',
        name: 'Sales',
        waiting,
        ...(waiting > 0 && { oldest_at: ago(1, 5) }),
        free: busy || resting ? 0 : 1,
        agents: resting ? 1 : 2,
      },
      { department: 'service', name: 'Customer service', waiting: 0, free: resting ? 0 : busy ? 3 : 4, agents: 1 },
    ],
  };
}

const past: readonly Session[] = [
  session('pasta', 'k7ab', 'Mari', {
    state: 'ended',
    opened_at: ago(60 * 26),
    ended_at: ago(60 * 26 - 7),
    title: 'Roadster 1.6 – Demo shop',
    facts: {} as never,
  }),
  session('pastb', 'hgxn', 'Tiina', {
    state: 'ended',
    opened_at: ago(60 * 49),
    ended_at: ago(60 * 49 - 4),
    department: 'service',
  }),
  session('pastc', 'nu6j', 'Peeter', { state: 'ended', opened_at: ago(60 * 75), ended_at: ago(60 * 75 - 12) }),
];
transcripts.set(
  past[0]?.id ?? '',
  messages(
    past[0] as Session,
    transcriptOf('Is the roadster still to be had in green?', 'Yes, two of them. One can be seen tomorrow.'),
  ),
);
transcripts.set(
  past[1]?.id ?? '',
  messages(
    past[1] as Session,
    transcriptOf('My discount code was refused.', 'It is for orders of 100 euros and more.'),
  ),
);
transcripts.set(
  past[2]?.id ?? '',
  messages(past[2] as Session, transcriptOf('Do you deliver to the islands?', 'We do, it takes a day longer.')),
);

function transcriptOf(question: string, answer: string): Said[] {
  const at = ago(60 * 26);
  return [
    ['visitor', question, at],
    ['system', agent.alias, at + 20_000, 'joined'],
    ['agent', answer, at + 60_000],
    ['visitor', 'Thank you!', at + 90_000],
    ['system', 'visitor', at + 120_000, 'ended'],
  ];
}

const cards: readonly Card[] = [
  {
    id: 'card1',
    site: 'demo',
    department: 'service',
    visitor: id('r4na'),
    name: 'Helena',
    contact: 'helena@post.example',
    text: 'I ordered winter tyres on Monday and have heard nothing since.\nOrder 10442. When do they arrive?',
    at: ago(60 * 11),
    solved: false,
  },
  {
    id: 'card2',
    site: 'demo',
    department: 'sales',
    visitor: id('ub5o'),
    name: 'Ralf',
    contact: '+372 5555 0123',
    text: 'Please call me about the loan, best after five.',
    at: ago(60 * 13),
    solved: false,
  },
  {
    id: 'card3',
    site: 'demo',
    department: 'sales',
    visitor: id('d6pk'),
    name: 'Ona',
    contact: 'ona@post.example',
    text: 'Do you take an old car in exchange?',
    at: ago(60 * 30),
    solved: true,
  },
];

/** Answers as the node's HTTP API would. `scene` chooses what goes wrong. */
/** Scenes whose agent is an operator. */
const operators: ReadonlySet<string> = new Set(['cluster', 'trouble']);
const invented = 'kohe-join-'.padEnd(142, 'Ab3xQz');

export function answer(scene: string, method: string, url: URL): { status: number; body: unknown } {
  const path = url.pathname.replace('/api/v1', '');
  const ok = (body: unknown) => ({ status: 200, body });
  if (path === '/me' && scene === 'sign-in') return { status: 401, body: { code: 'auth', text: '' } };
  if (path === '/me' && scene === 'failed') return { status: 500, body: { code: 'internal', text: '' } };
  if (path === '/sign-in') return { status: 401, body: { code: 'auth', text: '' } };
  if (path === '/me')
    return ok({
      agent:
        scene === 'supervisor'
          ? { ...agent, role: 'supervisor', id: 'juhan', name: 'Juhan Demo', alias: 'Juhan' }
          : { ...agent, operator: operators.has(scene) },
    });
  if (path === '/nodes') return ok(cluster(scene));
  if (path === '/join-tokens') return ok({ token: invented, role: 'core', expires_at: Date.now() + 3_600_000 });
  if (path === '/ticket') return ok({ ticket: 'dev' });
  if (scene === 'refused' && path !== '/sign-out')
    return { status: 503, body: { code: 'unavailable', text: '', retry_ms: 1000 } };
  if (path === '/search') return ok({ hits: hits(url.searchParams.get('q') ?? ''), more: false });
  if (path === '/cards') return ok({ cards: scene === 'empty' ? [] : cards });
  if (method === 'POST') return ok({});
  const [, list, session, part] = path.split('/');
  if (list !== 'sessions') return { status: 404, body: { code: 'not_found', text: '' } };
  if (part === 'messages')
    return ok({
      messages: Number(url.searchParams.get('after') ?? 0) > 0 ? [] : (transcripts.get(session ?? '') ?? []),
      more: false,
    });
  if (session) {
    const found = [...live, ...past].find((s) => s.id === session);
    return found ? ok({ session: found }) : { status: 404, body: { code: 'not_found', text: '' } };
  }
  const visitor = url.searchParams.get('visitor');
  if (scene === 'empty') return ok({ sessions: [], more: false });
  return ok({ sessions: visitor ? past.filter((s) => s.visitor === visitor) : [...live, ...past], more: !visitor });
}

function hits(query: string): Hit[] {
  const word = query.toLowerCase();
  return [...live, ...past].flatMap((s) =>
    (transcripts.get(s.id) ?? [])
      .filter((m) => m.kind === 'text' && m.text?.toLowerCase().includes(word))
      .map((message) => ({ session: s, message, snippet: message.text ?? '' })),
  );
}
