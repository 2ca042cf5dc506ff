// A secret in every place of a page where something masked can be, each another
// one: none of them, nor a piece of one, leaves the browser. So it is where rules
// mask some of a page, and where all is masked; a page without masks shows that
// the search would find them.
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
import { pageMessages } from './lib/short.mjs';

const template = readFileSync(new URL('pages/canary.html', import.meta.url), 'utf8');
const binary = new URL('../../bin/kohe', import.meta.url).pathname;
const piece = 7; // characters in a row that tell something

const plant = () => randomBytes(12).toString('base64url'); // so long that no piece of it is anywhere by chance

/** A page without a mask of any kind. */
const bare = template
  .replace(/type="password"/gi, 'type="text"')
  .replace(/ (?:autocomplete|class)="[^"]*(?:password|cc-|CC-|code|private)[^"]*"/g, '')
  .replace(/ data-(?:kohe-mask|secret)\b/g, '');
const drawn = /data:image\/(?:png|webp|jpeg)/;
const masks = { mask: '.private,[data-secret]', canvas: 'true', images: 'img' };

/** Places have a word before them: open ones are shown always, all ones where rules mask some of a page. */
canariesIn('a page that rules mask', {
  page: template,
  settings: masks,
  secret: (place) => !/^(?:open|all): /.test(place),
});
canariesIn('a page that is masked as a whole', {
  page: template,
  settings: { ...masks, 'mask-all': 'true' },
  secret: (place) => !place.startsWith('open: '),
});
canariesIn('a page without masks', { page: bare, settings: { canvas: 'true' }, secret: null });

/** What leaves no page, masks or not: what is not shown, and what goes elsewhere. */
const never = [
  'a comment of the page, a script, a hidden input, a comment, a ping, an action, a hidden input in a mask, a formaction',
  "an object, an object's fallback, a template, noscript, text of our own, a blob",
].flatMap((list) => list.split(', '));
/** What the edge takes from any page. */
const refused = ['a download', 'a name of a frame', 'all: an icon', 'all: meta'];
const lasting = [
  'text of a paragraph',
  'alt',
  'an option',
  'an id',
  'a class',
  'content in a style element',
  'all: a placeholder',
];
const stored = ["the document's title", "the address's query", "the address's fragment", 'a title that comes'];

function canariesIn(name, { page: html, settings, secret }) {
  describe(name, { timeout: 120_000 }, () => {
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
      const plantAll = (text) =>
        text.replaceAll(/\{\{(.+?)\}\}/g, (_, place) => {
          if (place === 'node') return node.base;
          canaries.set(place, plant());
          return canaries.get(place);
        });
      const page = plantAll(html);
      const server = createServer((_, response) => {
        response.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' });
        response.end(page);
      });
      await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
      const origin = `http://127.0.0.1:${server.address().port}`;
      const origins = [origin, new URL(node.shop).origin]; // the demo's own pages stay among the site's
      const options = { data: node.data, origin: origins.join(), department: 'demo-sales' };
      execFileSync(binary, [
        'site',
        'add',
        'demo',
        ...Object.entries({ ...options, ...settings }).map(([name, value]) => `--${name}=${value}`),
      ]);
      return {
        address: plantAll(`${origin}/?q={{all: the address's query}}#{{all: the address's fragment}}`),
        close: () => server.close(),
      };
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
            for (const sheet of [...root.styleSheets, ...root.adoptedStyleSheets].filter(({ href }) => !href))
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
      await visitor.page.evaluate(() => {
        for (const el of document.querySelectorAll('[src]')) el.dispatchEvent(new Event('error'));
        return new Promise((done) => setTimeout(done, 1500)); // what could not be loaded is told within a second
      });
    });

    const everywhereButStored = () => Object.keys(seen).filter((where) => where !== 'the data folder');

    test('what is not masked is found everywhere', async () => {
      Object.assign(seen, {
        'what the visitor sent': [
          ...visitor.sent.map((text) => readable(Buffer.from(text, 'latin1'))),
          ...pageMessages(visitor.sent),
          ...asked,
        ].join('\n'),
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
        planted
          .filter(([, canary]) => pieces(text, canary, piece).length > 0)
          .map(([place]) => `${place}, in ${where}`),
      );
    }

    if (secret)
      test('no secret is anywhere outside the browser', () => {
        assert.deepEqual(leaks(secret), []);
        for (const [where, text] of Object.entries(seen))
          assert.ok(!drawn.test(text) || !settings['mask-all'], `a picture in ${where}`);
      });
    else
      test('every secret would be found', () => {
        const all = new Set(leaks(() => true));
        const missing = (where, places) => places.filter((place) => !all.has(`${place}, in ${where}`));
        const places = [...canaries.keys()].filter(
          (place) => !/^open: a message|password that is (?:typed|filled in)$/.test(place),
        ); // in pieces, or elsewhere
        assert.deepEqual(missing('what the visitor sent', places).sort(), never.toSorted());
        assert.deepEqual(missing('what the agent received', places).sort(), [...never, ...refused].sort());
        for (const where of everywhereButStored()) assert.match(seen[where], drawn);
        assert.deepEqual(missing('the mirror', lasting), []);
        assert.deepEqual(
          missing(
            'the data folder',
            stored.map((place) => `all: ${place}`),
          ),
          [],
        );
      });
  });
}
