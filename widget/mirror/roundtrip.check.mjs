// What the visitor has and what the mirror shows stay the same through random
// changes, in real Chromium: `node mirror/roundtrip.check.mjs [rounds] [seed]`.
// With --record FILE the messages are written out, for the Go tests.
import { writeFileSync } from 'node:fs';
import { build } from 'esbuild';
import { chromium } from 'playwright-core';

const args = process.argv.slice(2);
const record = args.includes('--record') ? args.splice(args.indexOf('--record'), 2)[1] : null;
const [rounds = 60, seed = 7] = args.map(Number);
const here = (file) => new URL(file, import.meta.url).pathname;

async function bundle(entry, globalName) {
  const { outputFiles } = await build({
    entryPoints: [here(entry)],
    bundle: true,
    format: 'iife',
    globalName,
    write: false,
    target: 'es2022',
  });
  return outputFiles[0].text;
}

const page = `<!doctype html><html lang="et"><head><meta charset="utf-8"><title>Round trip</title>
<style>.on{color:red}p:hover{color:blue}</style></head><body>
<main id="main"><h1>Round trip</h1><form><input name="a" value="x"><input type="checkbox"><textarea>t</textarea>
<select><option>1<option selected>2<option>3</select><input type="password" value="top secret"></form>
<ul>${Array.from({ length: 40 }, (_, i) => `<li data-k="${i}">item <b>${i}</b> of many</li>`).join('')}</ul>
<div data-kohe-mask>nobody <i title="hidden words">sees</i> this</div><svg viewBox="0 0 10 10"><g><path d="M0 0h5"/></g></svg></main>
<script>window.harmless = 1</script><!-- nor this --></body></html>`;

/** Runs in the visitor's page: one round of changes. */
function mutate(seed) {
  let state = seed;
  const random = (n) => {
    state = (state * 1103515245 + 12345) & 0x7fffffff;
    return Math.floor((state / 0x7fffffff) * n) % n;
  };
  const main = document.getElementById('main');
  const all = () => [...main.querySelectorAll('*')].filter((e) => !e.closest('select,textarea,svg,form'));
  const pick = () => all()[random(all().length)] ?? main;
  const word = () => 'amber birch cedar délta ember 😀 fjord'.split(' ')[random(7)];
  const name = () => word().replace(/[^a-z]/g, ''); // a mask that sticks lets no other names through
  const steps = [
    () => pick().append(word()),
    () =>
      pick().insertAdjacentHTML(
        'afterbegin',
        `<section class="${name()}"><p>${word()} <em>${word()}</em></p><!-- c --><script>1</script></section>`,
      ),
    () => {
      const e = pick();
      if (e.parentNode !== main) e.remove();
    },
    () => {
      const e = pick();
      const to = pick();
      if (!e.contains(to)) to.insertBefore(e, to.childNodes[random(to.childNodes.length + 1)] ?? null);
    },
    () => {
      const e = pick();
      const wrap = document.createElement('div');
      e.replaceWith(wrap);
      wrap.append(word(), e);
    },
    () => {
      const e = pick();
      e.replaceWith(...e.childNodes);
    },
    () => {
      const list = main.querySelector('ul');
      if (list) for (const li of [...list.children].sort(() => random(3) - 1)) list.append(li);
    },
    () => {
      const t = document.createTreeWalker(main, 4);
      let n;
      for (let i = random(40); i >= 0; i--) n = t.nextNode() ?? n;
      if (n?.parentElement && !n.parentElement.closest('svg,select,textarea'))
        n.data = n.data.slice(0, random(5)) + word() + n.data.slice(3);
    },
    () => pick().classList.toggle('on'),
    () => pick().setAttribute(`data-${random(4)}`, word()),
    () => pick().removeAttribute(`data-${random(4)}`),
    () => {
      const e = pick();
      e.style.setProperty('--k', String(random(100)));
    },
    () => {
      const f = main.querySelector('input[name=a]');
      if (f) f.value += word();
    },
    () => {
      const f = main.querySelector('input[type=checkbox]');
      if (f) f.checked = !f.checked;
    },
    () => {
      const f = main.querySelector('select');
      if (f) f.selectedIndex = random(3);
    },
    () => {
      const f = main.querySelector('textarea');
      if (f) f.value = `${word()}\n${word()}`;
    },
    () => {
      const e = document.createElement('div');
      pick().append(e);
      e.attachShadow({ mode: 'open' }).innerHTML = `<p>${word()}</p><slot></slot>`;
      e.append(word());
    },
    () => {
      const hosts = all().filter((e) => e.shadowRoot);
      if (hosts.length) hosts[random(hosts.length)].shadowRoot.firstChild?.append(word());
    },
    () => {
      // A script says what is in the slot, and much of it is still to come.
      const e = document.createElement('div');
      e.attachShadow({ mode: 'open', slotAssignment: 'manual' }).innerHTML = '<slot></slot>';
      for (let i = 0; i < 12; i++) e.append(document.createElement('b'));
      e.shadowRoot.firstChild.assign(...[...e.children].slice(random(6)).reverse());
      pick().append(e);
    },
    () => {
      pick().textContent = word();
    },
    () => {
      // What is known goes into what is new, and there is much of that.
      const e = pick();
      const box = document.createElement('div');
      e.before(box);
      for (let i = 0; i < 40; i++) box.append(document.createElement('i'), word());
      box.insertBefore(e, box.childNodes[random(80)]);
    },
    () => {
      const e = pick();
      e.normalize();
    },
    () => {
      const e = pick();
      if (e.parentNode) {
        const p = e.parentNode;
        const s = e.nextSibling;
        e.remove();
        e.append(word());
        p.insertBefore(e, s);
      }
    },
    () => {
      const e = pick();
      if (!/sees|nobody/.test(e.textContent)) pick().append(e.cloneNode(true));
    }, // a copy outside the mask is not masked
  ];
  for (let i = 1 + random(12); i > 0; i--) steps[random(steps.length)]();
  if (all().length > 400) for (const box of [...main.querySelectorAll('i + i')]) box.remove();
  if (all().length > 500) main.querySelector('ul')?.remove();
  if (all().length > 900) main.replaceChildren('start again');
}

