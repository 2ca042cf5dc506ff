// An operator in the console of a cluster of three processes, in real Chromium:
// sees the nodes, drains one, lets a node join, and sees one die.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { clean } from './lib/axe.mjs';
import { launchChromium } from './lib/browsers.mjs';
import { kohe, startCluster } from './lib/cluster.mjs';
import { freePort } from './lib/node.mjs';
import { openAgent, openVisitor, until } from './lib/people.mjs';

describe('an operator of a cluster', { timeout: 180_000 }, () => {
  let browser, cluster, first, page, visitor, agent;
  const row = (name) => page.getByRole('row', { name: new RegExp(`^${name} `) });
  const badge = (name) => row(name).locator('.nodes-badge');
  const cell = (name, label) => row(name).locator(`[data-label="${label}"]`);
  const shows = (name, state, timeout = 5000) =>
    until(
      name,
      () => badge(name).textContent(),
      (text) => text === state,
      timeout,
    );

  before(async () => {
    cluster = await startCluster(['n1', 'n2', 'n3']);
    first = cluster.nodes[0];
    kohe('agent', 'add', 'olga', '--name', 'Olga Saar', '--operator', '--data', first.data);
    browser = await launchChromium();
    ({ page } = await openAgent(browser, first, 'olga'));
    agent = await openAgent(browser, cluster.nodes[0]);
    visitor = await openVisitor(browser, cluster.nodes[0]);
  });
  after(async () => {
    await browser?.close();
    await cluster?.stop();
  });

  test('whoever is no operator is not led there and sees nothing', async () => {
    assert.equal(await agent.page.getByRole('link', { name: 'Nodes' }).count(), 0);
    await agent.page.goto(`${first.console}#nodes`);
    await agent.page.getByText('This page is for operators').waitFor();
    const status = await agent.page.evaluate(async () => (await fetch('/api/v1/nodes')).status);
    assert.equal(status, 403);
    await agent.page.goto(`${first.console}#desk`);
  });

  test('sees three nodes, their links, and who leads', async () => {
    await page.getByRole('link', { name: 'Nodes' }).click();
    await page.getByText('Everything is well.').waitFor();
    for (const name of ['n1', 'n2', 'n3']) {
      assert.match(await badge(name).textContent(), /^(Up|Leads)$/);
      assert.match(await cell(name, 'Disk free').textContent(), /[0-9.]+ .B/);
    }
    await page.getByText('3 of 3 voting nodes are there, 2 are needed').waitFor();
    const links = page.getByRole('table', { name: 'Links' }).getByRole('row');
    assert.equal(await links.count(), 1 + 3);
    assert.match(await links.nth(1).textContent(), /n1 → n2.* ms→ 0% {2}← 0%→ .+B {2}← .+B/);
    await clean('nodes', page);
    const size = page.viewportSize();
    for (const width of [390, 1024, 1440]) {
      await page.setViewportSize({ width, height: 700 });
      const beyond = await page.evaluate(() => document.documentElement.scrollHeight - window.innerHeight);
      assert.equal(beyond, 0, `at ${width} pixels the console itself scrolls`);
      if (process.env.KOHE_SHOTS) await page.screenshot({ path: `${process.env.KOHE_SHOTS}/nodes-${width}.png` });
    }
    await page.setViewportSize(size);
  });

  test('drains a node, whose people go on elsewhere, and lets people in again', async () => {
    await agent.serve();
    await visitor.ask('Liis');
    await agent.accept();
    await visitor.page.getByText('Mari joined the chat.').waitFor();
    await until(
      'who is there',
      () => cell('n1', 'Visitors').textContent(),
      (text) => text === '1',
    );
    await page.getByRole('button', { name: 'Drain: n1' }).click();
    const question = page.getByRole('dialog');
    await question.getByText('There now: in chat 1').waitFor();
    await clean('the question before a drain', page);
    await question.getByLabel('Spread over').selectOption({ label: 'At once' });
    await question.getByRole('button', { name: 'Drain', exact: true }).click();
    await shows('n1', 'Drained', 15_000);
    for (const label of ['Visitors', 'Agents']) assert.equal(await cell('n1', label).textContent(), '0');
    await visitor.say('still here');
    await agent.hears('still here');
    await agent.say('so am I');
    await visitor.hears('so am I');
    await page.getByRole('button', { name: 'Let people in: n1' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Let people in' }).click();
    await until(
      'n1 takes people again',
      () => badge('n1').textContent(),
      (text) => text !== 'Drained',
    );
  });

  test('hands leadership over', async () => {
    const leads = async () => (await page.locator('.nodes-cell strong').textContent()).split(' ')[0];
    const changes = async () =>
      Number(/Changes of leader in the last hour: (\d+)/.exec(await page.locator('.nodes-cell').textContent())?.[1]);
    const [before, counted] = [await leads(), await changes()];
    await page.getByRole('button', { name: 'Hand over leadership' }).click();
    await page.getByRole('button', { name: 'Hand over', exact: true }).click();
    await until('another leads', leads, (now) => /^n\d$/.test(now) && now !== before);
    await until('the change is counted', changes, (now) => now > counted);
    await page
      .locator('.nodes-cell')
      .getByText(/^for \d+ sec$/)
      .waitFor();
  });

  test('is told by the node what to do when it refuses', async () => {
    await page.route('**/api/v1/cell/hand-over', (route) =>
      route.fulfill({ status: 503, json: { code: 'unavailable', text: 'Start n9, which is missing.' } }),
    );
    await page.getByRole('button', { name: 'Hand over leadership' }).click();
    await page.getByRole('button', { name: 'Hand over', exact: true }).click();
    await page.getByRole('alert').getByText('Start n9, which is missing.').waitFor();
    await clean('a refusal', page);
    await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
    await page.unroute('**/api/v1/cell/hand-over');
  });

  test('makes a token, shown once, with which a node joins', async () => {
    const port = await freePort();
    await page.getByRole('button', { name: 'Add a node' }).click();
    const question = page.getByRole('dialog');
    await question.getByRole('radio', { name: 'Edge' }).click();
    await question.getByLabel('Name of the new node').fill('n4');
    await question.getByLabel(/Where the other nodes/).fill(`127.0.0.1:${port}`);
    await question.getByRole('button', { name: 'Show the command' }).click();
    const command = await question.getByLabel('Command for the new node').textContent();
    assert.match(command, /^kohe cluster join \S+ --node n4 --address 127\.0\.0\.1:\d+$/);
    await question.getByText(/Good for one node, until \d\d:\d\d/).waitFor();
    await clean('a join token', page);
    await question.getByRole('button', { name: 'Close' }).last().click();
    const folder = mkdtempSync(join(tmpdir(), 'kohe-e2e-'));
    try {
      kohe(...command.split(' ').slice(1), '--data', join(folder, 'n4'));
    } finally {
      rmSync(folder, { recursive: true });
    }
    await shows('n4', 'Gone'); // it was never started
    const token = command.split(' ')[3];
    for (const node of cluster.nodes) assert.ok(!node.log.includes(token), `${node.name} logged the token`);
    assert.ok(!(await page.content()).includes(token), 'the token is shown once');
  });

  test('removes a node that is gone only when its name is typed', async () => {
    await page.getByRole('button', { name: 'Remove: n4' }).click();
    const question = page.getByRole('dialog');
    const remove = question.getByRole('button', { name: 'Remove node' });
    const name = question.getByLabel('Type n4 to confirm');
    await name.fill('n3');
    await name.press('Enter');
    await remove.click({ force: true });
    await name.fill('n4');
    assert.ok(
      first.status().nodes.some(({ node }) => node === 'n4'),
      'another name removes nothing',
    );
    await remove.click();
    await question.waitFor({ state: 'detached' });
    await row('n4').waitFor({ state: 'detached' });
    await page.getByText('Everything is well.').waitFor();
  });

  test('sees within three seconds that a node died', async (t) => {
    await cluster.nodes[2].kill();
    const killed = Date.now();
    await shows('n3', 'Gone');
    const ms = Date.now() - killed;
    t.diagnostic(`the console showed it after ${ms} ms`);
    assert.ok(ms < 3000 + 500, `${ms} ms`); // half a second for the browser to draw
    await page.getByText('n3 cannot be reached.').waitFor();
    await clean('nodes with a dead one', page);
  });

  test('sees on through another node, and is told when none answers any more', async () => {
    await cluster.nodes[2].start();
    await shows('n3', 'Up', 20_000);
    await page.getByText('Everything is well.').waitFor({ timeout: 20_000 });
    await first.kill();
    await page.getByText('You see the nodes as another one sees them.').waitFor({ timeout: 30_000 });
    await shows('n1', 'Gone');
    await Promise.all(cluster.nodes.slice(1).map((node) => node.kill()));
    await page.getByText(/This node does not answer\. This is how the nodes were/).waitFor({ timeout: 30_000 });
  });
});

describe('an operator at a node that is an edge only', { timeout: 60_000 }, () => {
  let browser, cluster;
  before(async () => {
    cluster = await startCluster(['n1'], ['e1']);
    kohe('agent', 'add', 'olga', '--operator', '--data', cluster.nodes[0].data);
    browser = await launchChromium();
  });
  after(async () => {
    await browser?.close();
    await cluster?.stop();
  });

  test('is told that a core node is the place to operate from', async () => {
    const [core, edge] = cluster.nodes;
    const note = async (node) => {
      const { page } = await openAgent(browser, node, 'olga');
      await page.getByRole('link', { name: 'Nodes' }).click();
      await page.locator('.nodes-cell').waitFor();
      return { page, note: page.locator('.nodes-edge') };
    };
    const there = await note(edge);
    await there.note.getByText('You are connected to e1, an edge.').waitFor();
    assert.equal(await there.note.getByRole('link', { name: 'n1' }).getAttribute('href'), `${core.console}#nodes`);
    await clean('the nodes at an edge', there.page);
    const here = await note(core);
    assert.equal(await here.note.count(), 0);
  });
});
