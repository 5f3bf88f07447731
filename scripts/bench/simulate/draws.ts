/** What made request logs are drawn with. */
import type { RandomShare } from '../../../shared/domain/forecasting/popularity/random.ts';

export interface Draw {
  /** Mean 1. */
  exponential(): number;
  /** Bytes, log-normal around 1 MB. */
  size(): number;
}

export function makeDraw(random: RandomShare): Draw {
  const exponential = (): number => -Math.log(1 - random());
  const normal = (): number => Math.sqrt(2 * exponential()) * Math.cos(2 * Math.PI * random());
  return { exponential, size: () => Math.max(2_000, Math.round(1e6 * Math.exp(normal()))) };
}

/** Draws ranks 0 … count-1 by their weights. */
export function makeRanks(random: RandomShare, count: number, weightOf: (rank: number) => number): () => number {
  const sums: number[] = [];
  let total = 0;
  for (let rank = 0; rank < count; rank += 1) {
    total += weightOf(rank);
    sums.push(total);
  }
  return () => {
    const wanted = random() * total;
    let low = 0;
    let high = count - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((sums[middle] ?? 0) < wanted) low = middle + 1;
      else high = middle;
    }
    return low;
  };
}
