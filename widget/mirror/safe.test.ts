import assert from 'node:assert/strict';
import { test } from 'node:test';
import { safeAttribute, safeTag } from './safe.ts';

test('what could run or load a document becomes an element that is not shown', () => {
  for (const tag of [
    'script',
    'SCRIPT',
    'svg:script',
    'html:script',
    'object',
    'embed',
    'base',
    'frameset',
    'noscript',
    'portal',
  ]) {
    assert.equal(safeTag(tag), 'kohe-x', tag);
  }
  for (const tag of ['div', 'svg:path', 'math:mi', 'x-card', 'iframe']) assert.equal(safeTag(tag), tag);
});

test('attributes that run, load, submit or navigate are not set', () => {
  const bad: [string, string, string][] = [
    ['a', 'href', 'javascript:alert(1)'],
    ['a', 'href', ' java\nscript:alert(1)'],
    ['a', 'href', '\u0001JavaScript:1'],
    ['a', 'href', 'data:text/html,x'],
    ['a', 'href', 'vbscript:x'],
    ['img', 'src', 'data:text/html,x'],
    ['svg:use', 'href', 'data:image/svg+xml,x'],
    ['svg:a', 'xlink:href', 'javascript:1'],
    ['div', 'onclick', '1'],
    ['svg:svg', 'onload', '1'],
    ['iframe', 'srcdoc', 'x'],
    ['iframe', 'src', 'https://x.example/'],
    ['kohe-frame', 'src', 'https://x.example/'],
    ['kohe-frame', 'data', 'https://x.example/'],
    ['form', 'action', '/x'],
    ['button', 'formaction', '/x'],
    ['a', 'ping', '/x'],
    ['a', 'target', '_top'],
    ['meta', 'http-equiv', 'refresh'],
    ['meta', 'content', '0;url=/x'],
    ['meta', 'content', 'always'],
    ['svg:animate', 'attributeName', 'href'],
    ['svg:set', 'attributeName', 'xlink:href'],
    ['div', 'style', 'width:expression(alert(1))'],
    ['div', 'style', 'behavior:url(x)'],
    ['div', 'style', 'color:red;-ms-behavior :url(x)'],
    ['div', 'style', 'a:b;/**/behavior:url(x)'],
    ['div', 'style', 'exp/**/ression(1)'],
    ['div', 'style', 'background:url(java\\73 cript:1)'],
    ['img', 'srcset', 'javascript:1 1x'],
  ];
  for (const [tag, name, value] of bad)
    assert.equal(safeAttribute(tag, name, value, ''), null, `${tag} ${name}=${value}`);
  assert.equal(safeAttribute('link', 'href', 'https://x.example/a', 'prefetch'), null);
});

test('harmless attributes are set as they are', () => {
  const good: [string, string, string][] = [
    ['a', 'href', 'https://shop.example/?a=1'],
    ['a', 'href', '#part'],
    ['img', 'src', 'data:image/png;base64,AA=='],
    ['img', 'srcset', 'https://a.example/1.png 1x, https://a.example/2.png 2x'],
    ['div', 'style', 'color:red'],
    ['div', 'style', 'scroll-behavior:smooth;overscroll-behavior:none;transition-behavior:allow-discrete'],
    ['div', 'class', 'on'],
    ['svg:path', 'd', 'M0 0'],
    ['svg:animate', 'attributeName', 'opacity'],
    ['input', 'value', 'javascript:1'],
    ['input', 'name', 'childNodes'],
    ['meta', 'content', 'light dark'],
  ];
  for (const [tag, name, value] of good)
    assert.equal(safeAttribute(tag, name, value, ''), value, `${tag} ${name}=${value}`);
  assert.equal(safeAttribute('link', 'href', 'https://x.example/a.css', 'stylesheet'), 'https://x.example/a.css');
});
