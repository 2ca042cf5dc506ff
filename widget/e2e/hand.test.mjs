// An agent points, draws and looks around on the visitor's page, in two real
// Chromium contexts: what they show is where it belongs, and stays there.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { clean } from './lib/axe.mjs';
import { launchChromium } from './lib/browsers.mjs';
import { startNode } from './lib/node.mjs';
import { openAgent, openVisitor, until } from './lib/people.mjs';

const near = 12; // px that what is shown may be off

describe('pointing, drawing and looking around', { timeout: 180_000 }, () => {
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
    await visitor.page.getByRole('button', { name: 'Minimise' }).click();
    for (const [name, question] of [
      ['Point', 'May Mari show you things on this page?'],
      ['Arrow', 'May Mari draw on this page for you?'],
    ]) {
      await tool(name);
      await visitor.page.getByRole('alertdialog').getByText(question).waitFor();
      await visitor.page.getByRole('alertdialog').getByRole('button', { name: 'Allow' }).click();
      await granted(name);
    }
  });
  after(async () => {
    await browser?.close();
    await node?.stop();
  });

  const tool = (name) => agent.page.getByRole('radio', { name, exact: true }).click();
  const granted = (name) =>
    until(
      `${name} is allowed`,
      () => agent.page.getByRole('radio', { name, exact: true }).getAttribute('title'),
      (title) => /allowed/.test(title),
    );
  const follow = (on) =>
    until(
      'following',
      async () => {
        const button = agent.page.getByRole('button', { name: 'Follow the visitor' });
        const pressed = (await button.getAttribute('aria-pressed')) === 'true';
        if (pressed !== on) await button.click();
        return pressed;
      },
      (pressed) => pressed === on,
    );
  /** From now on, what is drawn with a tool does not fade. */
  async function drawingsStay(name) {
    await tool(name);
    const button = agent.page.getByRole('button', { name: 'Drawings stay' });
    if ((await button.getAttribute('aria-pressed')) !== 'true') await button.click();
  }
  const field = (label) => agent.mirror().getByLabel(label, { exact: true });
  const hand = () => visitor.page.locator('.hand[data-colour="0"]');
  const ink = () => visitor.page.locator('.ink');
  const scrolled = () => visitor.page.evaluate(() => scrollY);
  const mirrored = () =>
    agent
      .mirror()
      .locator('html')
      .evaluate((html) => html.scrollTop);

  /** Holds the button down at one place of the agent's screen and lets it go at another. */
  async function drag(from, to) {
    await agent.page.mouse.move(...from);
    await agent.page.mouse.down();
    for (let i = 1; i <= 8; i++)
      await agent.page.mouse.move(from[0] + ((to[0] - from[0]) * i) / 8, from[1] + ((to[1] - from[1]) * i) / 8);
    await agent.page.mouse.up();
  }

  /** Draws a box around a field of the mirror. */
  async function boxAround(label) {
    await tool('Box');
    const { x, y, width, height } = await field(label).boundingBox();
    await drag([x - 4, y - 4], [x + width + 4, y + height + 4]);
  }

  /** How far a shape's middle is from that of the element it was drawn around, and how much larger it is. */
  async function off(shape, label) {
    const [a, b] = [
      await shape.locator('path').last().boundingBox(),
      await visitor.page.getByLabel(label, { exact: true }).boundingBox(),
    ];
    if (!a || !b) return null;
    return {
      x: Math.round(a.x + a.width / 2 - b.x - b.width / 2),
      y: Math.round(a.y + a.height / 2 - b.y - b.height / 2),
      larger: a.width > b.width,
    };
  }
  const sticks = (what, shape, label) =>
    until(
      what,
      () => off(shape, label),
      (at) => at && Math.abs(at.x) <= near && Math.abs(at.y) <= near && at.larger,
    );

  /** Points at a field in the mirror until the hand is there on the visitor's page. */
  async function points(what, label) {
    await until(
      what,
      async () => {
        const box = await field(label).boundingBox();
        if (!box) return null;
        await agent.page.mouse.move(box.x + box.width / 2, box.y + box.height / 2 + Math.random());
        await agent.page.waitForTimeout(60);
        const [at, want] = [
          await hand().first().boundingBox({ timeout: 1_000 }),
          await visitor.page.getByLabel(label, { exact: true }).boundingBox(),
        ];
        return { x: Math.round(at.x - want.x - want.width / 2), y: Math.round(at.y - want.y - want.height / 2) };
      },
      (at) => at && Math.abs(at.x) <= near && Math.abs(at.y) <= near,
    );
  }

  test('the hand is where the agent points at any width, also while they look elsewhere', async () => {
    await tool('Point');
    for (const width of [1280, 820, 390]) {
      await visitor.page.setViewportSize({ width, height: 800 });
      await visitor.page.getByLabel('E-mail', { exact: true }).scrollIntoViewIfNeeded();
      await agent.page.waitForTimeout(500); // the mirror follows
      await field('E-mail').scrollIntoViewIfNeeded();
      await points(`following, ${width} wide`, 'E-mail');
      await follow(false);
      const frame = await agent.page.locator('.mirror-frame').boundingBox();
      await agent.page.mouse.move(frame.x + frame.width / 2, frame.y + frame.height / 3);
      await agent.page.mouse.wheel(0, 120);
      await agent.page.waitForTimeout(200);
      await points(`looking around, ${width} wide`, 'E-mail');
      await follow(true);
    }
    await visitor.page.setViewportSize({ width: 1280, height: 800 });
  });

  /** Scrolls the visitor's page to its top, and waits until the agent's mirror is there. */
  async function toTop() {
    await visitor.page.evaluate(() => scrollTo(0, 0));
    const read = async () => [
      await mirrored(),
      await agent
        .mirror()
        .locator('html')
        .evaluate((html) => html.clientWidth),
    ];
    const { width } = visitor.page.viewportSize();
    await until('the mirror is at the top', read, ([y, wide]) => y === 0 && Math.abs(wide - width) < 20);
  }

  test('a drawing fades, and the transcript says once that something was drawn', async () => {
    await toTop();
    await boxAround('Full name');
    await ink().first().waitFor();
    await until(
      'it fades',
      () => ink().count(),
      (n) => n === 0,
    );
    const log = await agent.log();
    assert.equal(log.match(/Drew on the page/g)?.length, 1);
  });

  test('what is drawn stays with its element when the page is laid out anew, and scrolls with it', async () => {
    await drawingsStay('Box');
    await boxAround('Full name');
    await ink().first().waitFor();
    await sticks('drawn', ink(), 'Full name');
    await visitor.page.setViewportSize({ width: 500, height: 700 });
    await sticks('in a narrow window', ink(), 'Full name');
    await visitor.page.evaluate(() => scrollTo(0, 150));
    await sticks('scrolled', ink(), 'Full name');
    const own = agent.page.locator('.overlay .ink path').last();
    await until(
      'the agent sees it there',
      async () => {
        const [a, b] = [await own.boundingBox(), await field('Full name').boundingBox()];
        return a && b && a.y + a.height / 2 - b.y - b.height / 2;
      },
      (y) => y !== null && Math.abs(y) < near,
    );
    await visitor.page.getByLabel('Full name').evaluate((el) => scrollBy(0, el.getBoundingClientRect().top - 5));
    await until(
      'under the page’s own header it is not seen',
      () => ink().isVisible(),
      (seen) => !seen,
    );
    await visitor.page.setViewportSize({ width: 1280, height: 800 });
    await toTop();
    await agent.page.getByRole('button', { name: 'Take drawings away' }).click();
    await until(
      'it is gone',
      () => ink().count(),
      (n) => n === 0,
    );
  });

  test('a drawing stays if it is to, is seen while it is drawn, and is taken away with all others', async () => {
    await drawingsStay('Arrow');
    const { x, y } = await field('Full name').boundingBox();
    await agent.page.mouse.move(x + 120, y - 40);
    await agent.page.mouse.down();
    await agent.page.mouse.move(x + 60, y - 10);
    await agent.page.mouse.move(x + 40, y + 5);
    await ink().first().waitFor();
    await agent.page.mouse.up();
    await boxAround('Amount, €');
    await agent.page.waitForTimeout(10_000); // longer than what fades
    assert.equal(await ink().count(), 2);
    await agent.page.reload();
    await until(
      'who comes later sees them',
      () => agent.page.locator('.overlay .ink').count(),
      (n) => n === 2,
    );
    await tool('Arrow');
    await agent.page.getByRole('button', { name: 'Take drawings away' }).click();
    await until(
      'cleared',
      async () => (await ink().count()) + (await agent.page.locator('.overlay .ink').count()),
      (n) => n === 0,
    );
  });

  test('looking around does not move the visitor, and one press goes back to them', async () => {
    await tool('Look');
    await visitor.page.evaluate(() => scrollTo(0, 60));
    await until('the mirror follows', mirrored, (top) => Math.abs(top - 60) < 2);
    const map = agent.page.getByRole('slider', { name: 'Overview of the page' });
    const box = await map.boundingBox();
    await agent.page.mouse.click(box.x + box.width / 2, box.y + box.height - 15);
    const end = await until('the end of the page', mirrored, (top) => top > 100);
    assert.equal(await scrolled(), 60, 'the visitor was moved');
    assert.equal(await agent.page.locator('.minimap-agent').count(), 1);
    await map.press('Home');
    await until('the top', mirrored, (top) => top === 0);
    await map.press('End');
    await until('the end again', mirrored, (top) => Math.abs(top - end) < 2);
    await visitor.page.evaluate(() => scrollTo(0, 90));
    await agent.page.waitForTimeout(400);
    assert.ok((await mirrored()) > 100, 'the agent was moved');
    await agent.page.getByRole('button', { name: 'Back to Liis' }).click();
    await until('back with the visitor', mirrored, (top) => Math.abs(top - 90) < 2);
  });

  test('a hint says where something is, and goes there when it is pressed', async () => {
    await visitor.page.evaluate(() => scrollTo(0, 0));
    await visitor.page.setViewportSize({ width: 1280, height: 420 });
    await agent.page.waitForTimeout(500);
    await tool('Point');
    await agent.page.getByRole('slider', { name: 'Overview of the page' }).press('End');
    await agent.page.waitForTimeout(300);
    const apply = await agent.mirror().getByRole('button', { name: 'Apply' }).boundingBox();
    await agent.page.mouse.click(apply.x + apply.width / 2, apply.y + apply.height / 2);
    const hint = visitor.page.getByRole('button', { name: 'Mari points to something below' });
    await hint.waitFor();
    assert.equal(await scrolled(), 0, 'the page scrolled without the level');
    await clean('the visitor’s page with a hint and a hand', visitor.page);
    await agent.page.mouse.click(apply.x + apply.width / 2, apply.y + apply.height / 2);
    await hint.press('Enter');
    await until('the visitor is there', scrolled, (top) => top > 100);
    await until(
      'the hint has gone',
      () => hint.count(),
      (n) => n === 0,
    );
  });

  test('with the level the page scrolls by itself, but not while the visitor scrolls', async () => {
    await visitor.page.evaluate(() => scrollTo(0, 0));
    await tool('Bring here');
    await visitor.page.getByRole('alertdialog').getByRole('button', { name: 'Allow' }).click();
    await granted('Bring here');
    const apply = await agent.mirror().getByRole('button', { name: 'Apply' }).boundingBox();
    const bring = () => agent.page.mouse.click(apply.x + apply.width / 2, apply.y + apply.height / 2);
    await visitor.page.mouse.move(300, 200);
    await visitor.page.mouse.wheel(0, 10);
    await bring();
    await visitor.page.getByRole('button', { name: 'Mari points to something below' }).waitFor();
    assert.ok((await scrolled()) < 100, 'the page was scrolled under the visitor’s hands');
    await visitor.page.waitForTimeout(1_600);
    await bring();
    await until('the visitor is there', scrolled, (top) => top > 100);
    await visitor.page.setViewportSize({ width: 1280, height: 800 });
    await follow(true);
  });

  test('the page is zoomed with the keys while it has the focus', async () => {
    await tool('Look');
    const frame = agent.page.locator('.mirror-frame');
    const width = () => agent.page.locator('.mirror-stage').evaluate((stage) => stage.offsetWidth);
    const fits = await width();
    await frame.focus();
    await agent.page.keyboard.press('Control+Equal');
    await until('larger', width, (now) => now > fits);
    await agent.page.keyboard.press('Control+Minus');
    await agent.page.keyboard.press('Control+0');
    await until('fits again', width, (now) => now === fits);
  });

  test('all tools can be used with the keys, and nothing stands in the way of assistive technology', async () => {
    for (const [key, name] of [
      ['p', 'Point'],
      ['w', 'Arrow'],
      ['x', 'Box'],
      ['d', 'Pen'],
      ['b', 'Bring here'],
    ]) {
      await agent.page.locator('.page-state').click();
      await agent.page.keyboard.press(key);
      assert.ok(await agent.page.getByRole('radio', { name, exact: true }).isChecked(), name);
      await clean(`the console with ${name}`, agent.page);
    }
    await agent.page.keyboard.press('d');
    const glass = agent.page.getByRole('application');
    await glass.focus();
    for (const stroke of ['ArrowLeft', 'Space', 'Shift+ArrowRight', 'Shift+ArrowRight', 'Space'])
      await agent.page.keyboard.press(stroke);
    await ink().first().waitFor();
  });

  test('what is masked can be pointed at, and drawings go with their page', async () => {
    await tool('Point');
    await points('at a masked field', 'Personal code');
    await boxAround('Full name'); // it stays
    await until(
      'the agent sees it',
      () => agent.page.locator('.overlay .ink').count(),
      (n) => n > 0,
    );
    await visitor.page.reload();
    await field('Full name').waitFor({ state: 'attached' });
    await until(
      'they are gone',
      async () => (await ink().count()) + (await agent.page.locator('.overlay .ink').count()),
      (n) => n === 0,
    );
    await granted('Point');
  });

  test('a colleague points in another colour, and each sees the other', async () => {
    const colleague = await openAgent(browser, node, 'supervisor');
    await colleague.page.getByText('Liis').first().click();
    await colleague.mirror().getByLabel('Full name', { exact: true }).waitFor({ state: 'attached' });
    assert.equal(await colleague.page.getByRole('radio', { name: 'Fill in', exact: true }).count(), 0);
    await colleague.page.getByRole('radio', { name: 'Point', exact: true }).click();
    const box = await colleague.mirror().getByLabel('Full name', { exact: true }).boundingBox();
    const both = async () => {
      await colleague.page.mouse.move(box.x + 40, box.y + 4 + Math.random());
      await points('the agent’s own', 'E-mail');
      return Promise.all([
        visitor.page.locator('.hand').evaluateAll((all) =>
          all
            .map((one) => one.dataset.colour)
            .sort()
            .join(),
        ),
        agent.page.locator('.overlay .hand').count(),
        colleague.page.locator('.overlay .hand').count(),
      ]);
    };
    await tool('Point');
    await until('both hands', both, (seen) => seen.join(' ') === '0,1 1 1');
    await visitor.page.locator('.hand[data-colour="1"]').getByText('Juhan').waitFor();
    const under = await visitor.page
      .locator('.layer')
      .evaluate(
        (layer) => layer === layer.parentElement.firstElementChild && getComputedStyle(layer).zIndex === 'auto',
      );
    assert.ok(under, 'an agent can draw over the visitor’s buttons');
    await clean('the visitor’s page with two hands', visitor.page);
    await colleague.context.close();
  });

  test('drawings and hands go when the visitor takes the levels back', async () => {
    await boxAround('Full name');
    await ink().first().waitFor();
    await visitor.page.keyboard.press('Escape');
    await until(
      'nothing is left',
      async () =>
        (await ink().count()) +
        (await visitor.page.locator('.hand').count()) +
        (await agent.page.locator('.overlay .ink').count()),
      (n) => n === 0,
    );
    await boxAround('Full name');
    await agent.page.waitForTimeout(500);
    assert.equal(await ink().count(), 0);
  });
});
