// The hostile corpus straight into the mirror, past the edge, in real browsers:
// in the console's own window, with the mirror document and the CSP of a node.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import puppeteer from 'puppeteer-core';
import { buildBareMirror } from './lib/bare.mjs';
import { launchChromium } from './lib/browsers.mjs';
import { readCases } from './lib/hostile.mjs';
import { startNode } from './lib/node.mjs';
import { openRecorder } from './lib/recorder.mjs';

const mirror = readFileSync(new URL('../dist/mirror.js', import.meta.url), 'utf8');
const together = 60; // cases in one window

async function openChromium() {
  const browser = await launchChromium();
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  return { page: await context.newPage(), windows: () => context.pages().length, close: () => browser.close() };
}

async function openFirefox() {
  const profile = mkdtempSync(join(tmpdir(), 'kohe-firefox-'));
  const browser = await puppeteer.launch({
    browser: 'firefox',
    executablePath: process.env.FIREFOX ?? '/usr/bin/firefox-esr',
    headless: true,
    userDataDir: profile,
  });
  const [page] = await browser.pages();
  await page.setViewport({ width: 1280, height: 800 });
  return {
    page,
    windows: async () => (await browser.pages()).length,
    async close() {
      await browser.close();
      rmSync(profile, { recursive: true, force: true });
    },
  };
}

/** Runs in the window: shows each case in a mirror of its own. Returns those that the mirror threw an error at. */
async function show({ cases, src }) {
  const failed = [];
  const stage = document.body.appendChild(document.createElement('div'));
  stage.id = 'stage';
  stage.style.cssText = 'position:fixed;inset:0;display:flex;flex-wrap:wrap;align-content:start;z-index:9';
  globalThis.shown = cases.map(({ n }) => {
    const box = stage.appendChild(document.createElement('div'));
    box.style.cssText = 'width:100px;height:100px;overflow:hidden';
    return { n, mirror: kohe.mirror.create(box, { src }) };
  });
  for (const [i, { messages }] of cases.entries()) {
    for (const message of messages) {
      try {
        await shown[i].mirror.apply(Uint8Array.from(atob(message), (c) => c.charCodeAt(0)));
      } catch (error) {
        failed.push([cases[i].n, `${error}`]);
      }
    }
  }
  await new Promise((done) => setTimeout(done, 400));
  return failed;
}

/** Runs in the window: the cases whose frame, or a frame in it, shows another document than the mirror's. */
function moved(src) {
  const own = [location.href, 'about:blank', src && new URL(src, location.href).href]; // a document that is written has the writer's address
  const elsewhere = ({ contentDocument: doc }) =>
    !doc ||
    !own.includes(doc.URL) ||
    [...doc.getElementsByTagNameNS('http://www.w3.org/1999/xhtml', 'iframe')].some(elsewhere);
  return shown.filter(({ mirror }) => elsewhere(mirror.view())).map(({ n }) => n);
}

/** Runs in the window: what must stay as it is. */
function outside() {
  const copy = document.documentElement.cloneNode(true);
  copy.querySelector('#stage')?.remove();
  return { html: copy.outerHTML, title: document.title, focused: document.activeElement?.tagName === 'IFRAME' };
}

/** Puts cases into one window, clicks what lies over a whole page and says what came of them. */
async function perform({ page, windows }, { url, ready, script, src, cases, recorder, click = true }) {
  const outcome = { ran: [], asked: [], moved: [], failed: [], dialogs: 0, windows: 0, away: false, changed: [] };
  const dialog = (d) => {
    outcome.dialogs++;
    d.dismiss().catch(() => {}); // its window may be gone
  };
  page.on('dialog', dialog);
  await page.goto(url);
  await page.waitForSelector(ready, { state: 'attached' });
  await page.evaluate(
    `${script};globalThis.ran=[];globalThis.canary=(n)=>{ran.push(n)};Object.assign(globalThis,{kohe,ran,canary});0`,
  );
  const [before, open, connections] = [await page.evaluate(outside), await windows(), recorder.connections];
  recorder.paths.length = 0;
  try {
    outcome.failed = await page.evaluate(show, { cases, src });
    for (const [i, { covers }] of cases.entries())
      if (click && covers) await page.mouse.click((i % 12) * 100 + 50, Math.floor(i / 12) * 100 + 50);
    await page.keyboard.press('Tab');
    outcome.moved = await page.evaluate(moved, src);
    outcome.ran = await page.evaluate('[...new Set(ran)]');
    const now = await page.evaluate(outside);
    outcome.changed = Object.keys(now).filter((what) => now[what] !== before[what]);
  } catch (error) {
    if (!/context/i.test(error.message)) throw error;
    outcome.away = true; // the window's document is gone, and its script with it
  }
  outcome.windows = (await windows()) - open;
  outcome.asked = [...new Set(recorder.paths.map((path) => Number(path.split('/')[1])))];
  outcome.connections = recorder.connections - connections;
  page.off('dialog', dialog);
  return outcome;
}

