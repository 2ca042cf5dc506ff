// What support sees of a visitor's page: what its elements say, and what goes
// wrong on it.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { clean } from './lib/axe.mjs';
import { launchChromium } from './lib/browsers.mjs';
import { guiding } from './lib/guiding.mjs';
import { startNode } from './lib/node.mjs';
import { openAgent, openVisitor, until } from './lib/people.mjs';

describe('what support sees', { timeout: 120_000 }, () => {
  let browser, node, agent, visitor, guide;

  before(async () => {
    node = await startNode();
    browser = await launchChromium();
    agent = await openAgent(browser, node);
    await agent.serve();
    visitor = await openVisitor(browser, node);
    await visitor.ask('Liis');
    await agent.accept();
    await visitor.allow();
    await visitor.at('loan.html');
    guide = guiding(agent, visitor);
    await guide.mirrored('Full name').waitFor({ state: 'attached' });
  });
  after(async () => {
    await browser?.close();
    await node?.stop();
  });

  const card = (who) => who.page.locator('.inspect-card');

  test('an element says what it is, its state and what is wrong with it; nobody is asked', async () => {
    await visitor.page.getByLabel('Income a month, €', { exact: true }).fill('12');
    await visitor.page.getByRole('button', { name: 'Apply' }).click();
    await until(
      'the complaint',
      () => guide.mirrored('Income a month, €').getAttribute('aria-invalid'),
      (said) => said === 'true',
    );
    await guide.tool('Inspect');
    assert.equal(await visitor.page.getByRole('alertdialog').count(), 0);
    await guide.press(guide.mirrored('Income a month, €'));
    await card(agent).getByText('Income a month, €').waitFor();
    const said = await card(agent).textContent();
    assert.match(said, /number/);
    assert.match(said, /required/);
    assert.match(said, /not valid/);
    await guide.press(agent.mirror().getByRole('link', { name: 'Book a rental' }).first());
    await card(agent)
      .getByText(/Leads to .*booking\.html/)
      .waitFor();
    await clean('an inspected element', agent.page);
  });

  test('the arrow keys go from control to control, and Enter fills in', async () => {
    await agent.page.getByRole('application', { name: 'Elements of the page of Liis' }).focus();
    await agent.page.keyboard.press('Escape');
    await card(agent).waitFor({ state: 'detached' });
    await agent.page.keyboard.press('ArrowDown');
    await card(agent).getByText('Skip to content').waitFor();
    await agent.page.keyboard.press('ArrowUp');
    await until(
      'another one',
      () => card(agent).textContent(),
      (text) => !/Skip to content/.test(text),
    );
    const name = visitor.page.getByLabel('Full name', { exact: true });
    for (let i = 0; i < 40 && !/Full name/.test(await card(agent).textContent()); i++)
      await agent.page.keyboard.press('ArrowDown');
    await agent.page.keyboard.press('Enter');
    await visitor.page.getByRole('alertdialog').getByRole('button', { name: 'Allow' }).click();
    await visitor.page.locator('.pill').getByText('May fill in').waitFor();
    await agent.page.keyboard.press('Enter');
    await guide.editor.waitFor();
    await agent.page.keyboard.type('Liis', { delay: 30 });
    await until(
      'the visitor’s field',
      () => name.inputValue(),
      (text) => text === 'Liis',
    );
    await agent.page.keyboard.press('Escape');
    await guide.editor.waitFor({ state: 'detached' });
    await agent.page.keyboard.press('ArrowDown'); // the focus came back
    await until(
      'the next control',
      () => card(agent).textContent(),
      (text) => !/Full name/.test(text),
    );
    await guide.tool('Look');
    await card(agent).waitFor({ state: 'detached' });
  });

  test('errors and failed requests of the page are listed, without what is the visitor’s', async () => {
    await visitor.page.evaluate(async () => {
      await fetch('/favicon.ico').catch(() => undefined);
      const icon = document.createElement('link');
      Object.assign(icon, { rel: 'icon', href: '/shop/no-such-icon.png' });
      document.head.append(icon);
      await fetch(icon.href).catch(() => undefined); // the browser's own request shows in few of them
      await fetch('/shop/no-such-thing?code=39912310007').catch(() => undefined);
      const image = new Image();
      image.src = '/shop/no-such-picture.png';
      document.body.append(image);
      setTimeout(() => {
        throw new Error('No price for liis@pood.example, card 4111 2222 3333 4444\nsecond line');
      });
      void Promise.reject(new Error('The basket is gone'));
    });
    const button = agent.page.getByRole('button', { name: /errors? on the page/ });
    await until(
      'all four',
      () => button.textContent(),
      (text) => text.includes('4 errors'),
    );
    await button.click();
    const list = agent.page.locator('.faults-list');
    const said = await list.textContent();
    for (const want of [
      'Request failed: 404',
      '/shop/no-such-thing',
      '/shop/no-such-picture.png',
      'No price for …',
      'The basket is gone',
    ])
      assert.ok(said.includes(want), `${want}: ${said}`);
    assert.doesNotMatch(said, /39912310007|liis@|4111|second line/);
    assert.doesNotMatch(said, /icon/);
    assert.doesNotMatch(visitor.bytes(), /4111 2222/);
    await clean('the list of errors', agent.page);
  });
});
