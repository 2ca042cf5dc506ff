import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { deflateSync } from 'fflate';
import { Head } from '../capture/format.ts';
import { emptyDocument } from '../testdom.ts'; // before what uses it
import { inflated, Reader } from './reader.ts';
import { Tree } from './tree.ts';

const golden = JSON.parse(readFileSync(new URL('../../dom/testdata/golden.json', import.meta.url), 'utf8'));
const session: string[] = JSON.parse(readFileSync(new URL('../../dom/testdata/session.json', import.meta.url), 'utf8'));
const bytes = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, 'hex'));

const word = (n: number): number[] => [n >>> 24, (n >>> 16) & 255, (n >>> 8) & 255, n & 255];

/** A mirror's tree on a jsdom document. */
function mirror(diverged: () => void = () => assert.fail('diverged')) {
  const document = emptyDocument();
  const tree = new Tree({ blank: () => document, viewport() {}, page() {}, frozen() {}, listed() {}, diverged });
  return { tree, document };
}

/** What the mirror adds to elements by itself. */
const ours = new Set(['sandbox', 'style']);

/** A line a node, two spaces a level, as in golden.json. */
function outline(node: Node, depth = 0): string[] {
  const pad = '  '.repeat(depth);
  const below = [...node.childNodes].flatMap((c) => outline(c, depth + 1));
  if (node.nodeType === 3) return [`${pad}'${(node as Text).data}'`];
  const el = node as Element;
  const prefix = el.namespaceURI?.endsWith('svg') ? 'svg:' : '';
  const attributes = [...el.attributes]
    .filter((a) => !ours.has(a.name) && a.value !== '')
    .map((a) => ` ${a.name}=${a.value}`)
    .join('');
  const value =
    el.localName === 'input' && (el as HTMLInputElement).value ? ` value: ${(el as HTMLInputElement).value}` : '';
  const inside = el.shadowRoot ?? (el as HTMLIFrameElement).contentDocument?.documentElement?.parentNode;
  const shadow = inside
    ? [
        `${pad}  ${el.shadowRoot ? '#shadow' : '#document'}`,
        ...[...inside.childNodes].filter((c) => c.nodeType !== 10).flatMap((c) => outline(c, depth + 2)),
      ]
    : [];
  return [pad + prefix + el.localName + attributes + value, ...shadow, ...below];
}

for (const { name, hex, tree: want } of golden.messages as { name: string; hex: string[]; tree: string[] }[]) {
  test(`golden: ${name}`, () => {
    const { tree, document } = mirror();
    for (const h of hex) assert.equal(tree.apply(new Reader(bytes(h))), true);
    assert.deepEqual(outline(document.documentElement), want);
  });
}

test('golden: the pointer record', () => {
  const { hex, x, y, buttons, target } = golden.pointer;
  const r = new Reader(bytes(hex));
  assert.deepEqual([r.z(), r.z(), r.u(), r.u(), r.done], [x, y, buttons, target, true]);
});

test('a message that the edge deflated is the same message', () => {
  for (const h of golden.messages[0].hex) {
    const message = bytes(h);
    const length = [(message.length & 127) | 128, message.length >> 7]; // its varint, for 128 to 16383
    const deflated = Uint8Array.from([Head.deflated, ...length, ...deflateSync(message)]);
    assert.deepEqual(inflated(deflated), message);
    assert.throws(() => inflated(deflated.subarray(0, deflated.length - 9)), RangeError);
  }
});

test('a gap is told and leaves the page as it was', () => {
  const { tree, document } = mirror();
  const [first, , third] = session.map((s) => new Uint8Array(Buffer.from(s, 'base64'))) as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
  ];
  assert.equal(tree.apply(new Reader(third)), false);
  assert.equal(tree.apply(new Reader(first)), true);
  const before = document.documentElement.outerHTML;
  assert.equal(tree.apply(new Reader(third)), false);
  assert.equal(document.documentElement.outerHTML, before);
});

test('a check that fails is told, one that holds is not', () => {
  const [first, second] = golden.messages[4].hex.map(bytes) as [Uint8Array, Uint8Array];
  const checked = (sum: number): Uint8Array =>
    Uint8Array.of(
      (second[0] as number) | Head.hash,
      second[1] as number,
      0,
      0,
      0,
      3,
      ...word(sum),
      ...second.subarray(2),
    );
  let sum = 2166136261;
  for (const id of [4, 6, 7, 8]) sum = Math.imul(sum ^ id, 16777619) >>> 0;
  for (const [said, times] of [
    [sum, 0],
    [sum + 1, 1],
  ] as const) {
    let diverged = 0;
    const { tree } = mirror(() => diverged++);
    tree.apply(new Reader(first));
    assert.equal(tree.apply(new Reader(checked(said))), true);
    assert.equal(diverged, times);
  }
});

test('cut and garbled messages end in a RangeError, whatever they are', () => {
  const messages = session.slice(0, 12).map((s) => new Uint8Array(Buffer.from(s, 'base64')));
  let state = 1;
  const random = (n: number): number => {
    state = (state * 1103515245 + 12345) & 0x7fffffff;
    return state % n;
  };
  let refused = 0;
  for (let i = 0; i < 300; i++) {
    const { tree } = mirror();
    const message = (messages[0] as Uint8Array).slice();
    for (let k = random(4); k >= 0; k--) message[random(message.length)] = random(256);
    try {
      tree.apply(new Reader(random(3) === 0 ? message.subarray(0, random(message.length)) : message));
    } catch (error) {
      assert.ok(error instanceof RangeError, String((error as Error).stack));
      refused++;
    }
  }
  assert.ok(refused > 50, `only ${refused} were refused`);
});
