// An agent acts on the visitor's page as far as the visitor lets them, in two
// real Chromium contexts.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { launchChromium } from './lib/browsers.mjs';
import { startNode } from './lib/node.mjs';
import { openAgent, openVisitor, until } from './lib/people.mjs';

describe('guiding', { timeout: 120_000 }, () => {
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
    await visitor.at('loan.html');
    await agent.mirror().getByLabel('Full name').waitFor({ state: 'attached' });
  });
  after(async () => {
    await browser?.close();
    await node?.stop();
  });

  const tool = (name) => agent.page.getByRole('radio', { name, exact: true }).click();
  const asked = (text) => visitor.page.getByRole('alertdialog').getByText(text).waitFor();
  const answer = (name) => visitor.page.getByRole('alertdialog').getByRole('button', { name }).click();
  const events = (who) => who.page.getByRole('log').textContent();
  const value = (label) => visitor.page.getByLabel(label, { exact: true }).inputValue();

  /** Clicks on the glass where a field or button of the mirror is. */
  async function press(target) {
    await target.scrollIntoViewIfNeeded();
    const box = await target.boundingBox();
    await agent.page.mouse.click(box.x + Math.min(box.width / 2, 60), box.y + box.height / 2);
  }
  const field = (label) => agent.mirror().getByLabel(label, { exact: true });

  /** Where the middle of an element is on the visitor's screen. */
  const middle = (locator) =>
    locator.boundingBox().then((box) => box && { x: box.x + box.width / 2, y: box.y + box.height / 2 });

  test('nothing is done before the visitor allows it', async () => {
    await tool('Fill in');
    await asked('May Mari fill in fields with you?');
    await press(field('Full name'));
    assert.equal(await agent.page.locator('.mirror-editor').count(), 0);
    await answer('Allow');
    await visitor.page.locator('.pill').getByText('May fill in').waitFor();
  });

  test('a field is filled in together, and the page notices', async () => {
    await press(field('Full name'));
    await agent.page.locator('.mirror-editor').pressSequentially('Liis Lill', { delay: 30 });
    await until(
      'the field',
      () => value('Full name'),
      (text) => text === 'Liis Lill',
    );
    await agent.page.keyboard.press('Enter');
    await visitor.page.getByLabel('Full name').fill('Liis Kask');
    await until(
      'the visitor’s own text',
      () => field('Full name').inputValue(),
      (text) => text === 'Liis Kask',
    );
    await press(field('Work'));
    await agent.page.locator('.mirror-editor').selectOption('Studying');
    await until(
      'the choice',
      () => value('Work'),
      (text) => text === 'Studying',
    );
    await press(field('Months: 24').or(agent.mirror().locator('#l-months')));
    await press(agent.mirror().getByLabel('I have read the terms'));
    await until('the box', () => visitor.page.getByLabel('I have read the terms').isChecked(), Boolean);
    await until(
      'the transcript',
      () => agent.log(),
      (text) => /Filled in “Full name”/.test(text),
    );
    assert.doesNotMatch(await agent.log(), /Lill/, 'the transcript holds what was filled in');
  });

  test('what is masked cannot be touched, and says so where it is pressed', async () => {
    await press(field('Personal code'));
    await agent.page.getByText('This field is hidden from you. The visitor fills it in.').waitFor();
    assert.equal(await agent.page.locator('.mirror-editor').count(), 0);
    const [note, box] = [
      await agent.page.locator('.glass-note').boundingBox(),
      await field('Personal code').boundingBox(),
    ];
    assert.ok(Math.abs(note.y - box.y) < 120 && Math.abs(note.x - box.x) < 300, JSON.stringify({ note, box }));
    assert.equal(await value('Personal code'), '');
  });

  test('the agent’s hand is where they point, at any width', async () => {
    await tool('Point');
    await asked('May Mari show you things on this page?');
    await answer('Allow');
    await visitor.page.locator('.pill').getByText('May fill in, point').waitFor();
    for (const width of [1280, 820, 390]) {
      await visitor.page.setViewportSize({ width, height: 800 });
      const email = visitor.page.getByLabel('E-mail', { exact: true });
      await email.scrollIntoViewIfNeeded();
      await agent.page.waitForTimeout(600); // the mirror follows
      await field('E-mail').scrollIntoViewIfNeeded();
      const box = await field('E-mail').boundingBox();
      const hand = visitor.page.locator('.hand');
      await until(
        `the hand at ${width}`,
        async () => {
          await agent.page.mouse.move(box.x + box.width / 2, box.y + box.height / 2 + Math.random());
          const [at, want] = [await hand.boundingBox(), await middle(email)];
          return at && want && { dx: Math.round(at.x - want.x), dy: Math.round(at.y - want.y) };
        },
        (off) => off && Math.abs(off.dx) <= 12 && Math.abs(off.dy) <= 12,
      );
    }
    await visitor.page.setViewportSize({ width: 1280, height: 800 });
  });

  test('a level is refused for the session, and taken back with Escape', async () => {
    await tool('Click');
    await asked('May Mari click for you on this page?');
    await answer('Not now');
    await until(
      'the agent hears it',
      () => agent.log(),
      (text) => /did not allow clicking/.test(text),
    );
    await tool('Look');
    await tool('Click');
    await agent.page.getByText('Liis said no to that.').waitFor();
    assert.equal(await visitor.page.getByRole('alertdialog').count(), 0, 'the visitor is asked again');
    await visitor.page.keyboard.press('Escape');
    await until(
      'all is taken back',
      () => events(visitor),
      (text) => /Filling in: taken back/.test(text),
    );
    await tool('Fill in');
    await press(field('E-mail'));
    await agent.page.waitForTimeout(300);
    assert.equal(await agent.page.locator('.mirror-editor').count(), 0);
    assert.equal(await value('E-mail'), '');
  });
});
