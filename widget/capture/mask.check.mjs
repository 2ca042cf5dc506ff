// Nothing masked leaves the page, in real Chromium: `node capture/mask.check.mjs`.
// Canaries are planted wherever a masked place can hold text, before and after
// capture has begun, and every byte that capture gives out is searched.
import { build } from 'esbuild';
import { chromium } from 'playwright-core';

const { outputFiles } = await build({
  entryPoints: [new URL('index.ts', import.meta.url).pathname],
  bundle: true,
  format: 'iife',
  globalName: 'kapture',
  write: false,
  target: 'es2022',
});

const page = `<!doctype html><html><head><title>Masks</title></head><body>
<form id=f><input id=pass type=password name=secret value=CANARY><input id=card autocomplete="cc-number" placeholder=CANARY>
<input type=hidden name=csrf value=CANARY><textarea id=note class=private>CANARY</textarea>
<select id=choice class=private><option value=CANARY>CANARY one<option label=CANARY>CANARY two</select></form>
<div id=marked data-kohe-mask title=CANARY>CANARY <b aria-label=CANARY data-x=CANARY>CANARY</b><img alt=CANARY src="data:,CANARY"></div>
<div id=edit class=private contenteditable>CANARY</div><p id=free>CANARY-free</p><p id=later>plain</p><div id=out></div>
<div data-kohe-ui>CANARY of the widget</div><script>window.x='CANARY'</script><noscript>CANARY</noscript><!-- CANARY --></body></html>`.replace(
  'CANARY-free',
  'free',
);

/** With canaries outside of masks too. What is open is in what is not masked. */
const everything = page
  .replace('<title>Masks', '<title>CANARY')
  .replace(
    '</head>',
    `<meta name=author content=CANARY><style>#free::before{content:'CANARY'}p{--x:CANARY;background:url(CANARY)}</style>
<link rel=stylesheet href="http://127.0.0.2:9/a.css?CANARY"><link rel=icon href=CANARY></head>`,
  )
  .replace(
    '<form id=f>',
    `<nav title="open title">open text <b data-kohe-mask>CANARY<i data-kohe-unmask>CANARY</i></b><input type=password value=CANARY>
<b class=private><i data-kohe-unmask>CANARY</i></b></nav><div data-kohe-unmask=""><p>open too</p></div>
<p id=gone data-kohe-unmask>open here</p><canvas id=drawing></canvas><video poster=CANARY src=CANARY title=CANARY></video>
<p title=CANARY note=CANARY data-x=CANARY aria-label=CANARY class="x4711-CANARY-4711" style="--a:CANARY;content:'CANARY'">CANARY</p>
<a href="?CANARY">CANARY</a><img src="CANARY.png" alt=CANARY><iframe src="http://127.0.0.2:9/CANARY" name=CANARY></iframe>
<x-card note=CANARY></x-card><svg><title>CANARY</title><text note=CANARY>CANARY</text></svg><form id=f>`,
  )
  .replace('>free<', ' title=CANARY>CANARY<')
  .replace('>plain<', '>CANARY<');

