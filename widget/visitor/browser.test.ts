// The widget as people meet it: real Chromium, the demo shop under its strict
// CSP, the real protocol over a WebSocket. The node's side is dev/edge.ts.
// SHOTS=DIR keeps a picture of every state that is checked.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { launch, visit } from './dev/browser.ts';
import { DevEdge } from './dev/edge.ts';

const axe = readFileSync(new URL('../node_modules/axe-core/axe.min.js', import.meta.url), 'utf8');
const phone = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };
const narrow = { ...phone, viewport: { width: 320, height: 640 }, colorScheme: 'dark' } as const;
const pages = ['index', 'product', 'booking', 'loan', 'basket', 'account'];

let browser: Browser;
let edge: DevEdge;
let origin: string;

before(async () => {
  browser = await launch();
});
after(() => browser.close());
beforeEach(async () => {
  edge = new DevEdge();
  origin = await edge.open();
});
afterEach(async () => {
  for (const context of browser.contexts()) await context.close();
  edge.close();
});

/** Opens a page of the shop; its errors, a CSP report among them, fail the test that calls clean(). */
async function shop(path = 'index.html', options: BrowserContextOptions = {}) {
  const { page, errors } = await visit(browser, `${origin}/shop/${path}`, options);
  return { page, clean: () => assert.deepEqual(errors, []) };
}

const launcher = (page: Page) => page.locator('.launcher');
const box = (page: Page) => page.getByRole('textbox', { name: 'Write a message' });

async function begin(page: Page): Promise<void> {
  await launcher(page).click();
  await page.getByLabel('Name or nickname').fill('Ott');
  await page.getByRole('button', { name: 'Start chat' }).click();
  await page.getByText('You are next').waitFor();
}

async function accessible(page: Page, state: string): Promise<void> {
  await page.evaluate(() =>
    Promise.all(document.getAnimations().map((animation) => animation.finished.catch(() => {}))),
  );
  if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/${state.replaceAll(' ', '-')}.png` });
  await page.evaluate(axe);
  const violations = await page.evaluate(async () => {
    const { axe } = window as unknown as {
      axe: { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> };
    };
    return (await axe.run()).violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' | ')}`);
  });
  assert.deepEqual(violations, [], state);
  const overflow =
    (await page.evaluate(() => document.documentElement.scrollWidth)) - (page.viewportSize()?.width ?? 0);
  assert.ok(overflow <= 0, `${state} is ${overflow} px too wide`);
}

test('the button says what is true, within a second of its becoming so', async () => {
  const { page, clean } = await shop();
  const within = { timeout: 1000 };
  await page.getByRole('button', { name: 'Chat with us' }).waitFor();
  edge.show({ state: 'busy', waiting: 3 });
  await page.getByRole('button', { name: /^Everyone is busy\s*3 waiting$/ }).waitFor(within);
  edge.show({ state: 'closed' });
  await page.getByRole('button', { name: 'Leave a message' }).waitFor(within);
  assert.deepEqual(await page.evaluate(() => Object.keys(window.Kohe ?? {})), ['open', 'close']);
  assert.equal(edge.heard.length, 1, 'one hello and nothing else before the click');
  clean();
});

