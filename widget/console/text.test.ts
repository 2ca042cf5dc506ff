import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Message } from '../wire/payload.ts';
import { browserOf } from './browser.ts';
import { formatRoute, parseRoute } from './route.ts';
import { actionOf } from './shortcuts.ts';
import { systemKey } from './system-lines.tsx';
import { initialsOf, tagOf } from './tag.ts';
import { clip, contactAddress, highlight, linkify, shortAddress } from './text.ts';
import { clockLength } from './time.ts';

const whole = (pieces: { text: string }[]) => pieces.map((p) => p.text).join('');

test('only http and https become links, and no character of the text is lost', () => {
  for (const text of [
    'javascript:alert(1)',
    'data:text/html,x',
    'file:///etc/passwd',
    'ftp://x.example',
    'https://',
    'mailto:a@b.example',
  ]) {
    assert.deepEqual(linkify(text), [{ text }]);
  }
  const text = 'See (https://a.example/x?y=1), or http://b.example. <b>not html</b>';
  const pieces = linkify(text);
  assert.equal(whole(pieces), text);
  assert.deepEqual(
    pieces.flatMap((p) => p.href ?? []),
    ['https://a.example/x?y=1', 'http://b.example/'],
  );
});

test('a link ends before quotes and angle brackets', () => {
  assert.equal(linkify('https://a.example/"onclick=x')[0]?.text, 'https://a.example/');
  assert.equal(linkify('https://a.example/<script>')[0]?.href, 'https://a.example/');
});

test('hits are marked whatever their case, and a query is no pattern', () => {
  assert.deepEqual(highlight('The Loan form', 'loan'), [
    { text: 'The ' },
    { text: 'Loan', hit: true },
    { text: ' form' },
  ]);
  assert.deepEqual(highlight('a.c abc', 'a.c')[0], { text: 'a.c', hit: true });
  assert.equal(whole(highlight('Привет, мир', 'привет')), 'Привет, мир');
  assert.deepEqual(highlight('x', '   '), [{ text: 'x' }]);
});

test('an address is shown by host and path, other text as it is', () => {
  assert.equal(shortAddress('http://127.0.0.1:8080/shop/loan?a=1'), '127.0.0.1:8080/shop/loan');
  assert.equal(shortAddress('not an address'), 'not an address');
});

test('browsers are told apart although they all claim to be each other', () => {
  const chrome =
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36';
  assert.deepEqual(browserOf(chrome), { name: 'Chrome 131', system: 'Windows' });
  assert.deepEqual(browserOf(`${chrome} Edg/131.0.0.0`), { name: 'Edge 131', system: 'Windows' });
  assert.deepEqual(browserOf('Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0'), {
    name: 'Firefox 128',
    system: 'Linux',
  });
  const safari =
    'Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1';
  assert.deepEqual(browserOf(safari), { name: 'Safari 18', system: 'iPhone' });
  assert.deepEqual(browserOf('curl/8'), { name: '', system: '' });
});

test('a tag depends on the visitor alone, and odd ids have one too', () => {
  assert.deepEqual(tagOf('k7ab'.padEnd(26, 'q')), tagOf('k7ab'.padEnd(26, 'z')));
  assert.notDeepEqual(tagOf('k7ab'), tagOf('k7ac'));
  assert.match(tagOf('').hue, /^hue-\d+$/);
  assert.match(tagOf('!!!!').hue, /^hue-\d+$/);
});

test('initials are of the first and last word, and of nothing but letters and digits', () => {
  assert.equal(initialsOf('Liis'), 'L');
  assert.equal(initialsOf(' jānis  van der bērziņš '), 'JB');
  assert.equal(initialsOf('Андрей 2'), 'А2');
  assert.equal(initialsOf('(mari) 😀'), 'M');
  assert.equal(initialsOf('😀 !'), '');
});

test('only a plain address or number becomes a link to write or to call', () => {
  assert.equal(contactAddress(' mari.tamm+shop@post.example '), 'mailto:mari.tamm+shop@post.example');
  assert.equal(contactAddress('+372 5555-0123'), 'tel:+37255550123');
  assert.equal(contactAddress('(06) 555 01 23'), 'tel:065550123');
  for (const text of [
    '',
    'Mari',
    'mari@post',
    'mari@post.example?cc=x@y.example',
    'a@b.example, c@d.example',
    'javascript:1',
    '12',
    '5555 0123 ext 4',
  ])
    assert.equal(contactAddress(text), null, text);
});

test('a long text is cut by whole characters', () => {
  assert.equal(clip('Mari', 4), 'Mari');
  assert.equal(clip('😀😀😀😀😀', 4), '😀😀😀…');
});

test('an agent reads that they themselves ended what they had', () => {
  const ended = (text: string): Message => ({
    session: 's',
    epoch: 1,
    seq: 1,
    author: { role: 'system' },
    id: 'ended-0',
    kind: 'ended',
    text,
    at: 0,
  });
  assert.equal(systemKey(ended('agent'), true), 'system.endedYou');
  assert.equal(systemKey(ended('agent'), false), 'system.endedAgent');
  assert.equal(systemKey(ended('visitor'), true), 'system.endedVisitor');
});

test('routes survive the address bar, and foreign ones lead to the desk', () => {
  const session = 'a'.repeat(26);
  for (const route of [
    { screen: 'desk', session },
    { screen: 'history', session: null },
    { screen: 'cards', session: null },
  ] as const) {
    assert.deepEqual(parseRoute(formatRoute(route)), route);
  }
  assert.deepEqual(parseRoute('#desk/../../etc'), { screen: 'desk', session: null });
  assert.deepEqual(parseRoute(''), { screen: 'desk', session: null });
});

const stroke = (key: string, code: string, over = {}) => ({
  key,
  code,
  ctrlKey: false,
  altKey: false,
  metaKey: false,
  ...over,
});

test('single keys are silent while writing and when turned off; chords work always', () => {
  assert.deepEqual(actionOf(stroke('/', 'Slash'), false, true), { do: 'search' });
  assert.equal(actionOf(stroke('/', 'Slash'), true, true), null);
  assert.equal(actionOf(stroke('/', 'Slash'), false, false), null);
  assert.deepEqual(actionOf(stroke('å', 'KeyA', { altKey: true }), true, false), { do: 'accept' });
});

test('Ctrl or Alt with a digit switches, both together type on some keyboards', () => {
  assert.deepEqual(actionOf(stroke('2', 'Digit2', { ctrlKey: true }), true, true), { do: 'switch', place: 2 });
  assert.deepEqual(actionOf(stroke('2', 'Numpad2', { altKey: true }), true, true), { do: 'switch', place: 2 });
  assert.equal(actionOf(stroke('@', 'Digit2', { ctrlKey: true, altKey: true }), true, true), null);
  assert.equal(actionOf(stroke('2', 'Digit2'), false, true), null);
});

test('lengths read as clocks do', () => {
  assert.deepEqual([-5, 0, 59_999, 60_000, 3_661_000].map(clockLength), ['0:00', '0:00', '0:59', '1:00', '1:01:01']);
});