/** Runs on both sides: the document as lines, as far as it travels. */
function lines(doc) {
  const out = [];
  const walk = (node, depth) => {
    const pad = ' '.repeat(depth);
    if (node.nodeType === 3) out.push(pad + JSON.stringify(node.data.toWellFormed())); // a lone surrogate arrives as U+FFFD
    if (node.nodeType !== 1) return;
    if (['script', 'noscript', 'kohe-x'].includes(node.localName)) {
      out.push(`${pad}<kohe-x>`);
      return;
    }
    const attrs = [...node.attributes].filter((a) => !a.name.startsWith('kohe-'));
    out.push(
      `${pad}<${node.localName} ${attrs
        .map((a) => `${a.name}=${a.value}`)
        .sort()
        .join(' ')}>`,
    );
    if (node.localName === 'input' || node.localName === 'textarea')
      out.push(`${pad} value ${node.value} ${node.checked}`);
    if (node.localName === 'slot') out.push(`${pad} assigned ${node.assignedNodes().length}`);
    if (node.localName === 'select') out.push(`${pad} chosen ${node.selectedIndex}`);
    if (node.localName === 'textarea' || node.localName === 'style') return;
    if (node.shadowRoot) {
      out.push(`${pad}#shadow`);
      for (const c of node.shadowRoot.childNodes) walk(c, depth + 1);
    }
    for (const c of node.childNodes) walk(c, depth + 1);
  };
  walk(doc.documentElement, 0);
  return out;
}

/** Whether two lines are alike. What was masked once stays so in the mirror, wherever it goes. */
const alike = (a, b) => a === b || (b?.includes('•') && a.search(/\S/) === b.search(/\S/));

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: [
    '--no-sandbox',
    '--disable-gpu',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ],
});
let failed = '';
const recorded = [];
try {
  const context = await browser.newContext();
  const visitor = await context.newPage();
  const agent = await context.newPage();
  for (const [name, tab] of [
    ['visitor', visitor],
    ['agent', agent],
  ])
    tab.on('pageerror', (e) => {
      failed ||= `${name}: ${e.stack}`;
    });
  await context.route('**/*', (r) =>
    r.fulfill({
      contentType: 'text/html; charset=utf-8',
      body: r.request().url().endsWith('/v') ? page : '<!doctype html><body></body>',
    }),
  );
  await visitor.goto('http://127.0.0.1:9/v');
  await agent.goto('http://127.0.0.1:9/agent');
  await visitor.bringToFront();
  await visitor.evaluate(`${await bundle('../capture/index.ts', 'kapture')};window.kapture=kapture;0`);
  await agent.evaluate(
    `${await bundle('./index.ts', 'kmirror')};window.gaps=0;window.mirror=kmirror.create(document.body,{onGap(){gaps++}});0`,
  );
  await visitor.evaluate(() => {
    // Time flies: each look at the clock takes 2 ms, so that even small changes come in slices.
    let now = performance.now();
    performance.now = () => {
      now += 2;
      return now;
    };
    window.out = [];
    kapture.start((m) => out.push(m));
  });
  const frames = () => new Promise((r) => requestAnimationFrame(() => requestAnimationFrame(r)));
  for (let round = 0; round <= rounds && !failed; round++) {
    if (round > 0) await visitor.evaluate(`(${mutate})(${seed * 1000 + round})`);
    if (round % 3 === 0) await visitor.evaluate(frames); // else the end of the frame is not waited for
    const messages = await visitor.evaluate(() => {
      kapture.flush();
      return out.splice(0).map((m) => Array.from(m));
    });
    recorded.push(...messages.map((m) => Buffer.from(m).toString('base64')));
    if (
      messages.some(
        (m) =>
          Buffer.from(m).includes('top secret') ||
          Buffer.from(m).includes('hidden words') ||
          Buffer.from(m).includes('nobody'),
      )
    )
      failed = `round ${round}: something masked left the page`;
    await agent.evaluate(async (ms) => {
      for (const m of ms) await mirror.apply(new Uint8Array(m));
    }, messages);
    const [a, b, gaps] = [
      await visitor.evaluate(`(${lines})(document)`),
      await agent.evaluate(`(${lines})(mirror.view().contentDocument)`),
      await agent.evaluate('gaps'),
    ];
    const at = a.findIndex((line, i) => !alike(line, b[i]));
    if (gaps) failed ||= `round ${round}: the mirror refused a message`;
    if (at >= 0 || a.length !== b.length) {
      const i = at < 0 ? Math.min(a.length, b.length) : at;
      failed ||= `round ${round}, line ${i}\nvisitor:\n${a.slice(Math.max(0, i - 4), i + 4).join('\n')}\nmirror:\n${b.slice(Math.max(0, i - 4), i + 4).join('\n')}`;
    }
  }
} finally {
  await browser.close();
}
if (record) writeFileSync(record, `${JSON.stringify(recorded)}\n`);
if (failed) {
  console.error(`roundtrip: ${failed}`);
  process.exit(1);
}
console.log(`roundtrip: ${rounds} rounds of random changes, visitor and mirror equal after each`);
