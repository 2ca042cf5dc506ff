// Sums that tell whether a node is what the edge has (dom/FORMAT.md).

export interface Check {
  id: number;
  sum: number;
}

/** FNV-1a of 32 bits over 32-bit values: a text's code units, or the ids of what is inside any other node. */
export function sumOf(values: Iterable<number>): number {
  let sum = 2166136261;
  for (const value of values) sum = Math.imul(sum ^ value, 16777619);
  return sum >>> 0;
}

export function* unitsOf(text: string): Iterable<number> {
  for (let i = 0; i < text.length; i++) yield text.charCodeAt(i);
}
