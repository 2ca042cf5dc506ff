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
    document.title = 'shown';
    marked.hidden = true;
  },
];

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--no-first-run'],
});
const leaks = [];
let bytes = 0;
try {
  const tab = await browser.newPage();
  tab.on('pageerror', (e) => leaks.push(e.stack));
  await tab.route('**/*', (r) => r.fulfill({ contentType: 'text/html; charset=utf-8', body: page }));
  await tab.goto('http://127.0.0.1:9/');
  await tab.evaluate(`${outputFiles[0].text};window.kapture=kapture;0`);
  await tab.evaluate(() => {
    window.sent = [];
    kapture.start((m) => sent.push(m), { mask: ['.private'], canvas: true });
  });
  const search = async (step) => {
    const messages = await tab.evaluate(() => {
      kapture.flush();
      return sent.splice(0).map((m) => Array.from(m));
    });
    for (const m of messages) {
      const text = Buffer.from(m).toString('latin1');
      bytes += text.length;
      const at = text.search(/CANA|NARY|data:image/);
      if (at >= 0) leaks.push(`${step}: …${text.slice(Math.max(0, at - 40), at + 12)}`);
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
    free.ownerDocument.body.append('visible after all');
  });
  if ((await search('the last change')) === 0 || bytes < 500) leaks.push('capture sent next to nothing');
} finally {
  await browser.close();
}
if (leaks.length > 0) {
  console.error(`mask: ${leaks.join('\n')}`);
  process.exit(1);
}
console.log(`mask: ${steps.length} steps, ${bytes} bytes sent, nothing masked among them`);
