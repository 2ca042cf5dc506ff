// What an agent does where the page hides something from them, or before the
// visitor has allowed it: it is shown where it can be, and the agent is told
// where it cannot.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { clean } from './lib/axe.mjs';
import { launchChromium } from './lib/browsers.mjs';
import { startNode } from './lib/node.mjs';
import { openAgent, openVisitor, until } from './lib/people.mjs';

describe('what is hidden, and what is not allowed yet', { timeout: 120_000 }, () => {
  let browser, node, agent, visitor;

  before(async () => {
    node = await startNode();
    browser = await launchChromium();
    agent = await openAgent(browser, node);
    await agent.serve();
    visitor = await openVisitor(browser, node, { tap: false });
    await visitor.ask('Liis');
    await agent.accept();
    await visitor.allow();
    await visitor.at('account.html');
    await field('Card number').waitFor({ state: 'attached' });
  });
  after(async () => {
    await browser?.close();
    await node?.stop();
  });

  const field = (label) => agent.mirror().getByLabel(label, { exact: true });
  const tool = (name) => agent.page.getByRole('radio', { name, exact: true }).click();
  const answer = (name) => visitor.page.getByRole('alertdialog').getByRole('button', { name }).click();
  const said = (text) => agent.page.locator('.glass-note').getByText(text).waitFor();
  const ink = (who) => who.page.locator('.ink[style*="visible"]');

  /** Draws over a field of the mirror. */
  async function box(label) {
    await field(label).scrollIntoViewIfNeeded();
    const { x, y, width, height } = await field(label).boundingBox();
    const { mouse } = agent.page;
    await mouse.move(x + 4, y + 4);
    await mouse.down();
    await mouse.move(x + width / 2, y + height / 2, { steps: 4 });
    await mouse.move(x + width - 4, y + height - 4, { steps: 4 });
    await mouse.up();
  }

  test('what is drawn before the visitor allows it is shown once they do', async () => {
    await tool('Box');
    await visitor.page.getByRole('alertdialog').waitFor();
    await box('E-mail');
    await said('Liis sees this when they allow you to draw.');
    await ink(agent).first().waitFor();
    assert.equal(await ink(visitor).count(), 0);
    await answer('Allow');
    await until(
      'the drawing on the visitor’s page',
      () => ink(visitor).count(),
      (n) => n === 1,
    );
    const [drawn, name] = [
      await visitor.page.locator('.ink path').first().boundingBox(),
      await visitor.page.getByLabel('E-mail', { exact: true }).boundingBox(),
    ];
    assert.ok(Math.abs(drawn.x - name.x) < 12 && Math.abs(drawn.y - name.y) < 12, JSON.stringify({ drawn, name }));
  });

  test('a drawing over a masked field is seen by the visitor', async () => {
    const before = await ink(visitor).count();
    for (const label of ['Card number', 'Password']) {
      await box(label);
      await until(
        `the drawing over ${label}`,
        () => visitor.page.locator('.ink').count(),
        (n) => n > before,
      );
    }
    assert.equal(await agent.page.locator('.toast').count(), 0);
  });

  test('a masked field opens no editor, and the agent is told why', async () => {
    await tool('Fill in');
    await answer('Allow');
    for (const label of ['Card number', 'Password']) {
      await field(label).scrollIntoViewIfNeeded();
      const { x, y } = await field(label).boundingBox();
      await agent.page.mouse.click(x + 20, y + 10);
      await said('This field is hidden from you. The visitor fills it in.');
      assert.equal(await agent.page.locator('.mirror-editor').count(), 0);
      await agent.page.mouse.click(x + 20, y - 2); // beside it: the sentence goes
    }
    await clean('the sentence on the page', agent.page);
  });

  test('what is drawn on a page that the visitor leaves is said to be lost', async () => {
    visitor = await openVisitor(browser, node, { tap: false });
    await visitor.ask('Jaan');
    await agent.accept();
    await visitor.allow();
    await visitor.at('account.html');
    await field('E-mail').waitFor({ state: 'attached' });
    await tool('Box');
    await box('E-mail');
    await visitor.at('loan.html');
    await agent.page.getByText('Jaan was not shown what you drew.').waitFor();
  });
});
