import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pieces } from './links.ts';

const urls = (text: string): string[] =>
  pieces(text).flatMap((piece) => (typeof piece === 'string' ? [] : [piece.url]));

test('only http and https addresses become links', () => {
  assert.deepEqual(urls('javascript:alert(1) data:text/html,x vbscript:x file:///etc/passwd ftp://a.example'), []);
  assert.deepEqual(urls('see HTTPS://a.example/x?y=1#z and www.b.example.'), [
    'https://a.example/x?y=1#z',
    'https://www.b.example/',
  ]);
  assert.deepEqual(urls('https://bank.example@evil.example/'), []);
});

test('punctuation after an address belongs to the sentence, a bracket that it opened does not', () => {
  assert.deepEqual(urls('(https://a.example/b).'), ['https://a.example/b']);
  assert.deepEqual(urls('https://a.example/b_(c)!'), ['https://a.example/b_(c)']);
});

test('the pieces put together are the text', () => {
  for (const text of ['', 'plain', 'a https://b.example, c', '<b>http://x.example/<i>']) {
    assert.equal(
      pieces(text)
        .map((piece) => (typeof piece === 'string' ? piece : piece.text))
        .join(''),
      text,
    );
  }
});
