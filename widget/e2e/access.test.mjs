// axe-core finds nothing in the widget and the console as people use them.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { launchChromium } from './lib/browsers.mjs';
import { startNode } from './lib/node.mjs';
import { openAgent, openVisitor } from './lib/people.mjs';

const axe = readFileSync(new URL('../node_modules/axe-core/axe.min.js', import.meta.url), 'utf8');

describe('accessibility', { timeout: 120_000 }, () => {
  let browser, node, agent, visitor;

  before(async () => {
    node = await startNode();
    browser = await launchChromium();
    agent = await openAgent(browser, node);
    visitor = await openVisitor(browser, node);
  });
  after(async () => {
    await browser?.close();
    await node?.stop();
  });

  async function clean(where, page) {
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      await page.waitForTimeout(300); // colours that fade are judged at their end
      await page.evaluate(axe);
      const { violations } = await page.evaluate(() => globalThis.axe.run(document, { iframes: false }));
      const found = violations.map(
        ({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target.join(' ')).join(', ')}`,
      );
      assert.deepEqual(found, [], `${where}, ${colorScheme}`);
    }
  }

  test('the button and the empty desk', async () => {
    await clean('desk, nobody in service', agent.page);
    await agent.serve();
    await visitor.page.getByRole('button', { name: /Chat with us/ }).waitFor();
    await clean('button', visitor.page);
  });

  test('a conversation with a shared page', async () => {
    await visitor.ask('Liis');
    await agent.accept();
    await agent.say('Tere!');
    await visitor.hears('Tere!');
    await clean('chat with the question of consent', visitor.page);
    await visitor.allow();
    await agent.mirror().locator('h1').first().waitFor({ state: 'attached' });
    await clean('chat with a shared page', visitor.page);
    await clean('desk with a conversation', agent.page);
  });

  test('history, messages left, and the sign-in', async () => {
    await agent.page
      .getByRole('link', { name: 'History' })
      .or(agent.page.getByRole('button', { name: 'History' }))
      .first()
      .click();
    await clean('history', agent.page);
    await agent.page
      .getByRole('link', { name: 'Messages' })
      .or(agent.page.getByRole('button', { name: 'Messages' }))
      .first()
      .click();
    await clean('messages left', agent.page);
    await agent.page.context().clearCookies();
    await agent.page.goto(node.console);
    await clean('sign-in', agent.page);
  });
});
