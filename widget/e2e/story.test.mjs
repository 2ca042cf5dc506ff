// The story of README in two real Chromium contexts: over WebTransport, and
// again with UDP blocked, where WebSocket takes over.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { launchChromium } from './lib/browsers.mjs';
import { startNode } from './lib/node.mjs';
import { openAgent, openVisitor, secrets, until } from './lib/people.mjs';

for (const [transport, network] of [
  ['WebTransport', 'open'],
  ['WebSocket', 'no-udp'],
]) {
  describe(`the story over ${transport}`, { timeout: 180_000 }, () => {
    let browser, node, agent, visitor;
    const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

    before(async () => {
      node = await startNode();
      node.network.mode(network);
      browser = await launchChromium();
      agent = await openAgent(browser, node);
      visitor = await openVisitor(browser, node);
    });
    after(async () => {
      await browser?.close();
      await node?.stop();
    });

    /** A field's value in the agent's mirror. */
    const mirrored = (label) =>
      agent
        .mirror()
        .getByLabel(label, { exact: true })
        .inputValue()
        .catch(() => null);
    const shown = (heading) =>
      until(
        `mirror shows ${heading}`,
        () => agent.mirror().getByRole('heading', { name: heading, includeHidden: true }).count(),
        (n) => n > 0,
      );

    test('the button tells the truth: closed, then open', async () => {
      await visitor.page.getByRole('button', { name: /Leave a message/ }).waitFor();
      await agent.serve();
      await visitor.page.getByRole('button', { name: /Chat with us/ }).waitFor({ timeout: 5000 });
    });

    test('the visitor asks, the agent accepts, they talk with ticks', async () => {
      await visitor.ask('Liis');
      await agent.accept();
      await visitor.page.getByText('Mari joined the chat.').waitFor();
      await agent.transport(transport);
      await agent.say('Tere! How may I help?');
      await visitor.hears('Tere! How may I help?');
      await visitor.say('Is the dinghy free in July?');
      await agent.hears('Is the dinghy free in July?');
      await until(
        'the visitor sees that it was read',
        () => visitor.page.getByRole('log').textContent(),
        (text) => /Read/.test(text),
      );
    });

    test('typing shows on the other side', async () => {
      await visitor.page.getByLabel('Write a message').pressSequentially('I am wond', { delay: 30 });
      await agent.page.getByText('is typing…').first().waitFor();
      await visitor.page.getByLabel('Write a message').fill('');
    });

    test('after consent the agent sees the page live', async () => {
      assert.equal(await agent.mirror().getByRole('heading').count(), 0, 'nothing before consent');
      await visitor.allow();
      await shown('Boats & bikes');
      await visitor.at('loan.html');
      await visitor.page.getByLabel('Full name').pressSequentially('Liis Lill', { delay: 20 });
      await until(
        'the form',
        () => mirrored('Full name'),
        (value) => value === 'Liis Lill',
      );
      await visitor.page.getByLabel('Personal code').pressSequentially(secrets.code);
      await visitor.page.getByRole('button', { name: 'Apply' }).click();
      const trouble = await visitor.page.locator('#loan [aria-invalid=true]').count();
      assert.ok(trouble > 0, 'the form has errors');
      await until(
        'validation errors',
        () => agent.mirror().locator('#loan [aria-invalid=true]').count(),
        (n) => n === trouble,
      );
      await visitor.page.mouse.wheel(0, 400);
      const top = await until(
        'scrolled',
        () => visitor.page.evaluate(() => scrollY),
        (y) => y > 0,
      );
      await until(
        'scroll follows',
        () =>
          agent
            .mirror()
            .locator('html')
            .evaluate((html) => html.scrollTop),
        (y) => Math.abs(y - top) <= 1,
      );
      await until(
        'the pointer',
        () => agent.page.locator('.mirror-stage').locator('svg').count(),
        (n) => n > 0,
      );
    });

    test('what is private never leaves the browser', async () => {
      await visitor.at('account.html');
      await shown('Account');
      for (const [label, secret] of [
        ['Password', secrets.password],
        ['Card number', secrets.card],
      ]) {
        const field = visitor.page.getByLabel(label, { exact: true });
        await field.pressSequentially(secret); // key by key
        await field.fill(''); // and at once, as a password manager does
        await field.fill(secret);
      }
      await visitor.page.getByRole('button', { name: 'Show' }).click(); // the password is readable on the visitor's screen now
      await visitor.page.getByLabel('Street').fill('Pikk tee 1');
      await until(
        'the page is still live',
        () => mirrored('Street'),
        (value) => value === 'Pikk tee 1',
      );
      const block = (await visitor.page.locator('section[data-kohe-mask] dd').allInnerTexts()).filter(
        (line) => line.length >= 7,
      );
      assert.ok(block.length > 0, 'the page has a masked block');
      const mirror = await agent
        .mirror()
        .locator('html')
        .evaluate(
          (html) =>
            html.innerHTML + [...html.querySelectorAll('input, textarea')].map((field) => field.value).join('\n'),
        );
      for (const [where, text] of [
        ['the frames', visitor.bytes()],
        ['the mirror', mirror],
      ]) {
        assert.ok(text.includes('Pikk tee 1'), `${where} have what is not private`);
        for (const secret of [secrets.password, secrets.card, secrets.code, ...block]) {
          for (let i = 0; i + 7 <= secret.length; i++) {
            assert.ok(!text.includes(secret.slice(i, i + 7)), `"${secret.slice(i, i + 7)}" is in ${where}`);
          }
        }
      }
      assert.notEqual(await mirrored('Password'), secrets.password);
    });

    test('a reload and a second tab go on in the same session', async () => {
      await visitor.page.reload();
      await visitor.hears('Tere! How may I help?');
      const second = await visitor.context.newPage();
      await second.goto(`${node.shop}booking.html`);
      await second.getByRole('log').getByText('Tere! How may I help?').waitFor();
      await second.bringToFront();
      await shown('Book a rental');
      await second.close();
      await visitor.page.bringToFront();
      await until(
        'the mirror follows the focus',
        () => agent.mirror().getByLabel('Street', { exact: true }).count(),
        (n) => n > 0,
      );
    });

    test('a console that comes late has the page without a frame from the visitor', async () => {
      await pause(1000);
      const before = visitor.sent.length;
      await agent.page.reload();
      await until(
        'the page is there again',
        () => agent.mirror().getByLabel('Street', { exact: true }).count(),
        (n) => n > 0,
      );
      const pages = visitor.sent.slice(before).filter((frame) => frame.charCodeAt(0) === 0x80);
      assert.equal(pages.length, 0, 'page frames from the visitor');
    });

    test('ten seconds without a network heal', async () => {
      node.network.mode('offline');
      await visitor.say('Said while offline');
      await pause(10_000);
      node.network.mode(network);
      await agent.hears('Said while offline');
      await agent.say('Got it');
      await visitor.hears('Got it');
    });

    test('the node is killed and started again: nothing stored is lost or doubled', async () => {
      const said = [];
      for (let i = 0; i < 10; i++) {
        said.push(`before ${i}`);
        await visitor.say(`before ${i}`);
      }
      await agent.hears('before 9');
      await node.kill();
      await visitor.say('said to a dead node');
      said.push('said to a dead node');
      await node.start();
      await agent.hears('said to a dead node');
      await agent.say('and after');
      await visitor.hears('and after');
      said.push('and after');
      for (const [who, page] of [
        ['visitor', visitor.page],
        ['agent', agent.page],
      ]) {
        const text = await page.getByRole('log').innerText();
        for (const line of said) assert.equal(text.split(line).length - 1, 1, `${who}: "${line}" once`);
      }
      const transcript = await agent.page.evaluate(async () => {
        const { hits } = await (await fetch('/api/v1/search?q=dinghy')).json();
        return (await (await fetch(`/api/v1/sessions/${hits[0].session.id}/messages?limit=200`)).json()).messages;
      });
      assert.deepEqual(
        transcript.map((m) => m.seq),
        transcript.map((_, i) => i + 1),
        'the transcript has no gap',
      );
      for (const line of said)
        assert.equal(transcript.filter((m) => m.text === line).length, 1, `"${line}" is stored once`);
    });

    test('either can end it, and it can be found again', async () => {
      await visitor.page.getByRole('button', { name: 'End chat' }).click();
      await visitor.page.getByRole('group', { name: 'End chat' }).getByRole('button', { name: 'End chat' }).click();
      await agent.page.getByText('The visitor ended the conversation').waitFor();
      const hits = await agent.page.evaluate(async () => (await (await fetch('/api/v1/search?q=dinghy')).json()).hits);
      assert.equal(hits.length, 1);
      assert.match(hits[0].message.text, /dinghy/);
    });
  });
}
