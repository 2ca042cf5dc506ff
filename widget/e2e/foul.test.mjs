// A visitor's page that means harm, and an agent who helps there: nothing that
// the page does with the agent's acts reaches the agent's own screen, and what is
// not done is said.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { launchChromium } from './lib/browsers.mjs';
import { guiding } from './lib/guiding.mjs';
import { startNode } from './lib/node.mjs';
import { openAgent, openVisitor, until } from './lib/people.mjs';

const page = readFileSync(new URL('pages/foul.html', import.meta.url), 'utf8');

describe('a page that means harm', { timeout: 180_000 }, () => {
  let browser, node, agent, visitor, guide;
  const opened = []; // pages, dialogs and downloads at the agent's
  const dialogs = []; // at the visitor's

  before(async () => {
    node = await startNode();
    browser = await launchChromium();
    agent = await openAgent(browser, node);
    await agent.serve();
    visitor = await openVisitor(browser, node);
    await visitor.context.grantPermissions(['local-network-access']); // see lib/frameworks.mjs
    await visitor.context.route('**/shop/foul', (route) =>
      route.fulfill({ contentType: 'text/html; charset=utf-8', body: page.replaceAll('{{node}}', node.base) }),
    );
    await visitor.context.route('https://evil.example/**', (route) =>
      route.fulfill({ contentType: 'text/html', body: '<title>evil</title>' }),
    );
    visitor.page.on('dialog', (dialog) => {
      dialogs.push(dialog.message());
      void dialog.dismiss();
    });
    await visitor.ask('Liis');
    await agent.accept();
    await visitor.allow();
    await visitor.at('foul');
    guide = guiding(agent, visitor);
    await harm();
    await guide.allowed('Fill in');
    await guide.allowed('Click');
    await visitor.page.getByRole('button', { name: 'Minimise' }).click();
    agent.context.on('page', (it) => opened.push(it.url()));
    agent.page.on('dialog', (it) => opened.push(it.message()));
    agent.page.on('download', (it) => opened.push(it.url()));
    agent.page.on('framenavigated', (it) => opened.push(it.url()));
  });
  after(async () => {
    await browser?.close();
    await node?.stop();
  });

  const harm = () =>
    agent.mirror().getByRole('heading', { name: 'A page that means harm' }).waitFor({ state: 'attached' });
  const noted = () => visitor.page.evaluate('noted.join()');

  /** The agent presses an element with the click tool, and is told why that was not done. */
  async function refused(selector, why) {
    await agent.page.getByRole('button', { name: 'Close' }).evaluateAll((all) => {
      for (const it of all) it.click();
    });
    await guide.tool('Click');
    await guide.press(agent.mirror().locator(selector));
    await agent.page.getByText(why).first().waitFor();
    assert.match(visitor.page.url(), /\/shop\/foul$/, selector);
  }

  /** The console is where it was, has its focus, and nothing opened there. */
  async function untouched(what) {
    assert.equal(agent.page.url().startsWith(node.console), true, what);
    assert.deepEqual(opened, [], what);
    assert.equal(
      await agent.page.evaluate(() => document.hasFocus() && document.activeElement.localName !== 'iframe'),
      true,
      what,
    );
  }

  test('patched setters and stolen focus change the page’s own field only', async () => {
    await guide.tool('Fill in');
    await guide.press(guide.mirrored('Patched'));
    await guide.editor.pressSequentially('abc', { delay: 80 });
    await until(
      'what the page made of it',
      () => guide.value('Patched'),
      (text) => /a.*b.*c/.test(text),
    );
    assert.equal(await guide.editor.evaluate((el) => el === document.activeElement), true, 'the editor lost the focus');
    await until(
      'the editor shows it',
      () => guide.editor.inputValue(),
      (text) => text.includes('!'),
    );
    assert.match(await noted(), /set a/);
    await agent.page.keyboard.press('Escape');
    await untouched('a patched setter');
  });

  test('a form whose fields are called like what a browser is asked is filled in like another', async () => {
    const text = () =>
      visitor.page.evaluate(
        'Object.getOwnPropertyDescriptor(Node.prototype, "textContent").get.call(document.querySelector("#named"))',
      );
    await guide.press(agent.mirror().locator('#named'));
    await guide.editor.press('End');
    await guide.editor.pressSequentially(' text', { delay: 30 });
    await until('the text', text, (value) => value === 'Bold and plain text');
    await agent.page.keyboard.press('Escape');
    await guide.tool('Inspect');
    await guide.press(agent.mirror().locator('#named'));
    await agent.page.locator('.inspect-card').getByText('Bold and plain text').waitFor();
    await agent.page.keyboard.press('Escape');
    await guide.tool('Fill in');
    await untouched('names of a form');
  });

  test('a list without end is bounded, and can be chosen from', async () => {
    await guide.press(guide.mirrored('Giant'));
    await guide.editor.waitFor();
    assert.equal(await guide.editor.locator('option').count(), 1000);
    await guide.editor.selectOption('42');
    await until(
      'the choice',
      () => guide.value('Giant'),
      (text) => text === '42',
    );
    await agent.page.keyboard.press('Escape');
    await untouched('a giant list');
  });

  test('what leads out of the site is not clicked, and the agent is told', async () => {
    for (const id of ['away', 'script', 'blank', 'file', 'submit', 'within'])
      await refused(`#${id}`, 'That leads out of the site.');
    assert.notEqual(await visitor.page.title(), 'ran');
    assert.equal(visitor.context.pages().length, 1);
    await untouched('links');
  });

  test('files are the visitor’s alone', async () => {
    await refused('#files', 'nothing can be done there');
    await untouched('a file field');
  });

  test('what the visitor cannot see is not clicked', async () => {
    await visitor.page.evaluate(() => document.body.classList.add('veiled'));
    await agent.page.waitForTimeout(300);
    await agent
      .mirror()
      .locator('#veil')
      .evaluate((el) => el.remove()); // the agent sees what is below
    await refused('#covered', 'Something lies over it');
    assert.doesNotMatch(await noted(), /covered/);
    await visitor.page.evaluate(() => document.body.classList.remove('veiled'));
    await untouched('an overlay');
  });

  test('dialogs, alerts and windows stay on the visitor’s side', async () => {
    await guide.tool('Click');
    const popup = visitor.context.waitForEvent('page'); // this browser blocks none
    await guide.press(agent.mirror().locator('#popup'));
    await (await popup).close();
    await visitor.page.bringToFront();
    await harm();
    await agent.page.waitForTimeout(500); // what was hidden is shown anew
    await guide.press(agent.mirror().locator('#alerts'));
    await until(
      'the alerts',
      () => dialogs.length,
      (n) => n === 3,
    );
    await guide.press(agent.mirror().locator('#dialog'));
    await agent.mirror().locator('dialog[open]').waitFor({ state: 'attached' });
    await agent.page.waitForTimeout(500);
    await untouched('dialogs');
    await visitor.page.evaluate(() => {
      document.querySelector('dialog').close();
      window.onbeforeunload = null;
    });
  });

  test('a page that goes elsewhere upon a click takes the visitor, and not the agent', async () => {
    await guide.press(agent.mirror().locator('#late'));
    await visitor.page.waitForURL('https://evil.example/');
    await agent.page.waitForTimeout(500);
    await untouched('a redirect');
    await guide.press(agent.mirror().locator('#covered'));
    await agent.page.waitForTimeout(300);
    await untouched('an act without a page');
    const said = await agent.log();
    assert.match(said, /Clicked “Redirect on a press”/, 'the transcript says what was clicked');
  });
});
