/** How long something took lately, and what most of it stayed below. */
export interface Delays {
  record(ms: number): void;
  /** What 95 of 100 stayed below; null until enough is known. */
  p95Ms(): number | null;
}

const remembered = 64;
const leastKnown = 16;

export function makeDelays(): Delays {
  const recent: number[] = [];
  let next = 0;
  let known: number | null = null;
  return {
    record(ms) {
      // Clocks are set back now and then.
      recent[next] = Math.max(0, ms);
      next = (next + 1) % remembered;
      known = null;
    },
    p95Ms() {
      if (recent.length < leastKnown) return null;
      known ??= recent.toSorted((a, b) => a - b)[Math.ceil(recent.length * 0.95) - 1] ?? null;
      return known;
    },
  };
}