for (const [name, options] of [
  ['desk light', {}],
  ['desk dark', { colorScheme: 'dark' }],
  ['phone light', phone],
  ['narrow dark', narrow],
] as const) {
  test(`axe finds nothing in any state of the widget, ${name}`, async () => {
    const { page, clean } = await shop('index.html', options);
    const check = (state: string) => accessible(page, `${name} ${state}`);
    const press = (label: string) => page.getByRole('button', { name: label, exact: true }).click();
    await launcher(page).waitFor();
    await check('1 button');
    await launcher(page).click();
    await press('Start chat');
    await check('2 form');
    await page.getByLabel('Name or nickname').fill('Ott');
    await press('Start chat');
    await page.getByText('You are next').waitFor();
    await check('3 queue');
    edge.accept();
    await page.getByText('May Mari see this page?').waitFor();
    await check('4 consent');
    await press('Allow');
    edge.agentSays('Hello! https://example.org/help');
    await box(page).fill('Hello');
    await box(page).press('Enter');
    edge.agentTypes();
    await page.getByText('is typing').waitFor({ state: 'attached' });
    await check('5 chat');
    edge.away = true;
    edge.drop();
    await page
      .getByText(/Reconnecting|No connection/)
      .first()
      .waitFor({ state: 'attached' });
    await check('6 lost');
    edge.away = false;
    await page.evaluate(() => dispatchEvent(new Event('online')));
    await page.locator('.strip').waitFor({ state: 'hidden' });
    await press('Minimise');
    edge.agentSays('Are you there?');
    await page.getByRole('button', { name: /^Mari\s*1 new message$/ }).waitFor();
    await check('7 minimised');
    await launcher(page).click();
    await press('End chat');
    await check('8 confirm');
    await page.locator('.danger').click();
    await page.getByText('You ended the chat.').waitFor();
    await check('9 ended');
    edge.show({ state: 'closed' });
    await press('Start a new chat');
    await press('Send message');
    await check('10 card');
    await page.getByLabel('E-mail or phone').fill('ott@example.org');
    await page.getByLabel('Message', { exact: true }).fill('Do you have helmets?');
    await press('Send message');
    await page.getByText('Thank you, Ott').waitFor();
    await check('11 thanks');
    clean();
  });
}

test('axe finds nothing on the pages of the shop, and they allow the widget nothing inline', async () => {
  const looks: [string, BrowserContextOptions][] = [
    ['desk', {}],
    ['narrow dark', narrow],
  ];
  for (const [look, options] of looks) {
    for (const path of pages) {
      const { page, clean } = await shop(`${path}.html`, options);
      await launcher(page).waitFor();
      await accessible(page, `shop ${path} ${look}`);
      clean();
      await page.context().close();
    }
  }
});

test('what is written while all are away stays when somebody comes, and goes on in the chat', async () => {
  const { page, clean } = await shop('index.html', phone);
  edge.show({ state: 'closed' });
  await launcher(page).click();
  await page.getByLabel('Name', { exact: true }).fill('Ott');
  await page.getByLabel('E-mail or phone').fill('ott@example.org');
  const message = page.getByLabel('Message', { exact: true });
  await message.fill('Do you have helmets?');
  edge.show({ state: 'open' });
  await page.getByRole('status').getByText('Someone can answer you now.').waitFor();
  assert.equal(await message.inputValue(), 'Do you have helmets?');
  assert.equal(await page.getByLabel('E-mail or phone').inputValue(), 'ott@example.org');
  assert.equal(await message.evaluate((field) => field.matches(':focus')), true, 'the focus was taken away');
  await accessible(page, 'card with somebody there');
  await page.getByRole('button', { name: 'Chat instead' }).click();
  await page.getByText('You are next').waitFor();
  assert.equal(await box(page).inputValue(), 'Do you have helmets?');
  await page.getByRole('button', { name: 'Leave a message instead' }).click();
  assert.equal(await message.inputValue(), 'Do you have helmets?', 'and back');
  assert.equal(await page.getByLabel('Name', { exact: true }).inputValue(), 'Ott');
  clean();
});

test('a page load keeps the window, the messages, the draft and the shared page, without a click', async () => {
  const { page, clean } = await shop();
  await begin(page);
  edge.accept();
  await page.getByRole('button', { name: 'Allow' }).click();
  edge.agentSays('Which boat?');
  await page.getByText('Which boat?').waitFor();
  await box(page).fill('The one with');
  await page.goto(`${origin}/shop/product.html?item=haug`);
  await page.getByText('Which boat?').waitFor();
  assert.equal(await box(page).inputValue(), 'The one with');
  await page.locator('.pill').getByText('Page shared with Mari').waitFor();
  assert.equal(await page.evaluate(() => document.activeElement?.tagName), 'BODY', 'the focus stays with the page');
  const resumed = edge.heard.filter(({ kind }) => kind === 'Hello').at(-1)?.payload as { resume: { seq: number }[] };
  assert.equal(resumed.resume[0]?.seq, 2, 'what was seen is not sent again');
  await page.locator('.pill').getByRole('button', { name: 'Stop' }).click();
  await page.locator('.mark').waitFor({ state: 'hidden' });
  assert.deepEqual(
    edge.heard.filter(({ kind }) => kind === 'Consent').map(({ payload }) => (payload as { on: boolean }).on),
    [true, false],
  );
  clean();
});

