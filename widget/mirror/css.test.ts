import assert from 'node:assert/strict';
import { test } from 'node:test';
import { shownCss } from './css.ts';
import { Media, questions } from './media.ts';
import { safeCss } from './safe.ts';

/** A visitor who says yes to these questions. */
function visitor(yes: (keyof typeof questions)[], ratio = 100): Media {
  const media = new Media();
  media.update(
    Object.keys(questions).reduce((bits, name, i) => bits | (yes.includes(name as 'dark') ? 1 << i : 0), 0),
    ratio,
  );
  return media;
}
const unknown = new Media();
const desktop = visitor(['hover', 'fine', 'anyHover', 'anyFine']);
const phone = visitor(['dark', 'still', 'coarse', 'anyCoarse', 'p3'], 262.5);
const [yes, no] = ['(min-width:0)', '(max-width:0)'];

test('states of the visitor become attributes, names that look like them do not', () => {
  const shown = (css: string) => shownCss(css, unknown);
  assert.equal(shown('a:hover b:focus-visible{}'), 'a[kohe-hover] b[kohe-focus-visible]{}');
  assert.equal(shown('.hover\\:red:hover,.focus\\:x{}'), '.hover\\:red[kohe-hover],.focus\\:x{}');
  assert.equal(shown('a:focus-within,a:focus{}'), 'a[kohe-focus-within],a[kohe-focus]{}');
  assert.equal(shown('x:defined,x:state( on ){}'), 'x:not([kohe-undefined]),x[kohe-state~="on"]{}');
  assert.ok(safeCss(shown('p:hover{color:red}')));
});

test('what stands in strings, comments and addresses stays', () => {
  for (const css of [
    'p::before{content:"a:hover @media(hover:hover){"}',
    "p::before{content:'it\\'s :focus'}",
    '/* a:hover{} @media (hover:none) */ p{}',
    'p{background:url(data:image/svg+xml;utf8,a:hover)}',
    '@import "x(hover).css";',
    '@import url(https://cdn.example/(hover));',
    '@import url("a;(hover:hover)b");',
  ])
    assert.equal(shownCss(css, phone), css);
});

test("media queries are answered as in the visitor's browser", () => {
  const cases: [string, string, string][] = [
    ['(prefers-color-scheme:dark)', no, yes],
    ['( Prefers-Color-Scheme : LIGHT )', yes, no],
    ['(prefers-color-scheme)', yes, yes],
    ['(prefers-color-scheme: sepia)', '(prefers-color-scheme: sepia)', '(prefers-color-scheme: sepia)'],
    ['(prefers-reduced-motion)', no, yes],
    ['(prefers-reduced-motion: no-preference)', yes, no],
    ['(prefers-contrast: more)', no, no],
    ['(prefers-contrast)', no, no],
    ['(hover:hover) and (pointer:fine)', `${yes} and ${yes}`, `${no} and ${no}`],
    ['(any-hover: none), (any-pointer: coarse)', `${no}, ${no}`, `${yes}, ${yes}`],
    ['not (pointer: coarse)', `not ${no}`, `not ${yes}`],
    ['(pointer)', yes, yes],
    ['(forced-colors: none)', yes, yes],
    ['(scripting: enabled)', yes, yes],
    ['(color-gamut: srgb) and (color-gamut: p3)', `${yes} and ${no}`, `${yes} and ${yes}`],
    ['(min-resolution: 2dppx)', no, yes],
    ['(max-resolution: 96dpi)', yes, no],
    ['(resolution: 1x)', yes, no],
    ['(1.5x <= resolution < 3x)', no, yes],
    ['(resolution > 2.5dppx)', no, yes],
    ['(resolution <= 2.625dppx)', yes, yes],
    ['(resolution = 2.625dppx)', no, yes],
    ['(-webkit-min-device-pixel-ratio: 1.5)', no, yes],
    ['(-webkit-max-device-pixel-ratio:1)', yes, no],
    ['(min--moz-device-pixel-ratio: 2)', no, yes],
    ['screen and (max-device-width: 480px)', 'screen and (max-width: 480px)', 'screen and (max-width: 480px)'],
    [
      '(min-width: 600px) and (orientation: landscape)',
      '(min-width: 600px) and (orientation: landscape)',
      '(min-width: 600px) and (orientation: landscape)',
    ],
  ];
  for (const [query, onDesktop, onPhone] of cases) {
    assert.equal(desktop.query(query), onDesktop, query);
    assert.equal(phone.query(query), onPhone, query);
  }
  assert.equal(visitor(['more', 'less']).query('(prefers-contrast: custom)'), yes);
  assert.equal(unknown.query('(hover) and (scripting: none)'), `(hover) and ${no}`);
});

test('conditions are found wherever CSS has them, and nowhere else', () => {
  assert.equal(shownCss('@media(hover:hover){a:hover{}}', desktop), `@media${yes}{a[kohe-hover]{}}`);
  assert.equal(shownCss('a{@MEDIA (prefers-color-scheme: dark){color:red}}', phone), `a{@MEDIA ${yes}{color:red}}`);
  assert.equal(
    shownCss('@import url(a;b.css) layer(x) supports(display:grid) (hover:none);p{}', phone),
    `@import url(a;b.css) layer(x) supports(display:grid) ${yes};p{}`,
  );
  assert.equal(shownCss('@container (hover: 1px){}', phone), '@container (hover: 1px){}');
});

test("a page that can be light and dark is what the visitor's is", () => {
  const schemes = ':root{color-scheme:light dark}p{ color-scheme : dark light !important}i{color-scheme:only light}';
  assert.equal(
    shownCss(schemes, phone),
    ':root{color-scheme:dark}p{ color-scheme :dark!important}i{color-scheme:only light}',
  );
  assert.equal(shownCss(':root{color-scheme: light dark}', desktop), ':root{color-scheme:light}');
  assert.equal(shownCss(schemes, unknown), schemes);
  assert.equal(phone.scheme('light dark'), 'dark');
});

test('no CSS takes long', () => {
  for (const piece of [
    '"',
    "'",
    '/*',
    '@media',
    '@media(',
    '@import"',
    'url(',
    'url(a',
    '\\',
    ':state(',
    ' color-scheme:',
    '(resolution<',
    '"\n',
  ])
    for (const text of [piece.repeat(50_000), `@media ${piece.repeat(50_000)}`]) {
      const start = performance.now();
      shownCss(text, phone);
      assert.ok(performance.now() - start < 2000, `${piece}: ${performance.now() - start} ms`);
    }
});
