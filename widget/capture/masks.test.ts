// What masks let through is what the edge lets through: dom/mask reads the same vectors.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import '../testdom.ts';
import { JSDOM } from 'jsdom';
import { maskCss } from './css.ts';
import * as masks from './masks.ts';

interface Vectors {
  attributes: { tag: string; name: string; value: string; with?: string[]; masked: string | null }[];
  css: [string, string][];
}

const vectors = JSON.parse(
  readFileSync(new URL('../../dom/mask/testdata/masked.json', import.meta.url), 'utf8'),
) as Vectors;

function page(html: string, options: masks.MaskOptions): { document: Document; masked: (id: string) => boolean } {
  const { window } = new JSDOM(html, { url: 'https://shop.example/order?name=Mari#Mari' });
  Object.assign(globalThis, { document: window.document, location: window.location });
  masks.maskBy(options);
  const masked = (el: Element | null): boolean =>
    el ? masks.of(el, masked(el.parentElement)) : (options.maskAll ?? false);
  return { document: window.document, masked: (id) => masked(window.document.getElementById(id)) };
}

/** A picture that has no size yet; the edge takes it for one. */
const blank = vectors.attributes.find(({ tag, masked }) => tag === 'img' && masked)?.masked;

test('masked attributes say how things look', () => {
  const { document } = page('', {});
  for (const { tag, name, value, with: others = [], masked } of vectors.attributes) {
    const el = tag.startsWith('svg:')
      ? document.createElementNS('http://www.w3.org/2000/svg', tag.slice(4))
      : document.createElement(tag);
    for (const [n, v] of [[name, value], others] as [string, string][]) if (n) el.setAttribute(n, v);
    const sent = masks.attribute(el, name, value);
    if (tag === 'img' && name === 'src') assert.equal(sent, blank, 'a blank picture');
    else assert.equal(sent, masked, `${tag} ${name}=${value}`);
  }
});

test('masked CSS says how things look', () => {
  for (const [css, masked] of vectors.css) assert.equal(maskCss(css), masked);
});

const shop = `<!doctype html><title>Mari</title><nav id=nav data-kohe-unmask><a id=link>Cart</a><b id=name data-kohe-mask>
  <i id=inside data-kohe-unmask>Mari</i></b><input id=pass type=password><input id=card autocomplete=cc-number></nav>
  <main id=main><h1 id=head>Order</h1><p id=secret class=secret><i id=deep data-kohe-unmask>4711</i></p></main>`;

test('where everything is masked, what is unmasked is shown but for what a rule masks', () => {
  const { masked } = page(shop, { mask: ['.secret'], maskAll: true, unmask: ['h1', 'p:hover >'] });
  const shown = ['nav', 'link', 'head'];
  for (const id of ['nav', 'link', 'name', 'inside', 'pass', 'card', 'main', 'head', 'secret', 'deep'])
    assert.equal(masked(id), !shown.includes(id), id);
  assert.deepEqual(masks.page(), ['https://shop.example/order', '••••']);
});

test('without that setting data-kohe-unmask says nothing', () => {
  const { masked } = page(shop, { mask: ['.secret'], unmask: ['h1'] });
  const hidden = ['name', 'inside', 'pass', 'card', 'secret', 'deep'];
  for (const id of ['nav', 'link', 'name', 'inside', 'pass', 'card', 'main', 'head', 'secret', 'deep'])
    assert.equal(masked(id), hidden.includes(id), id);
  assert.deepEqual(masks.page(), ['https://shop.example/order?name=Mari#Mari', 'Mari']);
});
