// A visitor and an agent in one Chromium, told over stdin what to do: one command
// a line as JSON, each answered by one line on stdout. What runs the nodes and
// the network between them runs this where the browser is to be.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { createInterface } from 'node:readline';
import { launchChromium } from './lib/browsers.mjs';
import { openAgent, openVisitor, until } from './lib/people.mjs';

const pace = 210; // ms between two messages of one person: a client may ask twenty things a second, and a message is four

let browser, site;
const people = {};
const place = { shop: '', console: '', log: '' }; // log: what went wrong in the pages
const both = ['visitor', 'agent'];

/** Notes in a page when each message was first shown there, ms since 1970. Runs in the page. */
function listen(log) {
  const seen = new Map();
  globalThis.heard = seen;
  const note = (node) => {
    for (const [text] of (node.textContent ?? '').matchAll(/[va]-\d+-\d+\./g)) {
      if (!seen.has(text)) seen.set(text, Date.now());
    }
  };
  note(log);
  const watch = (changes) => {
    for (const { type, addedNodes, target } of changes) {
      for (const node of type === 'childList' ? addedNodes : [target]) note(node);
    }
  };
  new MutationObserver(watch).observe(log.getRootNode(), { childList: true, characterData: true, subtree: true });
}

const log = (who) => people[who].page.getByRole('log');

/** Says one message after another as soon as the one before has left the field. Runs in the page. */
function speak(field, { letter, round, pace }) {
  const root = field.getRootNode();
  const said = [];
  globalThis.said = said;
  globalThis.hushed = false;
  const { set } = Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, 'value');
  const drawn = () => new Promise((done) => setTimeout(done));
  const say = async () => {
    if (globalThis.hushed) return;
    const box = field.isConnected ? field : root.querySelector('textarea');
    const text = `${letter}-${round}-${said.length}.`;
    if (box) {
      set.call(box, text);
      box.dispatchEvent(new InputEvent('input', { bubbles: true }));
      await drawn();
      const at = Date.now();
      box.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true, cancelable: true }));
      await drawn();
      if (box.value !== text) said.push({ text, at });
    }
    setTimeout(say, pace);
  };
  void say();
}

const fields = {
  visitor: (page) => page.getByLabel('Write a message'),
  agent: (page) => page.getByPlaceholder('Write a reply'),
};

/** The edges that somebody's browser remembers, the nearest first, and how long after the page's start it knew, ms. */
async function edges(who) {
  const { page } = people[who];
  const read = (who) => {
    if (who === 'agent') return JSON.parse(localStorage.getItem('kohe.near'));
    const at = Number(localStorage.getItem('kohe:bench:near-at'));
    return at ? { at, nodes: JSON.parse(localStorage.getItem('kohe:bench:near')) } : null;
  };
  const near = await until(`edges near the ${who}`, () => page.evaluate(read, who), Boolean);
  return { nodes: near.nodes, took: near.at - (await page.evaluate(() => performance.timeOrigin)) };
}

const commands = {
  /**
   * Opens the site with the visitor's snippet, the console, and a session between the two;
   * if `near` is set, once both have found the edges that are near.
   */
  async meet({ visitor, agent, shop, rules, keyHash, cert, key, near }) {
    site = createServer({ cert: readFileSync(cert), key: readFileSync(key) }, (_, answer) => {
      answer.setHeader('Content-Type', 'text/html; charset=utf-8');
      answer.end(`<!doctype html><title>A page</title><h1>A page</h1><label>Field <input></label>
<script async src="${visitor}/kohe.js" data-site="bench"></script>`);
    });
    await new Promise((done) => site.listen(Number(new URL(shop).port), '127.0.0.1', done));
    browser = await launchChromium({
      args: [
        `--host-resolver-rules=${rules}`,
        `--ignore-certificate-errors-spki-list=${keyHash}`,
        '--webtransport-developer-mode', // WebTransport under a certificate authority of one's own
      ],
    });
    Object.assign(place, { shop: `${shop}/`, console: `${agent}/console/` });
    people.agent = await openAgent(browser, place, 'agent0');
    await people.agent.transport('WebTransport');
    await people.agent.serve();
    people.visitor = await openVisitor(browser, place, { tap: false });
    const found = near ? [await edges('visitor'), await edges('agent')] : [];
    await people.visitor.ask('Liis');
    await people.agent.accept();
    await people.visitor.page.getByText('joined the chat').waitFor();
    await people.visitor.allow();
    return {
      session: /[a-z2-7]{26}$/.exec(people.agent.page.url())?.[0],
      near: found.map(({ nodes }) => nodes),
      took: found.map(({ took }) => took),
    };
  },
  /** Loads both pages again as new tabs would, and each takes the node that is given for the nearest. */
  async home({ visitor, agent }) {
    await people.visitor.page.evaluate((node) => {
      sessionStorage.clear();
      localStorage.setItem('kohe:bench:near', JSON.stringify([node]));
      localStorage.setItem('kohe:bench:near-at', Date.now());
    }, visitor);
    await people.agent.page.evaluate((node) => {
      localStorage.setItem('kohe.near', JSON.stringify({ at: Date.now(), nodes: [node] }));
    }, agent);
    await Promise.all(Object.values(people).map(({ page }) => page.reload()));
  },
  /** Both talk from now on. */
  async talk({ round }) {
    for (const who of both) await log(who).evaluate(listen);
    for (const who of both) await fields[who](people[who].page).evaluate(speak, { letter: who[0], round, pace });
  },
  /** Both stop. */
  async hush() {
    for (const who of both) {
      await people[who].page.evaluate(() => {
        globalThis.hushed = true;
      });
    }
    await new Promise((done) => setTimeout(done, 4 * pace)); // for what was being written
  },
  /** What each has said, and when and in what order it was shown to each. */
  async heard() {
    const views = [];
    for (const who of both) {
      views.push(
        await log(who).evaluate((element) => ({
          said: globalThis.said,
          at: Object.fromEntries(globalThis.heard),
          lines: [...(element.textContent ?? '').matchAll(/[va]-\d+-\d+\./g)].map(([text]) => text),
        })),
      );
    }
    return { views, trouble: place.log };
  },
  async end() {
    await browser?.close();
    site?.close();
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { do: name, ...rest } = JSON.parse(line);
  let answer;
  try {
    answer = { ok: (await commands[name](rest)) ?? null };
  } catch (error) {
    answer = { error: String(error) };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
process.exit(0); // stdin has ended; a page's reload may still wait
