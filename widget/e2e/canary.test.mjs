// A secret in every place of a page where something masked can be, each another
// one: none of them, nor a piece of one, leaves the browser.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { after, before, describe, test } from 'node:test';
import { launchChromium } from './lib/browsers.mjs';
import { pieces, readable, readFolder } from './lib/bytes.mjs';
import { startNode } from './lib/node.mjs';
import { openAgent, openVisitor, until } from './lib/people.mjs';

const template = readFileSync(new URL('pages/canary.html', import.meta.url), 'utf8');
const binary = new URL('../../bin/kohe', import.meta.url).pathname;
const piece = 7; // characters in a row that tell something

const plant = () => randomBytes(12).toString('base64url'); // so long that no piece of it is anywhere by chance

describe('canaries', { timeout: 60_000 }, () => {
  const canaries = new Map(); // what is planted, by the place
  const received = []; // at the agent
  const asked = []; // of the node over HTTP
  const seen = {}; // all that was found outside the visitor's browser, as text
  let node, site, browser, agent, visitor;

  before(async () => {
    node = await startNode();
    node.network.mode('no-udp'); // so that all frames pass through WebSockets
    site = await openSite();
    browser = await launchChromium();
    agent = await openAgent(listened(), node);
    visitor = await openVisitor(browser, { ...node, shop: site.address });
    await visitor.context.route('https://pages.example/**', (route) => route.fulfill({ body: '' }));
    visitor.context.on('request', (request) => {
      if (request.url().startsWith(node.base)) asked.push(request.url(), request.postData() ?? '');
    });
  });
  after(async () => {
    await browser?.close();
    site?.close();
    await node?.stop();
  });

  /** A site with the page full of canaries, and selectors of its own. */
  async function openSite() {
    const page = template.replaceAll(/\{\{(.+?)\}\}/g, (_, place) => {
      if (place === 'node') return node.base;
      canaries.set(place, plant());
      return canaries.get(place);
    });
    const server = createServer((_, response) => {
      response.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' });
      response.end(page);
    });
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    const origin = `http://127.0.0.1:${server.address().port}`;
    const options = { data: node.data, origin, department: 'demo-sales', mask: '.private,[data-secret]' };
    execFileSync(binary, [
      'site',
      'add',
      'demo',
      ...Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]),
    ]);
    return { address: `${origin}/`, close: () => server.close() };
  }

  /** The browser, with every frame that its pages receive noted. */
  function listened() {
    return {
      async newContext(options) {
        const context = await browser.newContext(options);
        context.on('page', (tab) => {
          tab.on('websocket', (socket) => {
            socket.on('framereceived', ({ payload }) => received.push(Buffer.from(payload)));
          });
        });
        return context;
      },
    };
  }

  const mirrored = (place) =>
    until(
      `the mirror shows ${place}`,
      () =>
        agent
          .mirror()
          .locator('html')
          .innerHTML()
          .catch(() => ''),
      (html) => html.includes(canaries.get(place)),
    );

  /** All that the mirror holds: markup, values, shadow roots, frames, sheets. */
  const inMirror = () =>
    agent
      .mirror()
      .locator('html')
      .evaluate((html) => {
        const parts = [];
        const read = (root) => {
          parts.push(root.documentElement?.outerHTML ?? root.innerHTML);
          for (const sheet of [...root.styleSheets, ...root.adoptedStyleSheets])
            parts.push(...[...sheet.cssRules].map((rule) => rule.cssText));
          for (const el of root.querySelectorAll('*')) {
            parts.push(el.value ?? '');
            for (const animation of el.getAnimations()) parts.push(JSON.stringify(animation.effect.getKeyframes()));
            for (const inner of [el.shadowRoot, el.contentDocument]) if (inner) read(inner);
          }
        };
        read(html.ownerDocument);
        return parts.join('\n');
      });

  test('a page full of secrets is shared, and changes in every way', async () => {
    await agent.serve();
    await visitor.ask('Liis');
    await agent.accept();
    canaries.set('open: a message', plant());
    await visitor.say(canaries.get('open: a message'));
    await agent.hears(canaries.get('open: a message'));
    await visitor.allow();
    await mirrored('open: a heading');
    for (const [id, place] of [
      ['new', 'a password that is typed'],
      ['password', 'a password that is filled in'],
    ]) {
      canaries.set(place, plant());
      await visitor.page.locator(`#${id}`).pressSequentially(canaries.get(place));
    }
    const steps = await visitor.page.evaluate('steps.length');
    for (let i = 0; i < steps; i++) {
      await visitor.page.evaluate((n) => {
        steps[n]();
        return new Promise((done) => requestAnimationFrame(done));
      }, i);
    }
    await mirrored('open: text that comes');
  });

  const everywhereButStored = () => Object.keys(seen).filter((where) => where !== 'the data folder');

  test('what is not masked is found everywhere', async () => {
    Object.assign(seen, {
      'what the visitor sent': visitor.sent.map((text) => readable(Buffer.from(text, 'latin1'))).join('\n') + asked,
      'the mirror': await inMirror(),
      'the data folder': readFolder(node.data),
    });
    await agent.page.reload(); // a console that comes late gets the page from the node's own copy
    await mirrored('open: text that comes');
    seen['the mirror'] += await inMirror();
    seen['what the agent received'] = received.map(readable).join('\n');
    for (const [place, canary] of canaries) {
      if (!place.startsWith('open: ')) continue;
      for (const where of place === 'open: a message' ? ['the data folder'] : everywhereButStored())
        assert.ok(seen[where].includes(canary), `${place} is not found in ${where}`);
    }
  });

  /** Where pieces of the secrets are that were planted in places with such names. */
  function leaks(named) {
    const planted = [...canaries].filter(([place]) => named(place));
    assert.ok(planted.length > 0);
    return Object.entries(seen).flatMap(([where, text]) =>
      planted.filter(([, canary]) => pieces(text, canary, piece).length > 0).map(([place]) => `${place}, in ${where}`),
    );
  }

  test('no secret is anywhere outside the browser', () => {
    assert.deepEqual(
      leaks((place) => !/^(open|name): /.test(place)),
      [],
    );
  });

  const why =
    'ids and classes, attributes of custom elements and sheets inside a mask travel as they are: rules refer to them';
  test('no secret is in the names of what is masked', { todo: why }, () => {
    assert.deepEqual(
      leaks((place) => place.startsWith('name: ')),
      [],
    );
  });
});
