// What the mirror shows is what the visitor sees: pixels, or facts where pixels
// do not tell. Cases that are not done yet are marked; they may fail.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { launchChromium } from './lib/browsers.mjs';
import { differing, openMirror, openPage, serveFiles, startCapture, takeMessages } from './lib/mirrored.mjs';
import { cases, files, viewportMessage } from './pages/fidelity.mjs';

const [short, partial] = [64, 2]; // in a message's first byte (dom/FORMAT.md)
const size = { width: 800, height: 600 };
const calm = { caret: 'hide', animations: 'disabled' };
const documentOf = (body, name) =>
  body.startsWith('<!')
    ? body
    : `<!doctype html><html><head><meta charset="utf-8"><title>${name}</title></head><body>${body}</body></html>`;
const pages = Object.fromEntries(cases.map(({ name, html }, i) => [`/case/${i}`, documentOf(html, name)]));

describe('fidelity', { timeout: 240_000 }, () => {
  let browser, server, page, mirror;

  before(async () => {
    browser = await launchChromium();
    const blank = '<!doctype html><style>body{margin:0;overflow:hidden}</style><body></body>';
    server = await serveFiles({
      ...files,
      ...pages,
      '/agent': blank,
      '/fields': '<!doctype html><input><input>'.padEnd(60_000, '<input>'),
      '/fonts': `<!doctype html><style>${['open', 'large', 'font'].map((f) => `@font-face{font-family:${f};src:url(/${f}.ttf)}#${f}{font-family:${f}}`).join('')}</style><p id="open">a<p id="large">b`,
      '/masked-font':
        '<!doctype html><style data-kohe-mask>@font-face{/* confidential */font-family:x;src:url(/font.ttf)}p{font:20px x}</style><p>seen',
      '/list':
        '<!doctype html><p>Delivery <select><option>Standard<optgroup label="Abroad"><option selected>Islands<option>Air</optgroup></select><p><select id=masked data-kohe-mask><option>secret</select>',
      '/tall': '<!doctype html><p style="height:3000px">tall',
    });
    const context = await browser.newContext({ viewport: size });
    page = await openPage(context);
    mirror = await openMirror(await browser.newContext({ viewport: size }), server.agent);
  });
  after(async () => {
    await browser?.close();
    server?.close();
  });

  /** Compares until the two sides are the same, or it does not come any more. */
  async function same(visitor, { facts, pixels = !facts, tell }, where) {
    let difference;
    for (const pause of [50, 250, 600]) {
      await visitor.waitForTimeout(pause);
      const gaps = await mirror.apply(await takeMessages(visitor));
      if (tell) await mirror.inject(await tell(visitor, mirror));
      assert.equal(gaps, 0, `${where}: the mirror refused a message`);
      assert.deepEqual(mirror.errors, []);
      difference = {};
      if (pixels) {
        await visitor.bringToFront();
        const seen = await visitor.screenshot(calm);
        await mirror.page.bringToFront();
        const n = await differing(mirror.page, seen, await mirror.page.screenshot(calm));
        if (n > 0) difference.pixels = n;
      }
      if (facts) {
        const [want, have] = [await visitor.evaluate(`(${facts})(document)`), await mirror.read(`${facts}`)];
        if (JSON.stringify(want) !== JSON.stringify(have)) Object.assign(difference, { want, have });
      }
      await visitor.bringToFront();
      if (Object.keys(difference).length === 0) return;
    }
    assert.fail(`${where}: ${JSON.stringify(difference)}`);
  }

  for (const [i, c] of cases.entries()) {
    test(c.name, { todo: c.todo ?? false }, async () => {
      const context = c.context && (await browser.newContext({ viewport: size, ...c.context }));
      const visitor = context ? await openPage(context) : page;
      try {
        await visitor.setViewportSize(size);
        await visitor.emulateMedia({ colorScheme: null, reducedMotion: null, contrast: null, ...c.media });
        await visitor.bringToFront();
        await visitor.goto(`${server.visitor}/case/${i}`);
        await c.before?.(visitor);
        await mirror.begin();
        await startCapture(visitor, c.options);
        await same(visitor, c, 'at first');
        if (!c.step) return;
        await c.step(visitor, mirror);
        await same(visitor, c, 'then');
      } finally {
        await context?.close();
      }
    });
  }

  /** Waits until the page's last message says that nothing is missing. */
  const whole = () =>
    page.waitForFunction(`captured.length > 0 && (captured.at(-1)[0] & ${short | partial}) !== ${partial}`, null, {
      timeout: 20_000,
      polling: 50,
    });

  test('a page of many fields is whole in the end, though the last of them have nothing to say', async () => {
    await page.setViewportSize(size);
    await page.goto(`${server.visitor}/fields`);
    await startCapture(page);
    await whole();
  });

  test('the open list of a select is shown, with what is chosen, and goes when it is closed', async () => {
    await page.setViewportSize(size);
    await page.goto(`${server.visitor}/list`);
    await mirror.begin();
    await startCapture(page);
    const shown = async () => {
      await page.waitForTimeout(400);
      assert.equal(await mirror.apply(await takeMessages(page)), 0);
      return mirror.page.evaluate(() => {
        const list = document.querySelector('.kohe-list');
        const rows = [...list.children].map((row) => (row.style.color ? `(${row.textContent})` : row.textContent));
        return list.hidden ? null : { rows, top: list.offsetTop, left: list.offsetLeft };
      });
    };
    const box = await page.locator('select').first().boundingBox();
    const list = (...rows) => ({ rows, top: Math.round(box.y + box.height), left: Math.round(box.x) });
    assert.equal(await shown(), null);
    await page.click('select');
    assert.deepEqual(await shown(), list('Standard', 'Abroad', '(Islands)', 'Air'));
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    assert.equal(await shown(), null);
    await page.keyboard.press('Space');
    assert.deepEqual(await shown(), list('Standard', 'Abroad', 'Islands', '(Air)'));
    await page.mouse.click(700, 500);
    assert.equal(await shown(), null);
    await page.click('#masked');
    assert.equal(await shown(), null, 'a masked one');
  });

  test('of fonts only those travel that are used, that others may not load, and that are not too large', async () => {
    const sent = async () => {
      await whole();
      return (await takeMessages(page)).join('').length;
    };
    await page.goto(`${server.visitor}/fonts`);
    await page.evaluate('document.fonts.ready');
    await startCapture(page);
    assert.ok((await sent()) < 5000, 'none is sent');
    await page.evaluate("document.querySelector('p').id='font'");
    await page.waitForFunction('captured.some((m) => m.length > 100_000)', null, { timeout: 20_000, polling: 50 });
    await takeMessages(page);
    await page.evaluate('kohe.capture.snapshot()');
    const [first] = await page.evaluate('captured.map((m) => m[0] & 3)');
    assert.equal(first, 3, 'a snapshot is partial until its fonts are there');
    assert.ok((await sent()) > 140_000, 'they come again with a snapshot');
    await page.waitForTimeout(300);
    assert.equal(await page.evaluate('captured.length'), 0, 'and once');
  });

  test('the fonts of CSS under a mask stay at home, with their names', async () => {
    await page.goto(`${server.visitor}/masked-font`);
    await page.evaluate('document.fonts.ready');
    await startCapture(page);
    await whole();
    const said = Buffer.concat((await takeMessages(page)).map((m) => Buffer.from(m, 'base64'))).toString('latin1');
    assert.ok(said.length < 5000, `${said.length} bytes`);
    assert.ok(!said.includes('confidential') && said.includes('seen'), said);
  });

  test("scroll bars take as much room as the visitor's, whatever this browser's are", async () => {
    const classic = await launchChromium({ ignoreDefaultArgs: ['--hide-scrollbars'] });
    try {
      const sized = await openMirror(
        await classic.newContext({ viewport: { width: 1000, height: 700 } }),
        server.agent,
      );
      const widths = () => sized.read('(doc) => [doc.defaultView.innerWidth, doc.documentElement.clientWidth]');
      await page.setViewportSize(size);
      await page.goto(`${server.visitor}/tall`);
      await sized.begin();
      await startCapture(page);
      await sized.apply(await takeMessages(page));
      assert.deepEqual(await widths(), [800, 800], 'none, or over the page');
      for (const bar of [8, 0, 21]) {
        await sized.inject(viewportMessage(sized.version, [...Object.values(size), bar, 100, 100]));
        assert.deepEqual(await widths(), [800, 800 - bar]);
      }
    } finally {
      await classic.close();
    }
  });
});
