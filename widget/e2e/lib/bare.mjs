// The mirror without what makes it safe: no judging of names and values, no
// sandbox. A test that finds nothing wrong with this one finds nothing at all.
import { readFileSync } from 'node:fs';
import { build } from 'esbuild';

const mirror = (file) => new URL(`../../mirror/${file}`, import.meta.url).pathname;

const guards = `
  export const isFrame = (tag) => tag === 'iframe';
  export const safeTag = (tag) => tag;
  export const safeAttribute = (_tag, _name, value) => value;
  export const safePicture = () => true;
  export const safeCss = () => true;`;

const bare = {
  name: 'bare',
  setup(bundler) {
    bundler.onLoad({ filter: /mirror\/safe\.ts$/ }, () => ({ contents: guards, loader: 'js' }));
    bundler.onLoad({ filter: /mirror\/\w+\.ts$/ }, ({ path }) => ({
      contents: readFileSync(path, 'utf8')
        .replace("frame.setAttribute('sandbox', 'allow-same-origin')", '')
        .replace("setAttribute(el, 'sandbox', 'allow-same-origin')", '')
        .replace('frame.inert = true', '')
        .replace('pointer-events:none', ''),
      loader: 'ts',
    }));
  },
};

export async function buildBareMirror() {
  const { outputFiles } = await build({
    entryPoints: [mirror('index.ts')],
    bundle: true,
    format: 'iife',
    globalName: 'kohe.mirror',
    write: false,
    target: 'es2022',
    plugins: [bare],
  });
  return outputFiles[0].text;
}
