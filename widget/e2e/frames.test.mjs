// A frame of another origin that carries the snippet, in a shared page: the agent
// sees what is in it, and only pages that it names are shown it.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createServer } from 'node:http';
import { after, before, describe, test } from 'node:test';
import { launchChromium } from './lib/browsers.mjs';
import { binary, startNode } from './lib/node.mjs';
import { openAgent, openVisitor, secrets, until } from './lib/people.mjs';

describe('frames of another origin', { timeout: 120_000 }, () => {
  const servers = [];
  let node, browser, agent, visitor, shop, pay, other, foreign;

  /** Serves pages by their paths on an origin of its own. */
  async function serve(host, pages) {
    const server = createServer(({ url }, response) => {
      response.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' });
      response.end(`<!doctype html>${pages()[url] ?? '<p>No snippet here'}`);
    });
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    servers.push(server);
    return `http://${host}:${server.address().port}`;
  }

  before(async () => {
    node = await startNode();
    const snippet = `<script async src="${node.base}/kohe.js" data-site="demo"></script>`;
    const named = () => snippet.replace('data-site', `data-shown-in="${shop} ${foreign}" data-site`);
    pay = await serve('localhost', () => ({
      '/pay': `<title>Pay</title><h1>Pay by card</h1><label>Street <input id="street"></label><label>Password <input type="password" id="password"></label><button onclick="said.textContent='Paid in full'">Pay</button><p id="said"></p><p data-kohe-mask>${secrets.card}</p>${named()}`,
      '/done': `<title>Done</title><h1>Thank you</h1>${named()}`,
    }));
    const framed = `<h1>Shop</h1><iframe id="frame" src="${pay}/pay" width="500" height="300" style="border:7px solid"></iframe>`;
    shop = await serve('127.0.0.1', () => ({ '/': `<title>Shop</title>${framed}${snippet}`, '/bare': framed }));
    other = await serve('127.0.0.1', () => ({ '/': framed })); // of the site, and not named by the frame
    foreign = await serve('127.0.0.1', () => ({ '/': framed })); // named by the frame, and not of the site
    execFileSync(binary, [
      'site',
      'add',
      'demo',
      `--data=${node.data}`,
      `--origin=${[shop, pay, other, new URL(node.shop).origin]}`,
      '--department=demo-sales',
    ]);
    browser = await launchChromium();
    agent = await openAgent(browser, node);
    visitor = await openVisitor(browser, { ...node, shop: `${shop}/` });
    await agent.serve();
    await visitor.ask('Liis');
    await agent.accept();
  });
  after(async () => {
    await browser?.close();
    for (const server of servers) server.close();
    await node?.stop();
  });

  const inside = () => visitor.page.frameLocator('#frame');
  const seen = () => agent.mirror().frameLocator('iframe').locator('html');
  const shows = (text) => seen().getByText(text).waitFor({ timeout: 15_000 });
  const empty = () =>
    until(
      'the frame is empty',
      () =>
        agent
          .mirror()
          .locator('iframe')
          .evaluate((frame) => frame.contentDocument.documentElement?.outerHTML ?? ''),
      (html) => html === '',
    );

  test('is seen with the page, as it changes and is typed into, without what is masked', async () => {
    await visitor.allow();
    await shows('Pay by card');
    await inside().locator('#street').fill('Pikk 1');
    await inside().locator('#password').fill(secrets.password);
    await inside().getByRole('button').click();
    await shows('Paid in full');
    const values = await seen()
      .locator('input')
      .evaluateAll((fields) => fields.map(({ value }) => value));
    assert.equal(values[0], 'Pikk 1');
    assert.match(values[1], /^•+$/);
    assert.match(await seen().textContent(), /•{4}/);
    const bytes = visitor.bytes();
    assert.ok(bytes.includes('Pikk 1') || bytes.includes('Paid in full'), 'the search finds what is sent');
    for (const secret of Object.values(secrets)) assert.ok(!bytes.includes(secret), 'a secret was sent');
  });

  test('has no button of its own meanwhile', async () => {
    assert.equal(await inside().getByRole('button', { name: /Chat/ }).count(), 0);
    assert.equal(await visitor.page.locator('kohe-widget').count(), 1);
  });

  test('tells where the pointer is in it', async () => {
    const frame = await visitor.page.locator('#frame').evaluate((el) => ({
      x: el.getBoundingClientRect().x + el.clientLeft,
      y: el.getBoundingClientRect().y + el.clientTop,
    }));
    const field = await inside()
      .locator('#street')
      .evaluate((el) => el.getBoundingClientRect().toJSON());
    const [x, y] = [frame.x + field.x + 20, frame.y + field.y + 8];
    await visitor.page.mouse.move(x, y, { steps: 3 });
    const numbers = (text) => text.match(/-?[\d.]+/g).map(Number);
    const style = (of) => agent.page.locator(of).evaluate(({ style: { transform } }) => transform);
    const [left, top, scale] = numbers(await style('.mirror-stage iframe'));
    await until(
      'the pointer is over the field',
      async () => numbers(await style('.kohe-cursor')),
      (at) => Math.abs(at[0] - left - x * scale) < 1 && Math.abs(at[1] - top - y * scale) < 1,
    );
    assert.equal(await seen().locator('#street[kohe-hover]').count(), 1);
  });

  test('is seen by an agent who comes later', async () => {
    await agent.page.reload();
    await shows('Paid in full');
  });

  test('is another one when it goes on, empty where the snippet is not, and there again', async () => {
    const go = (url) =>
      visitor.page.locator('#frame').evaluate((frame, to) => {
        frame.src = to;
      }, url);
    await go(`${pay}/done`);
    await shows('Thank you');
    assert.equal(await seen().getByText('Pay by card').count(), 0);
    await go(`${pay}/elsewhere`);
    await empty();
    await go(`${pay}/pay`);
    await shows('Pay by card');
    await visitor.page.locator('#frame').evaluate((frame) => frame.remove());
    await until(
      'the frame is gone',
      () => agent.mirror().locator('iframe').count(),
      (n) => n === 0,
    );
    await visitor.page.evaluate(
      (src) => document.body.append(Object.assign(document.createElement('iframe'), { src, id: 'frame' })),
      `${pay}/pay`,
    );
    await shows('Pay by card');
  });

  test('is empty or masked once a mask is on it', async () => {
    await visitor.page.locator('#frame').evaluate((frame) => frame.setAttribute('data-kohe-mask', ''));
    await until(
      'nothing is read in the frame',
      () =>
        agent
          .mirror()
          .locator('iframe')
          .evaluate((frame) => frame.contentDocument.documentElement?.textContent ?? ''),
      (text) => !/[a-z]/i.test(text),
    );
    await inside().locator('#street').fill('Tartu 9');
    await empty();
    assert.ok(!visitor.bytes().includes('Tartu'));
  });

  test('comes again with the next page, and shows nothing once sharing ends', async () => {
    await visitor.page.reload();
    await shows('Pay by card');
    await inside().locator('#street').fill('Lai 2');
    await until(
      'the street',
      () => seen().locator('#street').inputValue(),
      (value) => value === 'Lai 2',
    );
    await visitor.page.getByRole('button', { name: 'Stop', exact: true }).first().click();
    await inside().getByRole('button', { name: /Chat/ }).waitFor();
    visitor.sent.length = 0;
    await inside().locator('#street').fill('Harju 3');
    await visitor.page.waitForTimeout(500);
    assert.ok(!visitor.bytes().includes('Harju'));
  });

  /** What a page hears that asks the frame in it to show itself. */
  const heard = async (address) => {
    const page = await visitor.context.newPage();
    await page.goto(address);
    const said = await page.evaluate(
      () =>
        new Promise((done) => {
          const calls = [];
          addEventListener('message', ({ data }) => calls.push(data.kohe));
          const ask = () =>
            document.getElementById('frame').contentWindow.postMessage({ kohe: 'show', site: 'demo' }, '*');
          const asking = setInterval(ask, 200);
          setTimeout(() => {
            clearInterval(asking);
            done(calls);
          }, 3000);
        }),
    );
    await page.close();
    return said;
  };

  test('is shown to pages of the site alone, and of these to those it names', async () => {
    assert.ok((await heard(`${shop}/bare`)).includes('shown'), 'this way of asking works');
    for (const page of [other, foreign]) assert.ok(!(await heard(`${page}/`)).includes('shown'), page);
  });
});
