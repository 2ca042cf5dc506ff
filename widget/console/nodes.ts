// The cluster as operators see it: what the node answers (edge/api/status.go),
// and how that is ordered and worded. Pure.

export interface NodeStatus {
  node: string;
  role: 'core' | 'edge';
  region: string;
  public: string; // where browsers find it
  self: boolean; // it answers
  leader: boolean;
  voter: boolean;
  up: boolean; // connected
  silent: boolean; // up, but it did not report
  rtt_ms: number; // between it and the node that answers
  why: string; // not up, or silent: why, in English
  since: number; // not up: since when; 0: since the node that answers started
  version: string; // "": it did not report
  started_at: number;
  applied: number;
  quiet: number;
  visitors: number;
  agents: number;
  sessions: number;
  draining: boolean;
  disk_free: number; // bytes
}
export interface Traffic {
  bytes: number; // since they are connected
  packets: number; // within the last minute
  lost: number; // packets
}
export interface LinkStatus {
  a: string;
  b: string;
  up: boolean;
  since: number;
  rtt_ms: number;
  a_to_b: Traffic;
  b_to_a: Traffic;
}
export const problemCodes = [
  'unsteady',
  'no_leader',
  'nobody_in',
  'node_gone',
  'fragile',
  'node_silent',
  'unsettled',
  'link_down',
  'disk_full',
  'link_lossy',
  'catching_up',
] as const;
export type ProblemCode = (typeof problemCodes)[number];
export interface Problem {
  code: ProblemCode;
  node: string;
  other: string;
  text: string; // what the node itself said, in English
}
export interface CellStatus {
  number: number;
  leader: string; // "": none
  customers: number;
  sessions: number; // live
  moving: number; // customers on the way to another cell
}
export interface ClusterStatus {
  at: number;
  through?: string; // the edge that this console is connected to; "": a core node
  leader: string;
  term: number;
  // As the node that answers heard; a node of the version before says nothing of it.
  leader_since?: number; // 0: nobody leads
  leader_changes?: number; // within the last hour
  cells?: CellStatus[]; // a node of the version before says nothing of them
  problems: Problem[];
  nodes: NodeStatus[];
  links: LinkStatus[];
}
export interface Invitation {
  token: string;
  role: 'core' | 'edge';
  expires_at: number;
}

/** How a node stands, for its label. */
export type Standing = 'gone' | 'silent' | 'drained' | 'draining' | 'catchingUp' | 'leads' | 'up';

export function standing(n: NodeStatus): Standing {
  if (!n.up) return 'gone';
  if (n.silent) return 'silent';
  if (n.draining) return n.visitors + n.quiet + n.agents > 0 ? 'draining' : 'drained';
  if (n.role === 'core' && !n.voter) return 'catchingUp';
  return n.leader ? 'leads' : 'up';
}

/** Nodes by region, the regions in order of name, those of none last. */
export function byRegion(nodes: readonly NodeStatus[]): [region: string, nodes: NodeStatus[]][] {
  const regions = new Map<string, NodeStatus[]>();
  for (const n of nodes) regions.set(n.region, [...(regions.get(n.region) ?? []), n]);
  return [...regions].sort(([a], [b]) => (a === '' ? 1 : b === '' ? -1 : a.localeCompare(b)));
}

/** How many voting nodes there are, how many of them are there, and how many are needed. */
export function votes(nodes: readonly NodeStatus[]): { all: number; up: number; needed: number } {
  const voters = nodes.filter((n) => n.voter);
  return {
    all: voters.length,
    up: voters.filter((n) => n.up).length,
    needed: Math.floor(voters.length / 2) + 1,
  };
}

/** The share of packets that got lost, 0 to 1. */
export const loss = ({ lost, packets }: Traffic): number => lost / Math.max(packets, 1);

const units = [
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
  ['second', 1],
] as const;

/** A length of time in its largest unit, and in the next one while that is small: "3 hr 12 min". */
export function span(ms: number, language: string): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const at = units.findIndex(([, of]) => seconds >= of);
  if (at < 0 || at >= 2) {
    const [unit, of] = units[at < 0 ? 3 : at] ?? units[3];
    return number(Math.floor(seconds / of), language, { unit });
  }
  return units
    .slice(at, at + 2)
    .map(([unit, of], i) => [unit, Math.floor((i === 0 ? seconds : seconds % (units[at]?.[1] ?? 1)) / of)] as const)
    .filter(([, n]) => n > 0)
    .map(([unit, n]) => number(n, language, { unit }))
    .join(' ');
}

const sizes = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte'] as const;

/** A number of bytes, with a decimal prefix. */
export function size(bytes: number, language: string): string {
  let [value, i] = [bytes, 0];
  for (; value >= 999.5 && i < sizes.length - 1; i++) value /= 1000;
  return number(value, language, { unit: sizes[i], maximumFractionDigits: value < 10 && i > 0 ? 1 : 0 });
}

/** A round trip. */
export function trip(ms: number, language: string): string {
  return number(ms, language, { unit: 'millisecond', maximumFractionDigits: ms < 10 ? 1 : 0 });
}

/** How many there are of something. */
export function count(n: number, language: string): string {
  return new Intl.NumberFormat(language).format(n);
}

export function percent(share: number, language: string): string {
  return new Intl.NumberFormat(language, { style: 'percent', maximumFractionDigits: 1 }).format(share);
}

function number(value: number, language: string, options: Intl.NumberFormatOptions): string {
  return new Intl.NumberFormat(language, { style: 'unit', unitDisplay: 'short', ...options }).format(value);
}

/** What to run on the new node's machine. */
export function joinCommand(token: string, node: string, address: string, region: string): string {
  return `kohe cluster join ${token} --node ${node} --address ${address}${region ? ` --region ${region}` : ''}`;
}