test('tabs show one chat: opened, written in, minimised and ended in any of them', async () => {
  const { page, clean } = await shop();
  const other = await page.context().newPage();
  await other.goto(`${origin}/shop/loan.html`);
  await launcher(other).waitFor();
  await begin(page);
  await other.getByText('You are next').waitFor();
  edge.accept();
  await box(page).fill('From the first');
  await box(page).press('Enter');
  await other.getByText('From the first').waitFor();
  await box(other).fill('From the second');
  await box(other).press('Enter');
  await page.getByText('From the second').waitFor();
  assert.equal(await page.locator('.bubble').count(), 2);
  await other.getByRole('button', { name: 'Minimise' }).click();
  await page.locator('.window').waitFor({ state: 'hidden' });
  clean();
});

test('what is said while the node is away is sent once when it is back', async () => {
  const { page } = await shop();
  await begin(page);
  edge.accept();
  edge.away = true;
  edge.drop();
  await box(page).fill('Still here');
  await box(page).press('Enter');
  await page.getByText('Sending').waitFor({ state: 'attached' });
  edge.away = false;
  await page.evaluate(() => dispatchEvent(new Event('online')));
  await page.getByText('Saved').waitFor({ state: 'attached' });
  assert.equal(await page.locator('.bubble').count(), 1);
});

test('the keyboard does it all, and the page’s own shortcuts hear nothing of it', async () => {
  const { page, clean } = await shop();
  await launcher(page).focus();
  await page.keyboard.press('Enter');
  await page.getByLabel('Name or nickname').waitFor();
  await page.evaluate(() => {
    document.addEventListener('keydown', ({ key }) => {
      document.title += key;
    });
  });
  await page.keyboard.type('Ott');
  await page.keyboard.press('Enter');
  await page.getByText('You are next').waitFor();
  edge.accept();
  await box(page).focus();
  await page.keyboard.type('one');
  await page.keyboard.press('Shift+Enter');
  await page.keyboard.type('two');
  await page.keyboard.press('Enter');
  await page.locator('.bubble').waitFor();
  assert.equal(
    (edge.heard.find(({ kind }) => kind === 'Say')?.payload as { text?: string } | undefined)?.text,
    'one\ntwo',
  );
  await page.keyboard.press('Escape');
  await page.locator('.window').waitFor({ state: 'hidden' });
  assert.equal(
    await page.evaluate(() => document.querySelector('kohe-widget')?.shadowRoot?.activeElement?.className),
    'launcher',
  );
  assert.equal(await page.title(), 'Boats & bikes · Pood');
  clean();
});

test('a day after the end only the token and counters are left in the browser', async () => {
  const { page } = await shop();
  await begin(page);
  edge.accept();
  await box(page).fill('half written');
  await page.getByRole('button', { name: 'End chat' }).click();
  await page.locator('.danger').click();
  await page.getByText('You ended the chat.').waitFor();
  await page.getByRole('button', { name: 'Minimise' }).click();
  await page.evaluate(() => {
    const kept = JSON.parse(localStorage.getItem('kohe:demo') ?? '');
    localStorage.setItem('kohe:demo', JSON.stringify({ ...kept, endedAt: kept.endedAt - 24 * 3600 * 1000 }));
  });
  await page.reload();
  await launcher(page).waitFor();
  const kept = await page.evaluate(() => ({
    keys: Object.keys(localStorage).filter((key) => key.startsWith('kohe:')),
    memory: localStorage.getItem('kohe:demo'),
  }));
  assert.deepEqual(kept.keys, ['kohe:demo']);
  assert.deepEqual(Object.keys(JSON.parse(kept.memory ?? '')).sort(), [
    'firstSeen',
    'lastSeen',
    'maskAll',
    'token',
    'visitor',
    'visits',
  ]);
});
