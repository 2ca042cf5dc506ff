// A page and its mirror side by side, from the built bundles: the visitor's tab
// has capture.js, the agent's has mirror.js on another origin, as in the product.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';

const bundle = (name) => readFileSync(new URL(`../../dist/${name}`, import.meta.url), 'utf8');

/** Serves pages and files by their paths, on two origins: [type, body, headers, the cookie that it takes]. */
export async function serveFiles(files) {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url, 'http://x');
    const file = files[pathname];
    if (file === undefined) response.statusCode = 404;
    const [type, body, headers, cookie] = Array.isArray(file) ? file : ['text/html; charset=utf-8', file ?? ''];
    if (cookie && !request.headers.cookie?.includes(cookie)) {
      response.writeHead(403).end();
      return;
    }
    response.setHeader('Content-Type', type);
    for (const name in headers) response.setHeader(name, headers[name]);
    response.end(body);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  return {
    visitor: `http://127.0.0.1:${port}`,
    agent: `http://localhost:${port}`,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** A tab of the visitor's; capture.js is the first script of each page in it. */
export async function openPage(context) {
  const page = await context.newPage();
  await page.addInitScript(`${bundle('capture.js')};globalThis.kohe=kohe`);
  return page;
}

/** A tab of the agent's. */
export async function openMirror(context, origin) {
  const page = await context.newPage();
  const errors = [];
  page.on('pageerror', (error) => errors.push(error.stack));
  const mirror = {
    page,
    errors,
    version: 0,
    /** Starts anew. */
    async begin() {
      errors.length = mirror.version = 0;
      await page.goto(`${origin}/agent`);
      await page.evaluate(`${bundle('mirror.js')};globalThis.kohe=kohe;0`);
      await page.evaluate(() => {
        globalThis.told = [];
        globalThis.gaps = 0;
        globalThis.mirror = kohe.mirror.create(document.body, {
          onGap: () => gaps++,
          onPage: (where) => told.push(where),
        });
      });
    },
    /** Applies messages of the capture's, and returns how many were missing or not understood. */
    apply(messages) {
      mirror.version += messages.length;
      return mirror.inject(...messages);
    },
    /** Applies messages that leave the version as it is. */
    inject: (...messages) =>
      page.evaluate(async (list) => {
        for (const m of list) await mirror.apply(Uint8Array.from(atob(m), (c) => c.charCodeAt(0)));
        await mirror.settle();
        return gaps;
      }, messages),
    /** What a function says of the mirror's document. */
    read: (text) => page.evaluate(`(${text})(mirror.view().contentDocument)`),
  };
  return mirror;
}

export function startCapture(page, options = {}) {
  return page.evaluate((o) => {
    globalThis.captured = [];
    kohe.capture.start((m) => captured.push(m), o);
  }, options);
}

/** All messages since the last call, in base64. */
export function takeMessages(page) {
  return page.evaluate(() => {
    kohe.capture.flush();
    return captured.splice(0).map((m) => btoa(Array.from(m, (c) => String.fromCharCode(c)).join('')));
  });
}

/** How many pixels of two pictures (PNG) differ visibly, told by a tab. */
export async function differing(page, a, b) {
  if (a.equals(b)) return 0;
  return page.evaluate(
    async (pictures) => {
      const [one, two] = await Promise.all(
        pictures.map(async (base64) => {
          const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
          const bitmap = await createImageBitmap(new Blob([bytes], { type: 'image/png' }));
          const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext('2d');
          context.drawImage(bitmap, 0, 0);
          return context.getImageData(0, 0, bitmap.width, bitmap.height);
        }),
      );
      if (one.width !== two.width || one.height !== two.height) return Number.POSITIVE_INFINITY;
      let n = 0;
      for (let i = 0; i < one.data.length; i += 4)
        if ([0, 1, 2].some((c) => Math.abs(one.data[i + c] - two.data[i + c]) > 24)) n++;
      return n;
    },
    [a, b].map((png) => png.toString('base64')),
  );
}
