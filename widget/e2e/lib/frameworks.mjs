// Forms of four frameworks, from their real packages, as pages of the demo shop.
import { build } from 'esbuild';

export const frameworks = ['react', 'vue', 'angular', 'lit'];

/** Bundles the forms and serves them to a visitor at shop/frameworks/NAME. */
export async function serveFrameworks(visitor, node) {
  const { outputFiles } = await build({
    entryPoints: frameworks.map((name) => new URL(`../pages/frameworks/${name}.mjs`, import.meta.url).pathname),
    bundle: true,
    write: false,
    format: 'iife',
    outdir: 'frameworks',
    logLevel: 'error',
    define: {
      'process.env.NODE_ENV': '"production"',
      __VUE_OPTIONS_API__: 'true',
      __VUE_PROD_DEVTOOLS__: 'false',
      __VUE_PROD_HYDRATION_MISMATCH_DETAILS__: 'false',
    },
  });
  const scripts = Object.fromEntries(outputFiles.map(({ path, text }) => [path.split('/').at(-1), text]));
  // Pages that come from the test have no address, and may not speak to this machine unasked.
  await visitor.context.grantPermissions(['local-network-access']);
  await visitor.context.route('**/shop/frameworks/*', (route) => {
    const name = new URL(route.request().url()).pathname.split('/').at(-1);
    const script = scripts[name];
    return route.fulfill(
      script
        ? { contentType: 'text/javascript; charset=utf-8', body: script }
        : {
            contentType: 'text/html; charset=utf-8',
            body: `<!doctype html><html lang="en"><meta charset="utf-8"><title>${name}</title>
              <style>body{font:16px/1.6 sans-serif;margin:30px;max-width:500px}label,input,select{display:block;min-height:24px}</style>
              <script async src="${node.base}/kohe.js" data-site="demo"></script>
              <h1>${name}</h1><div id="app"></div><script src="${name}.js"></script></html>`,
          },
    );
  });
}
