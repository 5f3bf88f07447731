/**
 * What may be believed of assets that have few days: one client that fetches a title all day which nobody asked for before would count
 * for more than all others together, and lift them with the region's level.
 *
 * A day may bring three times what the largest of the grown assets brings on a day, or, where new titles lead, the largest
 * of the new ones as a rule; and nine times if the day before brought as much already, since abuse may go on past midnight. A real
 * premiere leads by then. Where no asset has grown yet, all are believed.
 */
import { fewestDays, levelCapFactor } from './winsorise.ts';

interface AssetDays {
  readonly length: number;
  /** Places on the axis. */
  readonly days: Uint16Array;
}

/** @param size observed days */
export function makeYoungCells(size: number) {
  let largestMean = 0;
  /** By day, of all young assets. */
  const largestYoung = new Float64Array(size);
  /** Of days that were beyond what was known then. */
  const doubted: { readonly day: number; readonly bytes: number; readonly before: number }[] = [];

  return {
    /** @param believed of each of its days, as far as its own past says */
    add({ length, days }: AssetDays, believed: Float64Array): void {
      // In a region this young no asset can have grown, and all are believed.
      if (size < fewestDays) return;
      for (let at = 0; at < Math.min(length, fewestDays); at += 1) {
        const [day = 0, bytes = 0] = [days[at], believed[at]];
        const before = at > 0 && days[at - 1] === day - 1 ? (believed[at - 1] ?? 0) : 0;
        largestYoung[day] = Math.max(largestYoung[day] ?? 0, bytes);
        if (bytes > levelCapFactor * largestMean) doubted.push({ day, bytes, before });
      }
      if (length < fewestDays) return;
      let sum = 0;
      for (let at = 0; at < length; at += 1) sum += believed[at] ?? 0;
      largestMean = Math.max(largestMean, sum / length);
    },

    /** Bytes a day, once all assets were added. */
    most(): number {
      if (largestMean === 0) return Number.POSITIVE_INFINITY;
      const usual = largestYoung.toSorted()[size >> 1] ?? 0;
      return levelCapFactor * Math.max(largestMean, usual);
    },

    /** What days brought beyond that. */
    *beyond(most: number): Generator<{ readonly day: number; readonly excess: number }> {
      for (const { day, bytes, before } of doubted) {
        const believed = before < most ? most : levelCapFactor * most;
        if (bytes > believed) yield { day, excess: bytes - believed };
      }
    },
  };
}
