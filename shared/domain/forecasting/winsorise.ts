/**
 * One day of one client must not bend a forecast: demand that stands alone is cut before any model sees it.
 *
 * A day is cut to `capFactor` times the larger of the asset's median over its last days with demand and its demand on the
 * observed day before. So a title that rises and stays up is believed from its second day on. Of an asset with few days nothing
 * says yet what is usual: it is believed as much as the region's largest assets vouch for.
 */
export const capFactor = 10;
/** One asset moves what is taken for the region's level by less: a region goes up and down by many assets together. */
export const levelCapFactor = 3;
const medianDays = 7;
/** An asset with fewer days of demand is young. */
export const fewestDays = 5;

export interface Capper {
  /** Demand of the next observed day, zeros included; returns what to believe of it. */
  cap(bytes: number): number;
}

/** @param mostOfYoung what a young asset's day may bring: three times that where the day before brought as much already */
export function makeCapper(factor = capFactor, mostOfYoung = Number.POSITIVE_INFINITY): Capper {
  const recent: number[] = [];
  let previous = 0;
  const mostNow = (bytes: number, before: number): number => {
    if (recent.length < fewestDays) return before < mostOfYoung ? mostOfYoung : levelCapFactor * mostOfYoung;
    // The median is only looked at where the day before does not vouch already.
    return bytes <= factor * before ? bytes : factor * Math.max(median(recent), before);
  };
  return {
    cap(bytes) {
      const before = previous;
      previous = bytes;
      if (bytes === 0) return 0;
      const believed = Math.min(bytes, mostNow(bytes, before));
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
