// A session is recorded while it goes on, survives the death of its node, and
// shows any moment as the agent saw it then. Real Chromium at both ends.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { launchChromium } from './lib/browsers.mjs';
import { startNode } from './lib/node.mjs';
import { openAgent, openVisitor, secrets, until } from './lib/people.mjs';
import { openJudge } from './lib/pictures.mjs';

const viewport = { width: 520, height: 330 }; // small enough to be drawn whole at 100 % everywhere

describe('recording', { timeout: 180_000 }, () => {
  let browser, node, agent, visitor, judge;
  const seen = []; // what the agent saw, and when

  before(async () => {
    node = await startNode();
    browser = await launchChromium();
    judge = await openJudge(browser);
    agent = await openAgent(browser, node);
    await agent.serve();
    visitor = await openVisitor(browser, node, { viewport: { width: 1280, height: 800 } });
  });
  after(async () => {
    await browser?.close();
    await node?.stop();
  });

  const shot = (n) =>
    process.env.KOHE_SHOTS && agent.page.screenshot({ path: `${process.env.KOHE_SHOTS}/record-${n}.png` });
  const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  const picture = () => agent.page.locator('.mirror-stage iframe').screenshot({ animations: 'disabled' });
  const still = () =>
    agent.page.evaluate(() => {
      const sheet = new CSSStyleSheet();
      sheet.replaceSync('.mirror-stage > :not(iframe) { visibility: hidden !important }');
      document.adoptedStyleSheets = [sheet];
    });

  /** Waits until the mirror does not change any more, and keeps how it looks. */
  async function look() {
    let last = await picture();
    for (let same = 0; same < 3; ) {
      await pause(150);
      const now = await picture();
      same = now.equals(last) ? same + 1 : 0;
      last = now;
    }
    seen.push({ at: Date.now(), picture: last });
    await pause(400);
  }

  test('the visitor is asked, and nothing is ticked for them', async () => {
    await visitor.ask('Liis');
    await agent.accept();
    const box = visitor.page.getByLabel(/Record it too. It is deleted after 7 days/);
    assert.equal(await box.isChecked(), false);
    await box.check();
    await visitor.allow();
    await visitor.hears('You are sharing the page, and it is recorded.');
    await visitor.page.locator('.pill').getByText('recorded').waitFor();
    await agent.hears('lets it be recorded');
  });

  test('what the agent sees is noted now and then', async () => {
    await visitor.page.setViewportSize(viewport);
    await visitor.page.getByRole('button', { name: 'Minimise' }).click();
    await agent.page.getByRole('button', { name: /^Fit width/ }).click();
    await still();
    await visitor.at('loan.html');
    await agent.mirror().getByLabel('Full name').waitFor({ state: 'attached' });
    await look();
    await visitor.page.getByLabel('Full name').fill('Liis Lill');
    await visitor.page.getByLabel('Personal code').fill(secrets.code);
    await look();
    await visitor.page.mouse.wheel(0, 300);
    await look();
    await visitor.page.getByLabel('Full name').fill('Liis Kask');
    await visitor.page.evaluate(() => scrollTo(0, 0));
    await look();
    await visitor.at('booking.html');
    await agent.mirror().getByRole('heading', { level: 1 }).waitFor({ state: 'attached' });
    await look();
    await pause(1500); // what was seen is written once a second
  });

  test('after kill -9 of the node every moment looks as it did', async () => {
    await node.kill();
    await node.start();
    await agent.page.getByRole('button', { name: 'What happened so far' }).click();
    const slider = agent.page.getByRole('slider', { name: 'Place in the recording' });
    await slider.waitFor();
    const start = await agent.page.evaluate(async () => {
      const id = location.hash.split('/')[1];
      const answer = await (await fetch(`/api/v1/sessions/${id}/recording`)).json();
      return answer.segments[0].groups[0].at;
    });
    const seek = (at) =>
      slider.evaluate((input, value) => {
        input.step = '1';
        input.value = String(value);
        input.dispatchEvent(new Event('input', { bubbles: true }));
      }, at - start);
    for (const i of [3, 0, 4, 2, 1, 4, 0]) {
      await seek(seen[i].at);
      const off = async () => judge.differ(await picture(), seen[i].picture);
      await until(`pixels of moment ${i} that differ`, off, (n) => n === 0, 5000);
    }
  });

  test('it plays, and a line of the transcript leads to its moment', async () => {
    await visitor.page
      .getByRole('button', { name: /Chat|Open|Mari/ })
      .first()
      .click();
    await visitor.page.getByRole('button', { name: 'End chat' }).click();
    await visitor.page.getByRole('group', { name: 'End chat' }).getByRole('button', { name: 'End chat' }).click();
    await agent.page.getByRole('button', { name: 'Back to now' }).click();
    await agent.hears('The visitor ended the conversation');
    await agent.page.goto(`${node.console}#history`);
    await agent.page.getByRole('link', { name: /Liis/ }).first().click();
    const slider = agent.page.getByRole('slider', { name: 'Place in the recording' });
    const place = () => slider.inputValue().then(Number);
    await agent.page
      .getByRole('button', { name: /Show this moment/ })
      .first()
      .click();
    const before = await place();
    await shot('history');
    await agent.page.getByRole('button', { name: 'Play' }).click();
    await until('it plays', place, (now) => now > before);
    await agent.page.getByRole('button', { name: 'Pause' }).click();
    await slider.focus();
    const at = await place();
    await agent.page.keyboard.press('ArrowLeft');
    assert.ok((await place()) < at);
  });

  test('what is masked is not in it', async () => {
    const files = await agent.page.evaluate(async () => {
      const id = location.hash.split('/')[1];
      const { segments } = await (await fetch(`/api/v1/sessions/${id}/recording`)).json();
      const parts = [];
      for (const { id: segment, groups } of segments) {
        for (const { from, to } of groups) {
          const answer = await fetch(`/api/v1/sessions/${id}/recording/${segment}?from=${from}&to=${to}`);
          const whole = answer.body.pipeThrough(new DecompressionStream('deflate-raw'));
          parts.push(await new Response(whole).text());
        }
      }
      return parts.join('\n');
    });
    assert.match(files, /Liis Lill/, 'the test reads what was recorded');
    assert.doesNotMatch(files, new RegExp(secrets.code));
  });
});
