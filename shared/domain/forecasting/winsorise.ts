/**
 * One day of one client must not bend a forecast: demand that stands alone is cut before any model sees it.
 *
 * A day is cut to `capFactor` times the larger of the asset's median over its last days with demand and its demand on the
 * observed day before. So a title that rises and stays up is believed from its second day on. An asset with few days is
 * taken as it is: nothing says yet what is usual for it.
 */
export const capFactor = 10;
/** One asset moves what is taken for the region's level by less: a region goes up and down by many assets together. */
export const levelCapFactor = 3;
const medianDays = 7;
const fewestDays = 5;

export interface Capper {
  /** Demand of the next observed day, zeros included; returns what to believe of it. */
  cap(bytes: number): number;
}

export function makeCapper(factor = capFactor): Capper {
  const recent: number[] = [];
  let previous = 0;
  return {
    cap(bytes) {
      const before = previous;
      previous = bytes;
      if (bytes === 0) return 0;
      // The median is only looked at where the day before does not vouch already.
      const isVouched = recent.length < fewestDays || bytes <= factor * before;
      const believed = isVouched ? bytes : Math.min(bytes, factor * Math.max(median(recent), before));
      recent.push(bytes);
      if (recent.length > medianDays) recent.shift();
      return believed;
    },
  };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? upper)) / 2;
}
