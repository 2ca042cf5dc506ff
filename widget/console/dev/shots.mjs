// Draws every scene of the console on the scripted edge in Chromium, at three
// widths, light and dark, under the strict CSP of the node; runs axe-core on
// each and leaves a picture. Exits with 1 on a violation or a page error.
//   node console/dev/shots.mjs [FOLDER] [SCENE]
import { mkdtempSync, readFileSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { chromium } from 'playwright-core';

const here = new URL('.', import.meta.url).pathname;
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const pictures = process.argv[2] ?? mkdtempSync(join(tmpdir(), 'kohe-console-'));
const only = process.argv[3];
const csp =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; frame-src 'self'";

const loan = `${'loan'.padEnd(25, 'q')}a`;
const basket = `${'basket'.padEnd(25, 'q')}a`;
const booking = `${'booking'.padEnd(25, 'q')}a`;
const past = `${'pastb'.padEnd(25, 'q')}a`;
const phone = async (page, name) => {
  const button = page.locator('.nav-panes').getByRole('button', { name });
  if (await button.isVisible()) await button.click();
};
const unfold = async (page) => {
  for (const fold of await page.locator('.fold').all()) await fold.click();
};
const scenes = [
  { name: 'busy', at: `busy#desk/${loan}` },
  { name: 'busy-list', at: 'busy', width: [1440, 390] },
  {
    name: 'page-full',
    at: `busy#desk/${loan}`,
    async act(page) {
      await phone(page, 'Page');
      await page.getByRole('button', { name: 'Fit width' }).press('Space');
    },
  },
  { name: 'busy-page', at: `busy#desk/${loan}`, act: (page) => phone(page, 'Page'), width: [390] },
  { name: 'busy-visitor', at: `busy#desk/${loan}`, act: (page) => phone(page, 'Visitor'), width: [390] },
  {
    name: 'busy-facts',
    at: `busy#desk/${loan}`,
    act: (page) => page.getByRole('tab', { name: 'Visitor' }).click(),
    width: [1024],
  },
  {
    name: 'basket',
    at: `busy#desk/${basket}`,
    act: (page) => page.locator('[data-reply]').fill('Could you tell me the code you typed?'),
  },
  { name: 'helped', at: `helped#desk/${loan}` },
  { name: 'helped-open', at: `helped#desk/${loan}`, act: unfold },
  { name: 'helped-german', at: `helped#desk/${loan}`, act: unfold, locale: 'de', width: [390] },
  { name: 'frozen', at: `frozen#desk/${loan}`, width: [1440, 390], act: (page) => phone(page, 'Page') },
  { name: 'waiting', at: `waiting#desk/${loan}`, width: [1440] },
  { name: 'gone', at: `gone#desk/${loan}`, width: [1440, 390], act: (page) => phone(page, 'Page') },
  { name: 'lost', at: `lost#desk/${loan}`, act: (page) => say(page, 'This one is lost.') },
  { name: 'offline', at: `offline#desk/${loan}` },
  { name: 'empty', at: 'empty' },
  { name: 'break', at: 'break', width: [1440, 390] },
  { name: 'resting', at: 'resting' },
  { name: 'passed', at: 'passed', width: [1440] },
  { name: 'signed-in', at: 'signed-in', width: [1440, 390] },
  { name: 'declined', at: `declined#desk/${booking}`, width: [1440, 390], act: (page) => phone(page, 'Page') },
  { name: 'long', at: `long#desk/${loan}` },
  { name: 'supervisor', at: `supervisor#desk/${basket}`, width: [1440] },
  { name: 'account', at: 'empty', act: (page) => page.getByRole('button', { name: /Account/ }).click() },
  {
    name: 'departments',
    at: 'empty',
    act: (page) => page.getByRole('button', { name: /Departments/ }).click(),
    width: [390],
  },
  { name: 'help', at: 'empty', act: (page) => page.keyboard.press('?') },
  {
    name: 'end',
    at: `busy#desk/${loan}`,
    act: (page) => page.getByRole('button', { name: 'End', exact: true }).click(),
    width: [1440, 390],
  },
  { name: 'search', at: `busy#history/${past}`, act: (page) => search(page, 'discount') },
  { name: 'search-none', at: 'busy#history', act: (page) => search(page, 'zeppelin'), width: [1440, 390] },
  { name: 'history', at: 'busy#history', width: [1440, 390] },
  { name: 'refused', at: 'refused#history', width: [1440] },
  { name: 'german', at: `busy#desk/${loan}`, locale: 'de' },
  { name: 'russian', at: 'empty', locale: 'ru', width: [1440, 390] },
  { name: 'visitors', at: 'busy#visitors' },
  {
    name: 'visitors-invited',
    at: 'supervisor#visitors',
    async act(page) {
      await page.getByRole('button', { name: /Invite/ }).click();
      await page.getByText('3 pages before').click();
    },
  },
  { name: 'visitors-none', at: 'empty#visitors', width: [1440, 390] },
  { name: 'visitors-russian', at: 'supervisor#visitors', locale: 'ru', width: [1024, 390] },
  { name: 'visitors-offline', at: 'offline#visitors', width: [1440] },
  { name: 'cards', at: 'busy#cards' },
  { name: 'cards-none', at: 'empty#cards', width: [1440] },
  { name: 'nodes', at: 'cluster#nodes' },
  { name: 'nodes-trouble', at: 'trouble#nodes' },
  { name: 'nodes-german', at: 'trouble#nodes', locale: 'de' },
  {
    name: 'nodes-links',
    at: 'cluster#nodes',
    act: (page) => page.locator('.nodes-links').last().scrollIntoViewIfNeeded(),
    width: [390],
  },
  {
    name: 'nodes-drain',
    at: 'cluster#nodes',
    act: (page) => page.getByRole('button', { name: 'Drain: kohe2' }).click(),
    width: [1440, 390],
  },
  {
    name: 'nodes-remove',
    at: 'trouble#nodes',
    act: (page) => page.getByRole('button', { name: 'Remove kohe3' }).click(),
    width: [1440, 390],
  },
  { name: 'nodes-add', at: 'cluster#nodes', act: (page) => page.getByRole('button', { name: 'Add a node' }).click() },
  { name: 'nodes-wrong', at: 'cluster#nodes', act: wrongNode },
  { name: 'nodes-token', at: 'cluster#nodes', act: addNode },
  { name: 'nodes-barred', at: 'busy#nodes', width: [1440] },
  { name: 'sign-in', at: 'sign-in' },
  { name: 'sign-in-wrong', at: 'sign-in', act: signInWrong, width: [1440, 390] },
  { name: 'failed', at: 'failed', width: [1440] },
];

async function search(page, words) {
  const box = page.getByRole('searchbox');
  if (await box.isVisible()) await box.fill(words);
}
async function say(page, text) {
  await page.locator('[data-reply]').fill(text);
  await page.keyboard.press('Enter');
}
async function addNode(page) {
  await page.getByRole('button', { name: 'Add a node' }).click();
  await page.getByLabel('Name of the new node').fill('kohe4');
  await page.getByLabel(/Where the other nodes/).fill('kohe4.example:8443');
  await page.getByRole('button', { name: 'Show the command' }).click();
}
async function wrongNode(page) {
  await page.getByRole('button', { name: 'Add a node' }).click();
  await page.getByLabel(/Where the other nodes/).fill('kohe4');
  await page.getByRole('button', { name: 'Show the command' }).click();
  await page.getByText('Write a host, a colon and a port').waitFor();
}
async function signInWrong(page) {
  await page.getByLabel('Name').fill('liis');
  await page.getByLabel('Password').fill('wrong');
  await page.keyboard.press('Enter');
}

async function bundle() {
  const out = mkdtempSync(join(tmpdir(), 'kohe-console-build-'));
  await build({
    entryPoints: { console: `${here}main.tsx` },
    bundle: true,
    format: 'esm',
    outdir: out,
    jsx: 'automatic',
    jsxImportSource: 'preact',
    logLevel: 'warning',
  });
  const shell = readFileSync(`${here}../index.html`, 'utf8')
    .replace('{{script}}', '/console.js')
    .replace('{{style}}', '/console.css');
  const files = {
    '/console.js': ['text/javascript', readFileSync(`${out}/console.js`)],
    '/console.css': ['text/css', readFileSync(`${out}/console.css`)],
  };
  await rm(out, { recursive: true });
  return (path) => files[path] ?? ['text/html; charset=utf-8', shell];
}

const file = await bundle();
const server = createServer((request, response) => {
  const [type, body] = file(new URL(request.url, 'http://x').pathname);
  response.writeHead(200, { 'Content-Type': type, 'Content-Security-Policy': csp }).end(body);
});
await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
const origin = `http://127.0.0.1:${server.address().port}`;
await mkdir(pictures, { recursive: true });
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: [
    '--headless=new',
    '--no-sandbox',
    '--disable-gpu',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ],
});

