/** Full jitter: a random time between 0 and min(30 s, 0.5 s × 2ⁿ), in ms. */
export function backoff(attempt: number): number {
  return Math.random() * Math.min(30_000, 500 * 2 ** attempt);
}
