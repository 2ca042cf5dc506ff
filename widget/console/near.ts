// The console begins at the node that it was loaded from, and goes on at the
// nearest edge, which is looked for once a day and when the page is idle.

import type { Welcome } from '../wire/payload.ts';
import type { Edge } from './edge.ts';
import { readJSON, writeJSON } from './settings.ts';

const key = 'kohe.near';
const day = 86_400_000; // ms

interface Near {
  at: number; // ms since 1970
  nodes: string[]; // the nearest first
}

/** Takes a connection to the nearest edge after its first welcome, once. */
export function goNear(
  edge: Edge,
  storage: Storage,
  nearest: (here: string, others: string[]) => Promise<string[]>,
): void {
  const off = edge.on('Welcome', ({ nodes }: Welcome) => {
    off();
    if (!nodes) return;
    const near = readJSON(storage, key) as Partial<Near> | null;
    if (Array.isArray(near?.nodes) && Math.abs(Date.now() - Number(near.at)) < day) edge.prefer(near.nodes);
    else whenIdle(() => void measure(nodes));
  });
  const measure = async (others: string[]): Promise<void> => {
    const nodes = await nearest(edge.node, others);
    writeJSON(storage, key, { at: Date.now(), nodes });
    edge.prefer(nodes);
  };
}

export const whenIdle: (f: () => void) => void = globalThis.requestIdleCallback ?? ((f) => setTimeout(f, 1000)); // Safari has none