let wrong = 0;
let checked = 0;
for (const scene of scenes.filter(({ name }) => !only || only.split(',').includes(name))) {
  for (const width of scene.width ?? [1440, 1024, 390]) {
    for (const colorScheme of ['light', 'dark']) {
      const name = `${scene.name}-${width}-${colorScheme}`;
      const context = await browser.newContext({
        viewport: { width, height: width === 390 ? 844 : 900 },
        colorScheme,
        locale: scene.locale ?? 'en',
        reducedMotion: 'reduce',
        hasTouch: width === 390,
      });
      const page = await context.newPage();
      const complain = (text) => {
        wrong++;
        console.error(`${name}: ${text}`);
      };
      page.on('pageerror', (error) => complain(error.message));
      page.on('console', (message) => ['error', 'warning'].includes(message.type()) && complain(message.text()));
      const [query, hash] = scene.at.split('#');
      await page.goto(`${origin}/?scene=${query}${hash ? `#${hash}` : ''}`);
      await page.waitForSelector('h1', { state: 'attached' });
      await page.waitForTimeout(150);
      await scene.act?.(page);
      await page.waitForTimeout(300);
      await page.screenshot({ path: join(pictures, `${name}.png`) });
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      if (wide > 0) complain(`${wide} px wider than the window`);
      await page.evaluate(axe);
      const { violations } = await page.evaluate(() =>
        globalThis.axe.run(document, {
          runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
        }),
      );
      for (const { id, help, nodes } of violations)
        complain(
          `axe ${id}: ${help}\n    ${nodes.map((n) => `${n.html.slice(0, 160)}\n      ${n.any[0]?.message ?? ''}`).join('\n    ')}`,
        );
      checked++;
      await context.close();
    }
  }
}
await browser.close();
server.close();
console.log(`${checked} views drawn into ${pictures}, ${wrong} wrong`);
process.exit(wrong > 0 ? 1 : 0);
