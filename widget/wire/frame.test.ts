import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { encode, idBytes, idText, isDoubled, laneOf, newId, Splitter, split, WireFault } from './frame.ts';
import { Kind } from './payload.ts';

interface Golden {
  frames: {
    name: string;
    kind: number;
    seq: number;
    payload: string;
    repeat?: number;
    header: string;
    lane: string;
    doubled: boolean;
  }[];
  bad: { name: string; hex: string; code: string }[];
}
const path = new URL('../../relay/wire/testdata/golden.json', import.meta.url);
const golden = JSON.parse(readFileSync(path, 'utf8')) as Golden;
const bytes = (hex: string) => new Uint8Array(Buffer.from(hex, 'hex'));

test('golden frames are read and written as Go does', () => {
  for (const g of golden.frames) {
    const payload = bytes(g.payload.repeat(g.repeat ?? 1));
    const whole = new Uint8Array([...bytes(g.header), ...payload]);
    assert.deepEqual(encode(g.kind, g.seq, payload), whole, g.name);
    const found = split(new Uint8Array([...whole, 0xaa]), 0);
    assert.deepEqual(found, { frame: { kind: g.kind, seq: g.seq, payload }, next: whole.length }, g.name);
    assert.equal(laneOf(g.kind), g.lane, g.name);
    assert.equal(isDoubled(g.kind), g.doubled, g.name);
  }
});

test('golden frames name every kind there is', () => {
  const named = new Set(golden.frames.map((g) => g.kind));
  assert.deepEqual([...named].sort(), Object.values(Kind).sort());
});

test('golden bad bytes are refused with their code', () => {
  for (const { name, hex, code } of golden.bad) {
    if (!code) assert.equal(split(bytes(hex), 0), null, name);
    else
      assert.throws(
        () => split(bytes(hex), 0),
        (e) => e instanceof WireFault && e.code === code,
        name,
      );
  }
});

test('a byte stream gives the same frames however it is cut', () => {
  const small = golden.frames.filter((g) => !g.repeat);
  const stream = small.flatMap((g) => [...encode(g.kind, g.seq, bytes(g.payload))]);
  for (const size of [1, 2, 3, 7, 64, stream.length]) {
    const splitter = new Splitter();
    const frames = [];
    for (let at = 0; at < stream.length; at += size) {
      frames.push(...splitter.push(new Uint8Array(stream.slice(at, at + size))));
    }
    assert.deepEqual(
      frames.map(({ kind, seq }) => [kind, seq]),
      small.map(({ kind, seq }) => [kind, seq]),
    );
    assert.equal(splitter.inside, false);
  }
});

test('ids go to bytes and back', () => {
  const known = idBytes('abcdefghijklmnopqrstuvwxy4');
  assert.equal(idText(known), 'abcdefghijklmnopqrstuvwxy4');
  assert.equal(
    Buffer.from(known).toString('hex'),
    golden.frames.find((g) => g.name === 'a pointer')?.payload.slice(0, 32),
  );
  for (let i = 0; i < 100; i++) {
    const id = newId();
    assert.match(id, /^[a-z2-7]{26}$/);
    assert.equal(idText(idBytes(id)), id);
  }
  assert.throws(() => idBytes('no id'), RangeError);
});
