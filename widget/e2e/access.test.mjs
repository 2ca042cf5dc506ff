// axe-core finds nothing in the widget and the console as people use them.
import { after, before, describe, test } from 'node:test';
import { clean } from './lib/axe.mjs';
import { launchChromium } from './lib/browsers.mjs';
import { startNode } from './lib/node.mjs';
import { openAgent, openVisitor } from './lib/people.mjs';

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
    await visitor.page.getByLabel(/Record it too/).check();
    await visitor.allow();
    await agent.mirror().locator('h1').first().waitFor({ state: 'attached' });
    await clean('chat with a shared page', visitor.page);
    await clean('desk with a conversation', agent.page);
    for (const tool of ['Fill in', 'Click']) {
      await agent.page.getByRole('radio', { name: tool, exact: true }).click();
      await visitor.page.getByRole('alertdialog').getByRole('button', { name: 'Allow' }).click();
      await visitor.page.getByRole('alertdialog').waitFor({ state: 'detached' });
      await clean(`desk with the tool ${tool}`, agent.page);
    }
  });

  test('a recording, while it goes on and later', async () => {
    const slider = agent.page.getByRole('slider', { name: 'Place in the recording' });
    await agent.page.waitForTimeout(1500); // what was seen is written once a second
    await agent.page.getByRole('button', { name: 'What happened so far' }).click();
    await slider.waitFor();
    await clean('what happened so far', agent.page);
    await agent.page.getByRole('button', { name: 'Back to now' }).click();
    await visitor.page.getByRole('button', { name: 'End chat' }).click();
    await visitor.page.getByRole('group', { name: 'End chat' }).getByRole('button', { name: 'End chat' }).click();
    await agent.hears('The visitor ended the conversation');
    await agent.page.goto(`${node.console}#history`);
    await agent.page.getByRole('link', { name: /Liis/ }).first().click();
    await slider.waitFor();
    await clean('a recording beside its transcript', agent.page);
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
