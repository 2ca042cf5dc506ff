// What all of capture shares. A page is captured once at a time, so capture's
// state is that of its modules; together they are small enough for a phone.

import { DOCUMENT, type Op } from './format.ts';
import type { TagKind } from './kinds.ts';
import type { Part } from './part.ts';
import type { Root } from './roots.ts';

/** What is watched besides nodes, in the order in which it is written. */
export const parts: Part[] = [];

/** What is told to who captures. */
export interface Told {
  /** Something changed that no MutationObserver sees. */
  signalled(): void;
  mutated(records: MutationRecord[]): void;
  happened(event: Event): void;
  /** An element may have another root than before. */
  rerooted(host: Element): void;
  /** There is a new root. */
  rooted(root: Root): void;
  /** There is a new element. */
  arrived(el: Element, kind: TagKind): void;
}
export let told: Told;

export function tell(whom: Told): void {
  told = whom;
}

/** Something changed that no MutationObserver sees. */
export function signal(): void {
  told.signalled();
}

/** How much is being read that the page is not whole without. */
export let awaited = 0;

const patience = 2000; // ms that a snapshot is partial because of what is being read

/** Something is being read that belongs to the snapshot. */
export function expect(work: Promise<unknown>): void {
  awaited++;
  Promise.race([work, new Promise((done) => setTimeout(done, patience))]).finally(() => {
    awaited--;
    signal();
  });
}

/** Known nodes that are to be sent again, because they came under a mask, say. */
export const repeated = new Set<Node>();

/** Has an element's attributes sent again. */
export function again(el: Element): void {
  repeated.add(el);
  signal();
}

let said = new WeakMap<object, unknown[]>();

/** What the mirror was told last of a node, a sheet, a rule or (`window`) the page, in an operation. */
export function saidOf(of: object, op: Op): unknown {
  return said.get(of)?.[op];
}

/** Whether something is not what the mirror was told, or shows if it was told nothing. From now on it counts as told. */
export function news(of: object, op: Op, now: unknown, unsaid?: unknown): boolean {
  const all = said.get(of) ?? [];
  if (now === (all[op] ?? unsaid)) return false;
  all[op] = now;
  said.set(of, all);
  return true;
}

// Ids. A node carries its id as a property under a symbol: measured over 100,000
// nodes this is five times as fast as a WeakMap, and cloneNode does not copy it.
// Ids rise for the life of the page, so those of an earlier snapshot are below
// `base` and count as unknown. The lowest bit says that the node is masked.
const key: unique symbol = Symbol('kohe');
type Stamped = Node & { [key]?: number | undefined };

let next = DOCUMENT + 1;
let base = 2 * next;

/** Forgets all nodes, and what was said: a new snapshot begins. */
export function forgetAll(): void {
  base = 2 * next;
  said = new WeakMap();
}

export function nextId(): number {
  return next;
}

/** Gives the next id to what is no node. */
export function newId(): number {
  return next++;
}

/** The id that the mirror knows a node by, 0 for none. */
export function idOf(node: Node): number {
  const stamp = (node as Stamped)[key] as number;
  return stamp >= base ? stamp >>> 1 : node === document ? DOCUMENT : 0;
}

/** Whether the content of a node is masked. Once masked it stays so, also when it goes and comes again. */
export function isMasked(node: Node): boolean {
  return (((node as Stamped)[key] as number) & 1) > 0;
}

/** Gives the next id to a node. */
export function stamp(node: Node, masked: boolean): void {
  (node as Stamped)[key] = next++ * 2 + +masked;
}

export function stampMasked(node: Node): void {
  ((node as Stamped)[key] as number) |= 1;
}

/** Makes a node unknown; that it was masked is not forgotten. */
export function unstamp(node: Node): void {
  ((node as Stamped)[key] as number) &= 1;
}

/** Lets `to` take the place and id of `from`. */
export function passStamp(from: Node, to: Node): void {
  (to as Stamped)[key] = (from as Stamped)[key];
  (from as Stamped)[key] = 0;
}
