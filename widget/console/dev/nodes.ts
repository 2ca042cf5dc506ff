// The invented clusters that dev/ shows to an operator: all well, or not.

import type { ClusterStatus, LinkStatus, NodeStatus } from '../nodes.ts';

const hour = 3_600_000;
const gb = 1e9;

export function cluster(scene: string): ClusterStatus {
  const at = Date.now();
  const node = (name: string, region: string, over: Partial<NodeStatus>): NodeStatus => ({
    node: name,
    role: 'core',
    region,
    public: '',
    self: name === 'kohe1',
    leader: false,
    voter: true,
    up: true,
    silent: false,
    rtt_ms: 0.4,
    why: '',
    since: 0,
    version: 'v1.4.0',
    started_at: at - 40 * 24 * hour - 3 * hour,
    applied: 182_311,
    quiet: 4_211,
    visitors: 63,
    agents: 14,
    sessions: 51,
    draining: false,
    disk_free: 412 * gb,
    ...over,
  });
  const silent = { up: false, version: '', started_at: 0, quiet: 0, visitors: 0, agents: 0, sessions: 0, disk_free: 0 };
  const edge = { role: 'edge', voter: false, applied: 0 } as const;
  const trouble = scene === 'trouble';
  const nodes = [
    node('kohe1', 'eu-north', { leader: true, disk_free: trouble ? 3.1 * gb : 412 * gb }),
    node('kohe2', 'eu-north', { started_at: at - 3 * hour, visitors: 48, agents: 9 }),
    node(
      'kohe3',
      'eu-west',
      trouble ? { ...silent, why: 'its process has ended', since: at - 140_000 } : { rtt_ms: 24.3, visitors: 31 },
    ),
    node('edge-riga-1', 'eu-baltic', { ...edge, rtt_ms: 8.2, visitors: 112, agents: 22, draining: trouble }),
    node('edge-vilnius-1', 'eu-baltic', { ...edge, rtt_ms: 11.7, visitors: 87, quiet: 9_920, sessions: 74 }),
  ];
  const pairs = nodes.flatMap((a, i) => nodes.slice(i + 1).map((b) => [a, b] as const));
  const links = pairs.map(
    ([a, b], i): LinkStatus => ({
      a: a.node,
      b: b.node,
      up: a.up && b.up,
      since: at - (i + 2) * hour,
      rtt_ms: a.region === b.region ? 0.4 : 7.9 + 3 * i,
      a_to_b: { bytes: 91_200_000 * (i + 1), packets: 200_000, lost: trouble && i === 2 ? 9000 : 20 * i },
      b_to_a: { bytes: 64_800_000 * (i + 2), packets: 180_000, lost: 11 * i },
    }),
  );
  return {
    at,
    leader: 'kohe1',
    term: 12,
    nodes,
    links,
    cells: [
      { number: 1, leader: 'kohe1', customers: 12, sessions: 204, moving: 0 },
      { number: 2, leader: trouble ? '' : 'kohe2', customers: 9, sessions: 158, moving: trouble ? 1 : 0 },
    ],
    problems: trouble
      ? [
          { code: 'node_gone', node: 'kohe3', other: '', text: 'its process has ended' },
          { code: 'fragile', node: '', other: '', text: '' },
          { code: 'disk_full', node: 'kohe1', other: '', text: '' },
          { code: 'link_lossy', node: 'edge-riga-1', other: 'kohe1', text: '' },
        ]
      : [],
  };
}
