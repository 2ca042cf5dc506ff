// Two visitors before the click, on two edges of a cluster, as an agent at one of
// them sees them: pages, changes of page, an invitation.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { clean } from './lib/axe.mjs';
import { launchChromium } from './lib/browsers.mjs';
import { startCluster } from './lib/cluster.mjs';
import { openAgent, openVisitor } from './lib/people.mjs';

describe('who is on the site', { timeout: 120_000 }, () => {
  let browser, cluster, agent, liis, jaan;

  before(async () => {
    cluster = await startCluster(['n1'], ['e1', 'e2'], ['--visitors']);
    browser = await launchChromium();
    agent = await openAgent(browser, cluster.faces[0]);
    await agent.serve();
    await agent.page.getByRole('link', { name: 'Visitors' }).click();
  });
  after(async () => {
    await browser?.close();
    await cluster?.stop();
  });

  const row = (text) => agent.page.getByRole('main').getByRole('listitem').filter({ hasText: text }).first();

  /** Opens a visitor's page whose quiet socket goes to one edge. */
  async function visit(face, path) {
    const others = cluster.faces.filter((other) => other !== face);
    const visitor = await openVisitor(browser, face, { tap: false });
    await visitor.page.evaluate(
      (nodes) => {
        localStorage.setItem('kohe:shop:near', JSON.stringify(nodes));
        localStorage.setItem('kohe:shop:near-at', JSON.stringify(Date.now()));
      },
      [face, ...others].map(({ base }) => base),
    );
    await visitor.at(path);
    return visitor;
  }

  test('visitors on two edges are there', async () => {
    await agent.page.getByText('Nobody is on the site now').waitFor();
    liis = await visit(cluster.faces[0], 'boats');
    jaan = await visit(cluster.faces[1], 'bikes?colour=red');
    await row('/boats').waitFor();
    await row('/bikes').waitFor();
    await agent.page.getByText('2 here now').waitFor();
  });

  test('a change of page is seen soon, with the page before', async (t) => {
    await jaan.page.evaluate(() => history.pushState({}, '', '/basket'));
    await row('/basket').waitFor({ timeout: 5000 });
    await jaan.at('loan');
    await jaan.page.getByRole('button', { name: /Chat with us/ }).waitFor();
    const at = Date.now();
    await row('/loan').waitFor({ timeout: 5000 });
    const ms = Date.now() - at;
    t.diagnostic(`seen ${ms} ms after the button was there`);
    assert.ok(ms < 3000, `the new page was seen after ${ms} ms`); // of which two scripts were loaded
    await row('/loan').getByText('3 pages before').click();
    await row('/loan').getByRole('listitem').filter({ hasText: '/basket' }).waitFor();
    await agent.page.getByText('2 here now').waitFor();
  });

  test('the list is searched', async () => {
    await agent.page.getByRole('searchbox').fill('BOAT');
    await row('/loan').waitFor({ state: 'detached' });
    await row('/boats').waitFor();
    await agent.page.getByRole('searchbox').fill('');
    await row('/loan').waitFor();
    await clean('the visitors', agent.page);
  });

  test('one is invited, declines, and is not asked again', async () => {
    await row('/boats')
      .getByRole('button', { name: /^Invite/ })
      .click();
    await liis.page.getByText('Mari: hello! Can I help you?').waitFor();
    await row('/boats').getByText('Invited').waitFor();
    await liis.page.getByRole('button', { name: 'No, thanks' }).click();
    await row('/boats').getByText('Declined').waitFor();
    await liis.at('boats-2');
    await row('/boats-2').getByText('Declined').waitFor();
  });

  test('the other is invited by keyboard at another edge, accepts, and is in a chat', async () => {
    const letters = /· (\S+)/.exec(await row('/loan').getByRole('heading').textContent())[1];
    const invite = row('/loan').getByRole('button', { name: /^Invite/ });
    await invite.focus();
    await agent.page.keyboard.press('Enter');
    await jaan.page.getByText('Mari: hello! Can I help you?').waitFor();
    await clean('the invitation', jaan.page);
    await jaan.page.getByRole('button', { name: 'Yes, please' }).click();
    await jaan.page.getByLabel('Name or nickname').fill('Jaan');
    await jaan.page.getByRole('button', { name: 'Start chat' }).click();
    await agent.page.getByRole('link', { name: 'Visitors' }).waitFor();
    await row('/loan').getByText('Has the chat open').waitFor(); // whose, only supervisors of the department are told
    await row('/loan').getByText(`was ${letters}`).waitFor();
    await agent.page.getByText('2 here now').waitFor();
  });

  test('who accepted can be invited again after the chat', async () => {
    await jaan.page.getByRole('button', { name: 'End chat' }).click();
    await jaan.page.getByRole('group', { name: 'End chat' }).getByRole('button', { name: 'End chat' }).click();
    await jaan.page.getByRole('button', { name: 'Minimise' }).click();
    await row('/loan')
      .getByRole('button', { name: /^Invite/ })
      .click();
    await jaan.page.getByText('Mari: hello! Can I help you?').waitFor();
  });

  test('who is in a chat stays on the list when they move to another edge', async () => {
    const ene = await visit(cluster.faces[1], 'dinghies');
    await ene.ask('Ene');
    await row('/dinghies').getByText('Has the chat open').waitFor();
    await cluster.faces[1].kill('SIGTERM');
    await agent.page.waitForTimeout(4000); // for that edge's own rows to be over
    await row('/dinghies').getByText('Has the chat open').waitFor({ timeout: 1000 });
    await agent.page.getByText('3 here now').waitFor();
  });

  test('who leaves is gone', async () => {
    await liis.context.close();
    await row('/boats-2').waitFor({ state: 'detached', timeout: 5000 });
  });
});
