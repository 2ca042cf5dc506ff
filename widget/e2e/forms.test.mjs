// An agent fills in forms of four frameworks, whose own models hear of it; and
// the demo shop's forms are completed by both in turn.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { launchChromium } from './lib/browsers.mjs';
import { frameworks, serveFrameworks } from './lib/frameworks.mjs';
import { guiding } from './lib/guiding.mjs';
import { startNode } from './lib/node.mjs';
import { openAgent, openVisitor, until } from './lib/people.mjs';

describe('forms', { timeout: 240_000 }, () => {
  let browser, node, agent, visitor, guide;

  before(async () => {
    node = await startNode();
    browser = await launchChromium();
    agent = await openAgent(browser, node);
    await agent.serve();
    visitor = await openVisitor(browser, node);
    await serveFrameworks(visitor, node);
    await visitor.ask('Liis');
    await agent.accept();
    await visitor.allow();
    await visitor.at('loan.html');
    guide = guiding(agent, visitor);
    await guide.mirrored('Full name').waitFor({ state: 'attached' });
    await guide.allowed('Fill in');
    await guide.allowed('Click');
    await guide.tool('Fill in');
    await visitor.page.getByRole('button', { name: 'Minimise' }).click();
  });
  after(async () => {
    await browser?.close();
    await node?.stop();
  });

  /** The agent fills in a field and leaves it. */
  async function write(label, text) {
    await guide.press(guide.mirrored(label));
    await guide.editor.waitFor();
    if (await guide.editor.evaluate((el) => el.localName === 'select')) await guide.editor.selectOption(text);
    else await guide.editor.fill(text);
    await until(
      label,
      () => guide.value(label),
      (value) => value === text,
    );
    await agent.page.keyboard.press('Escape');
    await guide.editor.waitFor({ state: 'detached' });
  }

  for (const name of frameworks) {
    test(`${name} notices what the agent fills in, ticks and clicks`, async () => {
      await visitor.at(`frameworks/${name}`);
      const model = (want) =>
        until(
          `the model of ${name}`,
          async () => JSON.parse(await visitor.page.locator('#model').textContent()),
          (have) => Object.entries(want).every(([key, value]) => have[key] === value),
        );
      await model({ name: '', plan: 'small', terms: false, by: 'post', day: '' });
      await agent.mirror().getByRole('heading', { name }).waitFor({ state: 'attached' });
      await guide.mirrored('Full name').waitFor({ state: 'attached' });
      await write('Full name', 'Li');
      await model({ name: 'Li' });
      await visitor.page.getByRole('alert').getByText('Too short').waitFor(); // it heard that the field was left
      await guide.press(guide.mirrored('Full name'));
      await guide.editor.press('End');
      await guide.editor.pressSequentially('is', { delay: 40 });
      await model({ name: 'Liis' });
      await agent.page.keyboard.press('Escape');
      await visitor.page.getByText('Too short').waitFor({ state: 'detached' });
      await write('Plan', 'large');
      await guide.press(guide.mirrored('Terms'));
      await guide.press(guide.mirrored('By e-mail'));
      await write('Day', '2026-12-24');
      await model({ name: 'Liis', plan: 'large', terms: true, by: 'mail', day: '2026-12-24' });
      await visitor.page.getByLabel('Full name', { exact: true }).press('End');
      await visitor.page.keyboard.type(' Lill');
      await model({ name: 'Liis Lill', plan: 'large', terms: true, by: 'mail', day: '2026-12-24' });
      await until(
        'the mirror',
        () => guide.mirrored('Full name').inputValue(),
        (text) => text === 'Liis Lill',
      );
      await guide.tool('Click');
      await guide.press(agent.mirror().getByRole('button', { name: 'Clear' }));
      await model({ name: '', plan: 'large' });
      await guide.tool('Fill in');
    });
  }

  test('a rental is booked by both in turn', async () => {
    await visitor.at('booking.html');
    const own = (label) => visitor.page.getByLabel(label, { exact: true });
    await agent.mirror().getByRole('heading', { name: 'Book a rental' }).waitFor({ state: 'attached' });
    await write('What', 'karu');
    await own('From').fill('2027-06-01');
    await write('Until', '2027-06-03');
    await own('Collect at').selectOption('12:00');
    await write('People', '3');
    await own('Dry bag and map, €12').check();
    await guide.press(guide.mirrored('Life jackets or helmets, €8'));
    await own('Your name').fill('Liis');
    await write('E-mail', 'liis@pood.example');
    await own('Anything we should know').fill('Two children');
    await guide.press(guide.mirrored('Anything we should know'));
    await guide.editor.press('End');
    await guide.editor.pressSequentially(' and a dog', { delay: 20 });
    await until(
      'the note',
      () => own('Anything we should know').inputValue(),
      (text) => text === 'Two children and a dog',
    );
    await agent.page.keyboard.press('Escape');
    await until(
      'the price',
      () => visitor.page.locator('#b-total').textContent(),
      (text) => text === '€164',
    );
    await guide.tool('Click');
    await guide.press(agent.mirror().getByRole('button', { name: 'Book', exact: true }));
    await visitor.page.getByText('Booked for Liis, to be collected at 12:00.').waitFor();
    await guide.tool('Fill in');
  });

  test('a loan is applied for by both in turn, mistakes and all', async () => {
    await visitor.at('loan.html');
    const own = (label) => visitor.page.getByLabel(label, { exact: true });
    await agent.mirror().getByRole('heading', { name: 'Pay monthly' }).waitFor({ state: 'attached' });
    await write('Amount, €', '2400');
    await own('Full name').fill('Liis Lill');
    await own('Personal code').fill('49912310007'); // masked: the visitor's alone
    await write('E-mail', 'liis@');
    await own('E-mail').press('End');
    await visitor.page.keyboard.type('pood.example');
    await write('Phone', '+372 5555 5555');
    await own('Work').selectOption('Employed');
    await write('Income a month, €', '12');
    await own('I have read the terms').check();
    await guide.tool('Click');
    await guide.press(agent.mirror().getByRole('button', { name: 'Apply' }));
    await until(
      'the complaint',
      () => own('Income a month, €').getAttribute('aria-invalid'),
      (said) => said === 'true',
    );
    await guide.tool('Fill in');
    await write('Income a month, €', '1900');
    await visitor.page.getByRole('button', { name: 'Apply' }).click();
    await visitor.page.getByText('Thank you, Liis Lill.').waitFor();
    const said = await agent.log();
    assert.match(said, /Clicked “Apply”/);
    assert.doesNotMatch(said, /pood\.example|2400|1900/, 'the transcript holds what was filled in');
  });
});