const batches = (cases) =>
  Array.from({ length: Math.ceil(cases.length / together) }, (_, i) => cases.slice(i * together, (i + 1) * together));

for (const [name, open] of [
  ['Chromium', openChromium],
  ['Firefox', openFirefox],
]) {
  describe(`hostile pages in the mirror, ${name}`, { timeout: 180_000 }, () => {
    let node, recorder, browser, cases;

    before(async () => {
      [node, recorder, browser] = [await startNode(), await openRecorder(), await open()];
      cases = readCases(recorder.origin);
    });
    after(async () => {
      await browser?.close();
      recorder?.close();
      await node?.stop();
    });

    test('no script runs, nothing is loaded, nothing leaves the frame', async () => {
      assert.ok(cases.length >= 200);
      const found = [];
      for (const batch of batches(cases)) {
        const { failed, ...outcome } = await perform(browser, {
          url: node.console,
          ready: 'input[name=password]',
          script: mirror,
          src: '/kohe/mirror/demo',
          cases: batch,
          recorder,
        });
        for (const what of ['ran', 'asked', 'moved'])
          for (const n of outcome[what]) found.push(`${what}: ${cases[n]?.name ?? n}`);
        for (const [n, error] of failed) found.push(`${error}: ${cases[n].name}`);
        for (const what of ['connections', 'dialogs', 'windows', 'away', 'changed'])
          if (Number(outcome[what]) !== 0) found.push(`${what} ${outcome[what]}, cases from "${batch[0].name}"`);
      }
      assert.deepEqual(found, []);
    });
  });
}

describe('hostile pages without protection', { timeout: 180_000 }, () => {
  let recorder, plain, browser, cases;

  before(async () => {
    [recorder, plain, browser] = [await openRecorder(), await openRecorder(), await openChromium()];
    cases = readCases(recorder.origin);
  });
  after(async () => {
    await browser?.close();
    recorder?.close();
    plain?.close();
  });

  const bare = async (some) =>
    perform(browser, {
      url: `${plain.origin}/`,
      ready: 'body',
      script: await buildBareMirror(),
      cases: some,
      recorder,
      click: false, // some would lead the window away
    });

  test('every detector finds what it is there for', async () => {
    const alone = (name) => bare(cases.filter((c) => c.name === name));
    const picture = await alone('src of img from elsewhere');
    assert.equal(picture.asked.length, 1, 'a picture is loaded');
    assert.ok(picture.connections > 0, 'somebody connects');
    assert.equal((await alone('a script runs its text')).ran.length, 1, 'a script runs');
    assert.equal((await alone('meta refresh')).moved.length, 1, 'a frame goes elsewhere');
    assert.equal((await alone('a script opens a dialog')).dialogs, 1, 'a dialog opens');
    assert.equal((await alone('a script opens a window')).windows, 1, 'a window opens');
    assert.deepEqual(
      (await alone("a script writes into the console's window")).changed,
      ['html'],
      'the window is changed',
    );
    assert.equal((await alone("a script moves the console's window away")).away, true, 'the window goes elsewhere');
  });

  test('much of the corpus is dangerous in this browser', async () => {
    const sample = cases.filter(({ n, alone }) => n % 3 === 0 && !alone);
    const harmful = new Set();
    for (const batch of batches(sample)) {
      const { ran, asked, moved } = await bare(batch);
      for (const n of [...ran, ...asked, ...moved]) harmful.add(n);
    }
    assert.ok(harmful.size >= sample.length / 4, `${harmful.size} cases of ${sample.length} do something`);
  });
});
