import assert from 'node:assert/strict';
import { test } from 'node:test';
import { absoluteCss } from './url.ts';

const base = "https://shop.example/a(b)/it's.css";

test('addresses in CSS become absolute, in quotes that they cannot end', () => {
  for (const [text, want] of [
    ['url(x.png)', `url("https://shop.example/a(b)/x.png")`],
    [`URL( 'x.png' )`, `URL( "https://shop.example/a(b)/x.png" )`],
    ['url("/x (1).png") url(y.png)', 'url("https://shop.example/x%20(1).png") url("https://shop.example/a(b)/y.png")'],
    [`@import 'x.css' screen;`, `@import "https://shop.example/a(b)/x.css" screen;`],
    ['@import url(x.css) print;', '@import url("https://shop.example/a(b)/x.css") print;'],
  ] as const)
    assert.equal(absoluteCss(text, base), want);
});

test('addresses that are absolute, empty, references or hold escapes stay as they are', () => {
  for (const text of [
    'url(https://cdn.example/x.png)',
    `url('data:image/svg+xml,<svg xmlns="x"/>')`,
    'url(#gradient)',
    'url()',
    'url("")',
    String.raw`url("a\"b.png")`,
    String.raw`url(a\)b.png)`,
    'a{content:"@import"}b{background:none}',
  ])
    assert.equal(absoluteCss(text, base), text);
});
