// A visitor in the demo shop and an agent in the console, as the tests drive
// them: by what a person sees, never by the code's names.
import assert from 'node:assert/strict';

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

export async function openVisitor(browser, node, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: 'en-GB', ...options });
  const sent = [];
  await context.exposeFunction('koheTap', (text) => {
    sent.push(text);
  });
  await context.addInitScript(wiretap);
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
    /** All bytes sent, as Latin-1 text. */
    bytes: () => sent.join(''),
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
