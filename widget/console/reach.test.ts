// Where requests go, on a network of two nodes that can be put out.

import assert from 'node:assert/strict';
import { beforeEach, mock, test } from 'node:test';
import { Reach } from './reach.ts';

const other = 'https://n2.example';
const up = { home: true, other: true };
let asked: { url: string; init: RequestInit }[] = [];

const fetch = (async (url: string, init: RequestInit) => {
  asked.push({ url, init });
  if (!(url.startsWith(other) ? up.other : up.home)) throw new TypeError('no answer');
  return new Response(null, { status: 204 });
}) as typeof globalThis.fetch;

mock.timers.enable({ apis: ['Date'] });

beforeEach(() => {
  asked = [];
  Object.assign(up, { home: true, other: true });
});

function open(bearer = 'token'): Reach {
  const reach = new Reach(fetch, '/api/v1');
  reach.bearer = bearer;
  reach.elsewhere = () => other;
  return reach;
}
const urls = () => asked.splice(0).map(({ url }) => url);

test("a request goes to the console's own node while that answers, wherever the link is", async () => {
  const reach = open();
  await reach.ask('/me', {}, false);
  assert.equal(asked[0]?.init.credentials, 'same-origin');
  assert.deepEqual(urls(), ['/api/v1/me']);
  assert.equal(reach.instead.value, null);
});

test('without that node it goes where the link is, with the token and without a cookie', async () => {
  const reach = open();
  up.home = false;
  await reach.ask('/me', { headers: { 'X-Kohe': '1' } }, false);
  const { credentials, headers, redirect } = asked[1]?.init ?? {};
  assert.deepEqual([credentials, redirect], ['omit', 'error']);
  assert.deepEqual(headers, { 'X-Kohe': '1', Authorization: 'Bearer token' });
  assert.deepEqual(urls(), ['/api/v1/me', `${other}/api/v1/me`]);
  assert.equal(reach.instead.value, other);
  await reach.ask('/me', {}, false);
  assert.deepEqual(urls(), [`${other}/api/v1/me`], 'the node that is gone is not waited for again');
});

test("the token is shown to no node while the console's own answers, nor without a link elsewhere", async () => {
  const reach = open();
  await reach.ask('/me', {}, false);
  reach.elsewhere = () => null;
  up.home = false;
  await assert.rejects(reach.ask('/me', {}, false));
  for (const { init } of asked) assert.ok(!JSON.stringify(init.headers ?? {}).includes('token'));
});

test("what is for the console's own node waits for it", async () => {
  const reach = open();
  up.home = false;
  await assert.rejects(reach.ask('/join-tokens', { method: 'POST' }, true));
  assert.deepEqual(urls(), ['/api/v1/join-tokens']);
});

test('a node that gives no token is followed by none', async () => {
  const reach = open('');
  up.home = false;
  await assert.rejects(reach.ask('/me', {}, false));
  assert.deepEqual(urls(), ['/api/v1/me']);
});

test("requests go home once the console's own node is back, and when the other one is gone", async () => {
  const reach = open();
  up.home = false;
  await reach.ask('/me', {}, false);
  up.home = true;
  mock.timers.tick(10_000);
  await reach.ask('/me', {}, false);
  await new Promise(setImmediate);
  assert.equal(reach.instead.value, null);
  urls();
  await reach.ask('/me', {}, false);
  assert.deepEqual(urls(), ['/api/v1/me']);

  up.home = false;
  await reach.ask('/me', {}, false);
  Object.assign(up, { home: true, other: false });
  await assert.rejects(reach.ask('/me', {}, false));
  urls();
  await reach.ask('/me', {}, false);
  assert.deepEqual(urls(), ['/api/v1/me']);
});
