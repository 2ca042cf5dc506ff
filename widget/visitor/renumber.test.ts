import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import '../testdom.ts'; // before what uses it
import { FORMAT, Head, Op } from '../capture/format.ts';
import { attrName, message, op, plain, ref, reset, str, tag, u } from '../capture/writer.ts';
import { Reader } from '../mirror/reader.ts';
import { Tree } from '../mirror/tree.ts';
import { emptyDocument } from '../testdom.ts';
import { Renumberer } from './renumber.ts';

const base64 = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'base64'));
const session: Uint8Array[] = JSON.parse(
  readFileSync(new URL('../../dom/testdata/session.json', import.meta.url), 'utf8'),
).map(base64);
const golden: { name: string; hex: string[] }[] = JSON.parse(
  readFileSync(new URL('../../dom/testdata/golden.json', import.meta.url), 'utf8'),
).messages;

const frame = 4;
const first = 50; // the page's first free id

function mirror() {
  const document = emptyDocument();
  const tree = new Tree({
    blank: () => document,
    viewport() {},
    page() {},
    frozen() {},
    listed() {},
    diverged: () => assert.fail('diverged'),
  });
  return { tree, document };
}

/** A page with a frame in it, and what writes into that. */
function page() {
  const { tree } = mirror();
  reset();
  op(Op.page);
  u(0);
  plain('https://shop.example/');
  plain('Shop');
  op(Op.insert, 0, 1);
  ref(0);
  ref(2);
  for (const [name, kind] of [
    ['html', 2],
    ['body', 2],
    ['iframe', 1],
  ] as const) {
    tag(name, kind);
    u(0);
  }
  for (let i = 0; i < 3; i++) u(3);
  tree.apply(new Reader(message([Head.snapshot | Head.span, 0, 1, FORMAT])));
  const ids = new Renumberer();
  let next = first;
  let version = 1;
  let held = 0;
  const take = (woven: ReturnType<Renumberer['written']>): boolean => {
    if (!woven) return false;
    version++;
    next += woven.ids;
    held += woven.ids - woven.gone;
    assert.equal(tree.apply(new Reader(woven.message([Head.short | (version & 63)]))), true);
    return true;
  };
  return {
    element: (id: number) => tree.page?.element(id),
    write: (bytes: Uint8Array) => take(ids.written(bytes, frame, next)),
    end: () => take(ids.ended()),
    ids,
    held: () => held,
  };
}

/** What is in an element, with what its fields hold. */
function inside(el: Element | undefined): string {
  const values = [...(el?.querySelectorAll('input,textarea') ?? [])].map((f) => (f as HTMLInputElement).value);
  const shadows = [...(el?.querySelectorAll('*') ?? [])].map((e) => e.shadowRoot?.innerHTML ?? '').join('');
  return `${el?.outerHTML} ${values} ${shadows}`;
}

test('a frame’s session is the same in the page, message by message', () => {
  const alone = mirror();
  const woven = page();
  for (const [i, bytes] of session.entries()) {
    assert.equal(alone.tree.apply(new Reader(bytes)), true);
    assert.equal(woven.write(bytes), true);
    assert.equal(inside(woven.element(first + 1)), inside(alone.document.documentElement), `message ${i}`);
  }
  assert.ok(inside(woven.element(first + 1)).length > 1000);
});

for (const { name, hex } of golden) {
  test(`golden, in a frame: ${name}`, () => {
    const alone = mirror();
    const woven = page();
    for (const bytes of hex.map((h) => new Uint8Array(Buffer.from(h, 'hex')))) {
      if ((bytes[0] as number) & Head.hash && !((bytes[0] as number) & Head.short)) return; // an edge's, with a check
      alone.tree.apply(new Reader(bytes));
      try {
        woven.write(bytes);
      } catch (error) {
        assert.match(String(error), /into nothing/); // explicit ids, which only an edge writes
        return;
      }
      assert.equal(inside(woven.element(first + 1)), inside(alone.document.documentElement));
    }
  });
}

test('a new snapshot takes the place of the former, and the end leaves nothing', () => {
  const woven = page();
  assert.equal(woven.write(session[1] as Uint8Array), false, 'before a snapshot');
  woven.write(session[0] as Uint8Array);
  const before = inside(woven.element(first + 1));
  const count = () => [...Array(1000).keys()].filter((id) => woven.element(id)).length;
  const elements = count();
  woven.write(session[0] as Uint8Array);
  assert.equal(woven.element(first + 1), undefined);
  assert.equal(count(), elements);
  assert.equal(woven.end(), true);
  assert.equal(count(), 3);
  assert.equal(woven.held(), 0);
  assert.equal(woven.end(), false);
  assert.ok(before.includes('<body'));
});

test('what is garbled is a RangeError, and what it had begun is gone with the end', () => {
  let state = 1;
  const random = (n: number): number => {
    state = (state * 1103515245 + 12345) & 0x7fffffff;
    return state % n;
  };
  let refused = 0;
  for (let i = 0; i < 300; i++) {
    const woven = page();
    const bytes = (session[0] as Uint8Array).slice();
    for (let k = random(4); k >= 0; k--) bytes[random(bytes.length)] = random(256);
    try {
      woven.ids.written(random(3) === 0 ? bytes.subarray(0, random(bytes.length)) : bytes, frame, first);
    } catch (error) {
      assert.ok(error instanceof RangeError, String((error as Error).stack));
      refused++;
    }
    woven.end();
    assert.equal(woven.element(first + 1), undefined);
  }
  assert.ok(refused > 50, `only ${refused} were refused`);
});

test('more nodes than a frame may have are refused', () => {
  reset();
  op(Op.page);
  u(0);
  plain('');
  plain('');
  op(Op.insert, 0, 1);
  ref(0);
  ref(2);
  tag('html', 2);
  u(1);
  attrName('lang');
  str('et');
  for (let i = 0; i < 30_000; i++) {
    tag('p', 1);
    u(0);
  }
  u(3);
  u(3);
  const many = message([Head.snapshot | Head.span, 0, 1, FORMAT]);
  assert.throws(() => page().write(many), /ids of a frame/);
});
