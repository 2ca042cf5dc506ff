// A visitor and an agent on two nodes of a cluster, in real Chromium, through the
// death and the drain of each: core nodes, and then nodes that are edges only.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { launchChromium } from './lib/browsers.mjs';
import { startCluster } from './lib/cluster.mjs';
import { openAgent, openVisitor, until } from './lib/people.mjs';

for (const edges of [[], ['e1', 'e2']]) {
  describe(edges.length ? 'edges of a cluster' : 'a cluster of three', { timeout: 180_000 }, () => {
    let browser, cluster, agent, visitor;
    const said = [];

    before(async () => {
      cluster = await startCluster(['n1', 'n2', 'n3'], edges);
      browser = await launchChromium();
      agent = await openAgent(browser, cluster.faces[1]);
      await agent.page.getByRole('button', { name: /round trip/ }).waitFor();
      await agent.serve();
      visitor = await openVisitor(browser, cluster.faces[0]);
    });
    after(async () => {
      await browser?.close();
      await cluster?.stop();
    });

    async function talk(from, to, text) {
      said.push(text);
      const at = Date.now();
      await from.say(text);
      await to.hears(text);
      return Date.now() - at;
    }

    /** The visitor fills in the field, and the agent sees it. */
    async function shown(text) {
      await visitor.page.getByLabel('Field').fill(text);
      const field = agent.mirror().getByLabel('Field');
      await until(
        'the page',
        () => field.inputValue().catch(() => null),
        (value) => value === text,
      );
    }

    /** What the policy of a mirror's document refuses of a picture from anywhere and of a style. */
    const refusedIn = (frame) =>
      frame.evaluate(async ({ contentDocument: page }) => {
        const refused = [];
        page.addEventListener('securitypolicyviolation', ({ effectiveDirective, blockedURI }) =>
          refused.push(`${effectiveDirective} ${new URL(blockedURI).origin}`),
        );
        const add = (name, values) => page.body.append(Object.assign(page.createElement(name), values));
        add('img', { src: 'https://elsewhere.example/a.png' });
        add('style', { textContent: 'body { color: red }' });
        await new Promise((done) => setTimeout(done, 300));
        return refused;
      });

    /** The node that the visitor is connected to. */
    async function visited() {
      for (let tries = 0; tries < 100; tries++) {
        for (const node of cluster.nodes) if ((await node.visitors()) > 0) return node;
        await new Promise((done) => setTimeout(done, 50));
      }
      assert.fail('the visitor is nowhere');
    }

    if (edges.length)
      test('each goes to the nearest edge, and stays there', async () => {
        const [far, near] = cluster.faces;
        for (const node of cluster.nodes) cluster.distances.set(node.base, node === near ? 5 : 80);
        const [liis, mari] = await Promise.all([openVisitor(browser, far), openAgent(browser, far)]);
        await until(
          'the nearest edge is known',
          () => liis.page.evaluate(() => localStorage.getItem('kohe:shop:near')),
          (edges) => edges && JSON.parse(edges)[0] === near.base,
        );
        await liis.ask('Liis');
        assert.equal((await visited()).name, near.name);
        await mari.page.getByRole('button', { name: /round trip/ }).click();
        await mari.page.getByText(near.name, { exact: true }).first().waitFor();
        await mari.page.getByRole('button', { name: /WebTransport, round trip/ }).waitFor();
        await liis.page.reload();
        await until('the visitor is there again', near.visitors, (n) => n === 1);
        assert.equal(await far.visitors(), 0);
        await liis.page.getByRole('button', { name: 'End chat' }).click();
        await liis.page.getByRole('group', { name: 'End chat' }).getByRole('button', { name: 'End chat' }).click();
        await liis.page
          .getByRole('button', { name: 'Start chat' })
          .or(liis.page.getByText('You ended'))
          .first()
          .waitFor();
        for (const who of [liis, mari]) await who.context.close();
        cluster.distances.clear();
      });

    test('they talk across two nodes, and the page is seen', async () => {
      await visitor.ask('Liis');
      await agent.accept();
      await visitor.page.getByText('Mari joined the chat.').waitFor();
      await talk(visitor, agent, 'from one node');
      await talk(agent, visitor, 'to another');
      assert.equal((await visited()).name, cluster.faces[0].name);
      await visitor.allow();
      await shown('seen');
    });

    test('the node of the visitor dies', async (t) => {
      await cluster.faces[0].kill();
      const ms = await talk(visitor, agent, 'said to a dead node');
      await talk(agent, visitor, 'and answered');
      t.diagnostic(`the agent heard what was said to a dead node after ${ms} ms`);
      await shown('seen again');
      await cluster.faces[0].start();
      await cluster.settled();
    });

    test('the node of the visitor is stopped for maintenance', async (t) => {
      const node = await visited();
      const gone = node.kill('SIGTERM');
      let worst = 0;
      for (let i = 0; i < 10; i++) worst = Math.max(worst, await talk(visitor, agent, `while it drains ${i}`));
      await gone;
      t.diagnostic(`${node.name} was drained; the slowest of ten messages meanwhile took ${worst} ms`);
      await node.start();
      await cluster.settled();
    });

    test('the node of the agent dies', async (t) => {
      await cluster.faces[1].kill();
      const ms = await talk(agent, visitor, 'through another node');
      await talk(visitor, agent, 'that is well');
      t.diagnostic(`the visitor heard what was said to a dead node after ${ms} ms`);
      await shown('seen without the node of the console');
    });

    test('without the node that served the console, history and the page are opened anew', async () => {
      await agent.page.getByRole('link', { name: 'History' }).click();
      await agent.page.getByRole('searchbox').fill('to another');
      await agent.page.getByRole('link', { name: /Liis.*to another/ }).click();
      await agent.page.getByRole('region', { name: 'Transcript' }).getByText('and answered').waitFor();
      await agent.page.getByRole('link', { name: /^Desk/ }).click();
      await agent.page.getByRole('button', { name: /Liis/ }).first().click();
      await shown('drawn without the node of the console');
      const frame = agent.page.locator('.mirror-stage iframe');
      assert.equal(await frame.getAttribute('src'), '/kohe/kept/shop');
      assert.equal(await frame.getAttribute('sandbox'), 'allow-same-origin');
      assert.deepEqual(await refusedIn(frame), ['img-src https://elsewhere.example'], 'the site’s policy came along');
      await agent.page.getByRole('button', { name: /round trip/ }).click();
      await agent.page.getByText('The node that this console came from does not answer.').waitFor();
    });

    test('nothing is lost, nothing doubled', async () => {
      for (const [who, page] of [
        ['visitor', visitor.page],
        ['agent', agent.page],
      ]) {
        const text = await page.getByRole('log').textContent();
        for (const line of said) assert.equal(text.split(line).length - 1, 1, `${who}: "${line}" once`);
      }
    });
  });
}
