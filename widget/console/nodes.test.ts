import assert from 'node:assert/strict';
import { test } from 'node:test';
import { byRegion, joinCommand, loss, type NodeStatus, size, span, standing, votes } from './nodes.ts';

const node = (change: Partial<NodeStatus>): NodeStatus => ({
  node: 'n1',
  role: 'core',
  region: '',
  public: '',
  self: false,
  leader: false,
  voter: true,
  up: true,
  silent: false,
  rtt_ms: 0,
  why: '',
  since: 0,
  version: 'v1',
  started_at: 1,
  applied: 1,
  quiet: 0,
  visitors: 0,
  agents: 0,
  sessions: 0,
  draining: false,
  disk_free: 1,
  ...change,
});

test('a node that is gone is gone, whatever it was before', () => {
  assert.equal(standing(node({ up: false, leader: true, draining: true })), 'gone');
  assert.equal(standing(node({ silent: true, leader: true })), 'silent');
  assert.equal(standing(node({ draining: true, quiet: 1 })), 'draining');
  assert.equal(standing(node({ draining: true, sessions: 3, leader: true })), 'drained');
  assert.equal(standing(node({ voter: false })), 'catchingUp');
  assert.equal(standing(node({ voter: false, role: 'edge' })), 'up');
  assert.equal(standing(node({ leader: true })), 'leads');
});

test('regions come by name, nodes of none last', () => {
  const nodes = [node({ node: 'a' }), node({ node: 'b', region: 'south' }), node({ node: 'c', region: 'north' })];
  assert.deepEqual(
    byRegion(nodes).map(([region]) => region),
    ['north', 'south', ''],
  );
});

test('more than half of the voting nodes are needed', () => {
  assert.deepEqual(votes([node({}), node({ up: false }), node({}), node({ voter: false })]), {
    all: 3,
    up: 2,
    needed: 2,
  });
  assert.equal(votes([node({}), node({})]).needed, 2);
});

test('spans, sizes and losses are short', () => {
  assert.equal(span(0, 'en'), '0 sec');
  assert.equal(span(59_999, 'en'), '59 sec');
  assert.equal(span(3_599_000, 'en'), '59 min');
  assert.equal(span(3 * 3_600_000 + 12 * 60_000, 'en'), '3 hr 12 min');
  assert.equal(span(86_400_000, 'en'), '1 day');
  assert.equal(size(999, 'en'), '999 byte');
  assert.equal(size(1_530_000, 'en'), '1.5 MB');
  assert.equal(size(999_900, 'en'), '1 MB');
  assert.equal(size(5e15, 'en'), '5,000 TB');
  assert.equal(loss({ bytes: 0, packets: 0, lost: 0 }), 0);
});

test('the command to join names the region only if there is one', () => {
  assert.equal(joinCommand('T', 'n4', 'h:1', ''), 'kohe cluster join T --node n4 --address h:1');
  assert.match(joinCommand('T', 'n4', 'h:1', 'eu'), / --region eu$/);
});
