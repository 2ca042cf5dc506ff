// Builds all browser code into dist/. What is loaded on demand has its content
// hash in its name, so that it can be cached for ever; kohe.js, capture.js and
// mirror.js keep their names (the last two are for the page-engine harness, as
// shorten.js is for `kohe bench`).
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { minify } from 'terser';

const dist = new URL('dist/', import.meta.url).pathname;
rmSync(dist, { recursive: true, force: true });
mkdirSync(dist);
writeFileSync(`${dist}.keep`, ''); // Go embeds the folder; an empty one would not compile

const common = {
  bundle: true,
  minify: true,
  target: ['es2022', 'chrome109', 'firefox115', 'safari16'],
  charset: 'utf8',
  legalComments: 'none',
  logLevel: 'warning',
  outdir: dist,
  metafile: true,
  absWorkingDir: new URL('.', import.meta.url).pathname,
};

/** Builds one entry and returns the names of its script and, after that, of what else it has. */
async function bundle(entry, name, options) {
  const result = await build({ ...common, entryPoints: [{ in: entry, out: name }], ...options });
  const files = Object.entries(result.metafile.outputs);
  const first = files.findIndex(([, { entryPoint }]) => entryPoint === entry);
  return [...files.splice(first, 1), ...files].map(([file]) => basename(file));
}

/** What every visitor loads is minified once more: some four per cent less of it. */
async function smaller(file, { compress, mangle } = {}) {
  const options = {
    ecma: 2022,
    module: true,
    compress: { passes: 3, ...compress },
    mangle: { toplevel: true, ...mangle },
  };
  const { code } = await minify(readFileSync(dist + file, 'utf8'), options);
  writeFileSync(dist + file, code);
}

/** In capture no read has an effect, and these names are its own: no browser, page or other bundle knows them. */
const own = {
  compress: { hoist_funs: true, pure_getters: true, unsafe: true, unsafe_methods: true },
  mangle: {
    properties: {
      regex:
        /^(?:arrived|field|handle|happened|members|mutated|never|percent|renew|rerooted|rooted|scrolls|sent|touched|watches|signalled|more)$/,
    },
  },
};

const hashed = { format: 'esm', entryNames: '[name]-[hash]' };
const [capture] = await bundle('capture/index.ts', 'capture', hashed);
const [guide] = await bundle('guide/index.ts', 'guide', hashed);
const [faults] = await bundle('faults/index.ts', 'faults', hashed);
const [frames] = await bundle('visitor/frames.ts', 'frames', hashed);
const [framed] = await bundle('visitor/framed.ts', 'framed', {
  ...hashed,
  define: { CAPTURE_MODULE: JSON.stringify(capture) },
});
const [chat] = await bundle('visitor/chat.ts', 'chat', {
  ...hashed,
  define: {
    CAPTURE_MODULE: JSON.stringify(capture),
    FRAMES_MODULE: JSON.stringify(frames),
    GUIDE_MODULE: JSON.stringify(guide),
    FAULTS_MODULE: JSON.stringify(faults),
  },
});
const [presence] = await bundle('visitor/presence.ts', 'presence', hashed);
const [near] = await bundle('visitor/near.ts', 'near', {
  ...hashed,
  define: { PRESENCE_MODULE: JSON.stringify(presence), FRAMED_MODULE: JSON.stringify(framed) },
});
const [loader] = await bundle('visitor/loader.ts', 'kohe', {
  format: 'iife',
  define: { CHAT_MODULE: JSON.stringify(chat), NEAR_MODULE: JSON.stringify(near) },
});
const [keeper] = await bundle('console/keeper.ts', 'keeper', hashed);
const consoleFiles = await bundle('console/main.tsx', 'console', {
  ...hashed,
  define: { KEEPER: JSON.stringify(keeper) },
  splitting: true, // screens that are loaded on demand
  chunkNames: 'console-[name]-[hash]',
});
const harness = [
  ...(await bundle('capture/harness.ts', 'capture', { format: 'iife' })),
  ...(await bundle('mirror/index.ts', 'mirror', { format: 'iife', globalName: 'kohe.mirror' })),
  ...(await bundle('visitor/shorten.ts', 'shorten', { format: 'iife', globalName: 'kohe.shorten' })),
];
for (const file of [loader, chat, near, presence, frames, framed, guide, faults]) await smaller(file);
for (const file of [capture, 'capture.js']) await smaller(file, own);

writeFileSync(
  `${dist}/manifest.json`,
  `${JSON.stringify(
    {
      loader,
      chat,
      near,
      presence,
      frames,
      framed,
      capture,
      guide,
      faults,
      keeper,
      console: {
        script: consoleFiles[0],
        style: consoleFiles.find((f) => f.endsWith('.css')),
      },
    },
    null,
    2,
  )}\n`,
);

const kb = (bytes) => `${String(bytes.length).padStart(8)} B`;
for (const file of [
  loader,
  chat,
  near,
  presence,
  frames,
  framed,
  capture,
  guide,
  faults,
  keeper,
  ...consoleFiles,
  ...harness,
]) {
  const bytes = readFileSync(dist + file);
  const gzip = gzipSync(bytes, { level: 9 });
  const br = brotliCompressSync(bytes);
  console.log(`${file.padEnd(36)} ${kb(bytes)} ${kb(gzip)} gzip ${kb(br)} br`);
  if (harness.includes(file)) continue;
  writeFileSync(`${dist}${file}.gz`, gzip); // as nodes serve them (widget/embed.go)
  writeFileSync(`${dist}${file}.br`, br);
}
const budget = 5 * 1000; // the button at first load: 5 kB gzip
const size = gzipSync(readFileSync(dist + loader), { level: 9 }).length;
if (size > budget) {
  console.error(`kohe.js is ${size} B gzip; its budget is ${budget} B. Move code into chat.ts.`);
  process.exit(1);
}
