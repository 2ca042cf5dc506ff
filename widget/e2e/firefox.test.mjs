// The heart of the story once in Firefox ESR, both people in it.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import puppeteer from 'puppeteer-core';
import { startNode } from './lib/node.mjs';
import { secrets, until } from './lib/people.mjs';

describe('the story in Firefox', { timeout: 120_000 }, () => {
  let node, agent, visitor;
  const firefoxes = [];

  /** Opens a page in a Firefox of its own: a tab behind another one draws no frames. */
  async function open() {
    const profile = mkdtempSync(join(tmpdir(), 'kohe-firefox-'));
    const browser = await puppeteer.launch({
      browser: 'firefox',
      executablePath: process.env.FIREFOX ?? '/usr/bin/firefox-esr',
      headless: true,
      userDataDir: profile,
      extraPrefsFirefox: { 'intl.accept_languages': 'en-GB' },
    });
    firefoxes.push({ browser, profile });
    const page = await browser.newPage();
    await page.setViewport({ width: 1280, height: 800 });
    return page;
  }

  before(async () => {
    node = await startNode();
    agent = await open();
    visitor = await open();
  });
  after(async () => {
    for (const { browser, profile } of firefoxes) {
      await browser.close();
      rmSync(profile, { recursive: true, force: true });
    }
    await node?.stop();
  });

  /** What a person would press or fill in; >>> looks into the widget's shadow root. */
  const press = (page, selector) =>
    page
      .locator(selector)
      .setTimeout(15_000)
      .click()
      .catch((e) => {
        throw new Error(`${selector}: ${e.message}`);
      });
  const fill = (page, selector, text) =>
    page
      .locator(selector)
      .setTimeout(15_000)
      .fill(text)
      .catch((e) => {
        throw new Error(`${selector}: ${e.message}`);
      });
  const inWidget = (selector) => `kohe-widget >>> ${selector}`;
  const reads = (page, selector, text) =>
    until(
      `"${text}" in ${selector}`,
      async () => (await page.$(selector))?.evaluate((el) => el.innerText),
      (have) => have?.includes(text),
      20_000,
    );
  const mirror = async (read, ...args) => {
    const frame = await agent.$('.mirror-stage iframe');
    return frame ? frame.evaluate(read, ...args) : null;
  };

  test('they meet, talk, and the agent sees the page', async () => {
    await agent.goto(node.console);
    await fill(agent, 'input[name=name]', 'agent');
    await fill(agent, 'input[name=password]', 'welcome-aboard');
    await press(agent, 'button[type=submit]');
    await press(agent, 'input[name=state][value=service]');
    await visitor.goto(node.shop);
    await press(visitor, inWidget('.launcher[data-tone=open]'));
    await fill(visitor, inWidget('input[name=name]'), 'Liis');
    await press(visitor, inWidget('button[type=submit].primary'));
    await agent.waitForSelector('.offer', { timeout: 15_000 });
    await agent.keyboard.down('Alt'); // accepted at one key
    await agent.keyboard.press('a');
    await agent.keyboard.up('Alt');
    await reads(visitor, inWidget('[role=log]'), 'Mari joined the chat.');
    await fill(visitor, inWidget('form textarea[aria-label="Write a message"]'), 'Tere from Firefox');
    await visitor.keyboard.press('Enter');
    await reads(agent, '[role=log]', 'Tere from Firefox');
    await press(visitor, inWidget('.ask input[type=checkbox]'));
    await press(visitor, inWidget('.ask .primary'));
    await until(
      'the page',
      () => mirror((f) => f.contentDocument.querySelector('h1')?.textContent ?? ''),
      (h1) => /On the water/.test(h1),
    );
    await new Promise((done) => setTimeout(done, 1500)); // long enough to be found again in the recording
  });

  test('typing is seen, the password is not', async () => {
    await visitor.goto(`${node.shop}account.html`);
    await fill(visitor, '#a-street', 'Pikk tee 1');
    await fill(visitor, '#a-password', secrets.password);
    await until(
      'the street',
      () => mirror((f) => f.contentDocument.querySelector('#a-street')?.value),
      (v) => v === 'Pikk tee 1',
    );
    const all = await mirror(
      (f) =>
        f.contentDocument.documentElement.innerHTML +
        [...f.contentDocument.querySelectorAll('input')].map((i) => i.value).join(),
    );
    assert.ok(!all.includes(secrets.password.slice(0, 7)));
  });

  test('the agent points and fills in, and goes back in the recording', async () => {
    const tool = async (name) => {
      await press(agent, `input[name=page-tool][value=${name}]`);
      await press(visitor, inWidget('.permit .primary'));
      await agent.waitForSelector('.glass-asks', { hidden: true });
    };
    const spot = async () => {
      const { x, y } = await (await agent.$('.mirror-stage iframe')).boundingBox();
      const at = await mirror((f) => {
        const { left, top, width, height } = f.contentDocument.querySelector('#a-street').getBoundingClientRect();
        const scale = f.getBoundingClientRect().width / f.offsetWidth;
        return { x: (left + width / 2) * scale, y: (top + height / 2) * scale };
      });
      return [x + at.x, y + at.y];
    };
    await visitor.evaluate(() => document.querySelector('#a-street').scrollIntoView({ block: 'center' }));
    await tool('point');
    await until(
      'how far the hand is from the field',
      async () => {
        const [x, y] = await spot();
        await agent.mouse.move(x + Math.random(), y);
        return visitor.evaluate(() => {
          const hand = document.querySelector('kohe-widget').shadowRoot.querySelector('.hand')?.getBoundingClientRect();
          const field = document.querySelector('#a-street').getBoundingClientRect();
          if (!hand) return null;
          return Math.hypot(hand.left - field.left - field.width / 2, hand.top - field.top - field.height / 2);
        });
      },
      (off) => off !== null && off < 12,
    );
    await tool('fill');
    await agent.mouse.click(...(await spot()));
    await agent.waitForSelector('.mirror-editor');
    await agent.keyboard.press('End');
    await agent.keyboard.type(', Tartu', { delay: 40 });
    await until(
      'the street',
      () => visitor.$eval('#a-street', (field) => field.value),
      (value) => value === 'Pikk tee 1, Tartu',
    );
    await agent.keyboard.press('Escape');
    await new Promise((done) => setTimeout(done, 1500)); // what was seen is written once a second
    await press(agent, 'button[aria-label="What happened so far"]');
    const slider = await agent.waitForSelector('.replay-slider');
    const seek = (part) =>
      slider.evaluate((input, to) => {
        input.value = String(to * Number(input.max));
        input.dispatchEvent(new Event('input', { bubbles: true }));
      }, part);
    const shown = () =>
      mirror((f) => {
        const field = f.contentDocument.querySelector('#a-street');
        return `${f.contentDocument.querySelector('h1')?.textContent} ${field?.value}`;
      });
    await seek(1);
    await until('the end', shown, (text) => /Pikk tee 1, Tartu/.test(text));
    let part = 0;
    await until(
      'the page that was shown first',
      async () => {
        part += 0.01; // it had begun to arrive
        await seek(part);
        await new Promise((done) => setTimeout(done, 200));
        return shown();
      },
      (text) => /On the water/.test(text),
    );
    await seek(1);
    await until('the end again', shown, (text) => /Pikk tee 1, Tartu/.test(text));
  });
});
