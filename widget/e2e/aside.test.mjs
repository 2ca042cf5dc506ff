// On a phone the chat covers the whole page: it gets out of the way of what the
// agent shows, and what is left of it says who does what and has all in reach.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { clean } from './lib/axe.mjs';
import { launchChromium } from './lib/browsers.mjs';
import { guiding } from './lib/guiding.mjs';
import { startNode } from './lib/node.mjs';
import { openAgent, openVisitor, until } from './lib/people.mjs';

const phone = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };

describe('the chat on a phone makes room', { timeout: 120_000 }, () => {
  let browser, node, agent, visitor, guide;

  before(async () => {
    node = await startNode();
    browser = await launchChromium();
    agent = await openAgent(browser, node);
    await agent.serve();
    visitor = await openVisitor(browser, node, phone);
    guide = guiding(agent, visitor);
    await visitor.at('loan.html');
    await visitor.ask('Liis');
    await agent.accept();
    await visitor.allow();
    await guide.mirrored('Full name').waitFor({ state: 'attached' });
  });
  after(async () => {
    await browser?.close();
    await node?.stop();
  });

  const bar = () => visitor.page.locator('.aside');
  const chat = () => visitor.page.getByRole('dialog');
  const input = () => visitor.page.getByLabel('Write a message');
  const said = () => visitor.page.locator('[role=status]').allTextContents();
  const shot = async (name) => {
    await visitor.page.waitForTimeout(400);
    if (process.env.SHOTS) await visitor.page.screenshot({ path: `${process.env.SHOTS}/${name}.png` });
  };

  /** What is on top in the middle of something on the page: the page or ours. */
  const onTop = (locator) =>
    locator.evaluate((element) => {
      const { left, top, width, height } = element.getBoundingClientRect();
      const at = document.elementFromPoint(left + width / 2, top + height / 2);
      return at === element || element.contains(at) ? 'it' : (at?.localName ?? 'nothing');
    });

  test('when the visitor allows pointing, the page is in view and a bar says why', async () => {
    await input().fill('Half a sent');
    assert.equal(await chat().isVisible(), true);
    await shot('1-covered');
    await guide.tool('Point');
    await visitor.page.getByRole('alertdialog').getByText('May Mari show you things on this page?').waitFor();
    await shot('2-asked');
    await visitor.page.getByRole('alertdialog').getByRole('button', { name: 'Allow' }).click();
    await bar().waitFor();
    assert.equal(await chat().isVisible(), false);
    assert.ok(
      (await said()).some((text) => /chat is at the bottom/.test(text)),
      'nobody is told',
    );
    await shot('3-aside');
  });

  test('what the agent points at is not under the chat', async () => {
    const email = visitor.page.getByLabel('E-mail', { exact: true });
    await email.scrollIntoViewIfNeeded();
    await agent.page.waitForTimeout(600); // the mirror follows
    await guide.mirrored('E-mail').scrollIntoViewIfNeeded();
    const box = await guide.mirrored('E-mail').boundingBox();
    await until(
      'the hand',
      async () => {
        await agent.page.mouse.move(box.x + box.width / 2, box.y + box.height / 2 + Math.random());
        return visitor.page.locator('.hand').boundingBox();
      },
      Boolean,
    );
    await bar().getByText('Mari is pointing').waitFor();
    assert.equal(await onTop(email), 'it');
    await shot('4-pointing');
    await clean('the bar', visitor.page);
  });

  test('a new message is noticed there, and opens the chat with what was typed', async () => {
    await agent.say('Please write your e-mail address there, the one that you read every day.');
    await bar()
      .getByText(/^Mari: Please write/)
      .waitFor();
    await bar().getByRole('button', { name: 'Chat, 1 new message' }).waitFor();
    assert.ok((await said()).includes('New message from Mari'));
    await shot('5-message');
    for (const button of await bar().getByRole('button').all()) {
      const { width, height } = await button.boundingBox();
      assert.ok(width >= 44 && height >= 44, `${await button.textContent()}: ${width} × ${height}`);
    }
    await bar().getByRole('button', { name: /^Chat/ }).tap();
    await visitor.hears('Please write your e-mail');
    assert.equal(await input().inputValue(), 'Half a sent');
    await shot('6-open-again');
  });

  test('opened by the visitor it stays open, whatever the agent does', async () => {
    const box = await guide.mirrored('E-mail').boundingBox();
    for (let i = 0; i < 5; i++) {
      await agent.page.mouse.move(box.x + 20 + i, box.y + box.height / 2);
      await agent.page.waitForTimeout(100);
    }
    assert.equal(await chat().isVisible(), true);
    await chat().getByRole('button', { name: 'See page' }).tap();
    await bar().waitFor();
    assert.equal(await bar().getByText('Please write').isVisible(), false, 'what was read is still new');
  });

  test('by the keyboard the chat is opened and put away, and the focus is where it was', async () => {
    const open = bar().getByRole('button', { name: 'Chat', exact: true });
    await open.focus();
    await visitor.page.keyboard.press('Enter');
    await chat().waitFor();
    await visitor.page.getByRole('button', { name: 'Minimise' }).press('Enter');
    await bar().waitFor();
    assert.equal(await open.evaluate((button) => button.getRootNode().activeElement === button), true);
  });

  test('Stop in the bar ends the sharing, and the bar is gone', async () => {
    await bar().getByRole('button', { name: 'Stop' }).tap();
    await bar().waitFor({ state: 'hidden' });
    await visitor.page.locator('.launcher').waitFor();
    await shot('7-stopped');
    await visitor.page.locator('.launcher').tap();
    assert.equal(await input().inputValue(), 'Half a sent');
  });
});