/** Runs in the page, step by step. */
const steps = [
  () => {
    pass.value = 'CANARY1';
    pass.dispatchEvent(new Event('input', { bubbles: true }));
  },
  () => {
    pass.type = 'text';
  },
  () => {
    pass.value = 'CANARY2';
    pass.setAttribute('value', 'CANARY3');
  },
  () => {
    const again = document.createElement('input');
    again.name = 'secret';
    again.value = 'CANARY4';
    pass.replaceWith(again);
  },
  () => {
    card.value = '4111CANARY';
    card.dispatchEvent(new Event('input', { bubbles: true }));
    card.title = 'CANARY';
  },
  () => {
    note.value = 'CANARY5';
    note.textContent = 'CANARY6';
  },
  () => {
    choice.selectedIndex = 1;
    choice.add(new Option('CANARY7', 'CANARY8'));
  },
  () => {
    marked.append('CANARY9');
    marked.firstChild.data += 'CANARY10';
    marked.querySelector('b').setAttribute('aria-label', 'CANARY11');
  },
  () => {
    marked.insertAdjacentHTML('beforeend', '<p title=CANARY>CANARY12<i>CANARY13</i></p>');
  },
  () => {
    edit.focus();
    document.execCommand('insertText', false, 'CANARY14');
  },
  () => {
    later.className = 'private';
    later.textContent = 'CANARY15';
    later.title = 'CANARY16';
  },
  () => {
    later.className = '';
    later.firstChild.data = 'CANARY17';
  },
  () => {
    out.className = 'private';
    out.append('CANARY18');
  },
  () => {
    out.append(free);
    free.textContent = 'CANARY19';
  },
  () => {
    document.body.append(marked.querySelector('b'));
  },
  () => {
    const s = marked.querySelector('p');
    s.remove();
    marked.prepend(s);
  },
  () => {
    const host = document.createElement('div');
    marked.append(host);
    host.attachShadow({ mode: 'open' }).innerHTML = '<p>CANARY20</p>';
  },
  async () => {
    const frame = document.createElement('iframe');
    frame.srcdoc = '<title>CANARY</title><p>CANARY21<input value=CANARY><canvas></canvas>';
    marked.append(frame);
    await new Promise((done) => {
      frame.onload = done;
    });
    frame.contentDocument.querySelector('p').append('CANARY22');
  },
  () => {
    marked.animate({ content: ['"CANARY23"', 'none'] }, { duration: 50, fill: 'both' });
    getSelection().selectAllChildren(marked);
    CSS.highlights?.set('hits', new Highlight(getSelection().getRangeAt(0)));
  },
  async () => {
    const image = new Image();
    marked.append(image);
    image.src = URL.createObjectURL(new Blob(['CANARY24'], { type: 'image/png' }));
    const canvas = marked.appendChild(document.createElement('canvas'));
    canvas.getContext('2d').fillText('CANARY', 10, 10);
    await new Promise((done) => setTimeout(done, 100));
  },
  () => {
    const sheet = new CSSStyleSheet();
    const host = marked.appendChild(document.createElement('div'));
    sheet.replaceSync("p::before{content:'CANARY25'}");
    host.attachShadow({ mode: 'open' }).adoptedStyleSheets = [sheet];
    sheet.insertRule("b::before{content:'CANARY26'}");
    marked.append(Object.assign(document.createElement('style'), { textContent: "#x::before{content:'CANARY27'}" }));
    marked.lastChild.append("#y::before{content:'CANARY28'}");
    marked.lastChild.sheet.insertRule("#z::before{content:'CANARY29'}");
  },
  () => {
    if (!document.querySelector('nav')) return; // not everything is masked
    document.title = 'CANARY30';
    history.replaceState(null, '', '/path?CANARY31');
    gone.removeAttribute('data-kohe-unmask');
    gone.firstChild.data = 'CANARY32';
    document.querySelector('img').title = 'CANARY33';
    drawing.getContext('2d').fillText('CANARY', 10, 10);
    document.body.prepend('CANARY34', document.createElement('nav').appendChild(new Text('CANARY35')));
    const row = document.querySelector('nav > b');
    document.querySelector('nav').append(Object.assign(document.createElement('p'), { textContent: 'open text' }));
    document.querySelector('nav').append(document.querySelector('x-card'));
    document.querySelector('x-card').append('CANARY36', row);
    const sheet = new CSSStyleSheet();
    sheet.replaceSync("p::before{content:'CANARY37'}");
    document.adoptedStyleSheets = [sheet];
    document.styleSheets[0].insertRule("p::after{content:'CANARY38'}");
    document.styleSheets[0].cssRules[0].style.setProperty('--y', 'CANARY39');
    free.animate({ color: ['red', 'blue'], content: ['"CANARY40"', 'none'], '--z': ['CANARY41', 'CANARY42'] }, 50);
    getSelection().selectAllChildren(free);
  },
  () => {
    if (!document.querySelector('nav')) document.title = 'shown';
    marked.hidden = true;
  },
];

/** What stands for a masked picture. */
const blank =
  /data:image\/svg\+xml,<svg xmlns="http:\/\/www.w3.org\/2000\/svg" width="\d+" height="\d+" style="background:rgba\(0,0,0,.15\)"\/>/g;
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--no-first-run'],
});
/** The page where a rule masks some of it, and the one that is masked as a whole. */
const ways = [
  { html: page, options: { mask: ['.private'], canvas: true } },
  { html: everything, options: { mask: ['.private'], maskAll: true, unmask: ['nav'], canvas: true } },
];
const leaks = [];
let bytes = 0;

async function run({ html, options }) {
  const tab = await browser.newPage();
  tab.on('pageerror', (e) => leaks.push(e.stack));
  await tab.route('**/*', (r) => r.fulfill({ contentType: 'text/html; charset=utf-8', body: html }));
  await tab.goto(options.maskAll ? 'http://127.0.0.1:9/?q=CANARY#CANARY' : 'http://127.0.0.1:9/');
  await tab.evaluate(`${outputFiles[0].text};window.kapture=kapture;0`);
  await tab.evaluate((given) => {
    window.sent = [];
    kapture.start((m) => sent.push(m), given);
  }, options);
  const found = new Set();
  const search = async (step) => {
    const messages = await tab.evaluate(() => {
      kapture.flush();
      return sent.splice(0).map((m) => Array.from(m));
    });
    for (const m of messages) {
      const text = Buffer.from(m).toString('latin1').replaceAll(blank, '');
      bytes += text.length;
      for (const word of text.match(/visible after all|open \w+/g) ?? []) found.add(word);
      const at = text.search(/CANA|NARY|data:image/);
      if (at >= 0) leaks.push(`${JSON.stringify(options)} ${step}: …${text.slice(Math.max(0, at - 40), at + 12)}`);
    }
    return messages.length;
  };
  await search('snapshot');
  for (const step of steps) {
    await tab.evaluate(`(${step})()`);
    await search(String(step));
  }
  await tab.evaluate(() => kapture.snapshot());
  await search('second snapshot');
  await tab.evaluate(() => {
    (document.querySelector('nav') ?? document.body).append('visible after all');
  });
  if ((await search('the last change')) === 0 || !found.has('visible after all'))
    leaks.push('capture sent next to nothing');
  if (options.maskAll && !['open text', 'open title', 'open too', 'open here'].every((word) => found.has(word)))
    leaks.push(`what is unmasked is not shown: ${[...found]}`);
  await tab.close();
}

try {
  for (const way of ways) await run(way);
} finally {
  await browser.close();
}
if (leaks.length > 0) {
  console.error(`mask: ${leaks.join('\n')}`);
  process.exit(1);
}
console.log(`mask: ${ways.length} ways, ${steps.length} steps, ${bytes} bytes sent, nothing masked among them`);
