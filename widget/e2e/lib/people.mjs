// A visitor in the demo shop and an agent in the console, as the tests drive
// them: by what a person sees, never by the code's names.
import assert from 'node:assert/strict';
import { pageMessages } from './short.mjs';

/** What must never leave the visitor's browser. */
export const secrets = {
  password: 'canary-Passw0rd-77',
  card: '4111222233334444',
  code: '39912310007',
};

/** Notes every byte that the visitor's pages give to a transport, whatever transport that is. */
const wiretap = () => {
  const note = (data) => {
    if (typeof data === 'string') return globalThis.koheTap?.(data);
    const bytes =
      data instanceof ArrayBuffer
        ? new Uint8Array(data)
        : new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    let text = '';
    for (const byte of bytes) text += String.fromCharCode(byte);
    globalThis.koheTap?.(text);
  };
  const { send } = WebSocket.prototype;
  WebSocket.prototype.send = function (data) {
    note(data);
    return send.call(this, data);
  };
  const { write } = WritableStreamDefaultWriter.prototype;
  WritableStreamDefaultWriter.prototype.write = function (data) {
    if (data && (data instanceof ArrayBuffer || ArrayBuffer.isView(data))) note(data);
    return write.call(this, data);
  };
};

/** Puts the nodes of a cluster at distances, ms, as a browser measures them; at none, nobody looks for a nearer one. */
async function place(context, node) {
  if (!node.distances) return;
  const distances = new Map(node.distances); // as they are now
  await context.route('**/kohe/near', async (route) => {
    const ms = distances.get(new URL(route.request().url()).origin);
    if (ms === undefined) return route.abort();
    await new Promise((done) => setTimeout(done, ms));
    return route.fulfill({ status: 204, headers: { 'Access-Control-Allow-Origin': '*' } });
  });
}

/** Notes what the visitor's pages send, unless `tap` is false; other options are of Playwright's context. */
export async function openVisitor(browser, node, { tap = true, ...options } = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: 'en-GB', ...options });
  const sent = [];
  if (tap) {
    await context.exposeFunction('koheTap', (text) => {
      sent.push(text);
    });
    await context.addInitScript(wiretap);
  }
  await place(context, node);
  const page = await context.newPage();
  page.on('pageerror', (error) => {
    node.log += `visitor: ${error.message}\n`;
  });
  await page.goto(node.shop);
  return visitor(context, page, node, sent);
}

function visitor(context, page, node, sent) {
  return {
    context,
    page,
    sent,
    /** All bytes sent, as Latin-1 text, and the page messages in them as they were before they were made short. */
    bytes: () => [...sent, ...pageMessages(sent)].join(''),
    at: (name) => page.goto(`${node.shop}${name}`),
    async ask(name) {
      await page.getByRole('button', { name: /Chat with us/ }).click();
      await page.getByLabel('Name or nickname').fill(name);
      await page.getByRole('button', { name: 'Start chat' }).click();
    },
    async say(text) {
      await page.getByLabel('Write a message').fill(text);
      await page.keyboard.press('Enter');
    },
    hears: (text) => page.getByRole('log').getByText(text).last().waitFor({ timeout: 15_000 }),
    allow: () => page.getByRole('button', { name: 'Allow', exact: true }).click(),
  };
}

export async function openAgent(browser, node, name = 'agent') {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: 'en-GB' });
  await place(context, node);
  const page = await context.newPage();
  page.on('pageerror', (error) => {
    node.log += `agent: ${error.message}\n`;
  });
  await page.goto(node.console);
  await page.getByLabel('Name').fill(name);
  await page.getByLabel('Password').fill('welcome-aboard');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('radio', { name: 'In service' }).waitFor();
  return {
    context,
    page,
    serve: () => page.getByRole('radio', { name: 'In service' }).click(),
    accept: () =>
      page
        .getByRole('button', { name: /^Accept/ })
        .first()
        .click({ timeout: 15_000 }),
    async say(text) {
      await page.getByPlaceholder('Write a reply').fill(text);
      await page.keyboard.press('Enter');
    },
    hears: (text) => page.getByRole('log').getByText(text).last().waitFor({ timeout: 15_000 }),
    /** The conversation, with what was folded in it. */
    async log() {
      const log = page.getByRole('log');
      for (const fold of await log.getByRole('button', { expanded: false }).all()) await fold.click();
      return log.textContent();
    },
    transport: (name) => page.getByText(name, { exact: false }).first().waitFor({ timeout: 10_000 }),
    /** The visitor's page as the agent sees it. */
    mirror: () => page.frameLocator('.mirror-stage iframe'),
  };
}

/** Waits until a predicate holds; says what was there instead. */
export async function until(what, read, want, timeout = 15_000) {
  const end = Date.now() + timeout;
  let have;
  for (;;) {
    have = await read();
    if (want(have)) return have;
    if (Date.now() > end) assert.fail(`${what}: still ${JSON.stringify(have)} after ${timeout} ms`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
