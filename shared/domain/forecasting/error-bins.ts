/**
 * How wide the 80% interval is, in an asset's own scale of error: counted in bins, so that a million assets' errors take
 * the space of one.
 */
const binsAnOctave = 6;
const octavesBelow = 8;
/** The first bin holds errors of less than half a byte, which are none; the last those beyond all measure. */
export const binCount = 2 + 2 * octavesBelow * binsAnOctave;
const edge = (bin: number): number => (bin <= 0 ? 0 : 2 ** ((bin - 1) / binsAnOctave - octavesBelow));

export function binOf(error: number, scale: number): number {
  if (error < 0.5) return 0;
  if (!(scale > 0)) return binCount - 1;
  const place = 2 + Math.floor((Math.log2(error / scale) + octavesBelow) * binsAnOctave);
  return Math.min(binCount - 1, Math.max(1, place));
}

/** The width that holds `share` of what was counted; even inside a bin. */
export function widthOf(counts: Float64Array, share: number): number {
  let total = 0;
  for (const count of counts) total += count;
  let left = share * total;
  for (let bin = 0; bin < counts.length; bin += 1) {
    const count = counts[bin] ?? 0;
    if (count >= left && count > 0) return edge(bin - 1) + (edge(bin) - edge(bin - 1)) * Math.min(1, left / count);
    left -= count;
  }
  return edge(counts.length - 1);
}

/** How many of what was counted lie within a width. */
export function countWithin(counts: Float64Array, width: number): number {
  let sum = 0;
  for (let bin = 0; bin < counts.length; bin += 1) {
    const low = edge(bin - 1);
    const high = edge(bin);
    if (high <= width) sum += counts[bin] ?? 0;
    else if (low < width) sum += ((counts[bin] ?? 0) * (width - low)) / (high - low);
  }
  return sum;
}
