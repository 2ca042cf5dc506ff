// Which edge is nearest: the one whose answers take least time. A page measures
// when it has nothing else to do, not while somebody waits: it connects at once
// where it was sent, and moves when another edge is clearly nearer. Loaded on
// demand by the loader, part of the console.
//
// Round trips are compared on connections that are open already. A race of first
// handshakes would be won by whoever's name and certificate were at hand.

const path = '/kohe/near'; // answers at once, with nothing
const mostEdges = 8; // measured; the node names one of each region first
const samples = 3; // round trips; the least one counts
const within = 3000; // ms for one
const margin = 5; // ms by which, and
const part = 0.8; // of its time within which another edge must answer to be worth a move

/** The edges that answer, the nearest first; `here` before those that are hardly nearer. */
export async function nearest(here: string, others: readonly string[], measure = roundTrip): Promise<string[]> {
  const edges = [here, ...others.filter((edge) => edge !== here).slice(0, mostEdges)];
  const times = new Map<string, number>();
  await Promise.all(edges.map(async (edge) => times.set(edge, await measure(edge))));
  const time = (edge: string): number => times.get(edge) as number;
  const own = time(here);
  times.set(here, own < Infinity ? Math.min(own * part, own - margin) : own);
  return edges.filter((edge) => time(edge) < Infinity).sort((a, b) => time(a) - time(b));
}

/** The shortest of some round trips to an edge, ms; Infinity if it does not answer, or sends its clients away. */
export async function roundTrip(edge: string): Promise<number> {
  let least = Infinity;
  try {
    for (let i = 0; i <= samples; i++) {
      const sent = performance.now();
      const { ok } = await fetch(edge + path, {
        cache: 'no-store',
        credentials: 'omit',
        referrerPolicy: 'no-referrer',
        signal: AbortSignal.timeout(within),
      });
      if (!ok) return Infinity;
      if (i) least = Math.min(least, performance.now() - sent); // the first one opened the connection
    }
  } catch {
    return Infinity;
  }
  return least;
}
