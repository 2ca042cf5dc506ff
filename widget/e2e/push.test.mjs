// An agent sends the visitor to pages: from the site's list, and by address.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { clean } from './lib/axe.mjs';
import { launchChromium } from './lib/browsers.mjs';
import { startNode } from './lib/node.mjs';
import { openAgent, openVisitor, until } from './lib/people.mjs';

describe('sending pages', { timeout: 120_000 }, () => {
  let browser, node, agent, visitor;

  before(async () => {
    node = await startNode();
    browser = await launchChromium();
    agent = await openAgent(browser, node);
    await agent.serve();
    visitor = await openVisitor(browser, node);
    await visitor.ask('Liis');
    await agent.accept();
    await visitor.allow();
    await agent.mirror().locator('h1').first().waitFor({ state: 'attached' });
  });
  after(async () => {
    await browser?.close();
    await node?.stop();
  });

  const search = () => agent.page.getByRole('combobox', { name: /Find a page/ });
  const openList = () => agent.page.getByRole('button', { name: 'Send a page' }).click();
  const card = (title) => visitor.page.getByRole('log').getByRole('link', { name: `Open: ${title}` });

  test('one of the site’s pages is found by typing and sent by the keyboard', async () => {
    await agent.page.getByRole('button', { name: 'Send a page' }).focus();
    await agent.page.keyboard.press('Enter');
    await search().waitFor();
    assert.equal(await agent.page.getByRole('option').count(), 5);
    await clean('the list of pages', agent.page);
    await agent.page.keyboard.type('pay');
    await until(
      'the list',
      () => agent.page.getByRole('option').count(),
      (n) => n === 1,
    );
    await agent.page.keyboard.press('Enter');
    await card('Pay monthly').waitFor();
    await clean('the card, at the visitor’s', visitor.page);
    await clean('the card, at the agent’s', agent.page);
    assert.match(await visitor.page.getByRole('log').locator('.card').textContent(), /Pay monthly\s*127\.0\.0\.1/);
    assert.equal(
      await agent.page.getByRole('button', { name: 'Send a page' }).evaluate((el) => el === document.activeElement),
      true,
    );
  });

  test('a page of another site is not sent', async () => {
    await openList();
    await search().fill('https://evil.example/pay');
    await agent.page.getByText('This site sends visitors to these places only: 127.0.0.1').waitFor();
    await agent.page.keyboard.press('Enter');
    await search().fill('javascript:alert(1)');
    await agent.page.getByText('No page of that name').waitFor();
    await agent.page.keyboard.press('Escape');
    assert.equal(await search().count(), 0);
    assert.equal(await visitor.page.getByText('evil.example').count(), 0);
  });

  test('with the level the agent opens it, in the visitor’s tab, and the chat goes along', async () => {
    await agent.page.getByRole('button', { name: 'Open it for them' }).click();
    const ask = visitor.page.getByRole('alertdialog');
    await ask.getByText('May Mari click for you on this page?').waitFor();
    assert.match(visitor.page.url(), /\/shop\/$/);
    await ask.getByRole('button', { name: 'Allow' }).click();
    await visitor.page.locator('.pill').getByText('May click').waitFor();
    await agent.page.getByRole('button', { name: 'Open it for them' }).click();
    await visitor.page.waitForURL(/loan\.html$/);
    await visitor.page.getByRole('log').getByText('Opened: 127.0.0.1').waitFor();
    await card('Pay monthly').waitFor();
    await agent.mirror().getByLabel('Full name').waitFor({ state: 'attached' });
  });
});
