import type { Model } from './model.ts';

const weeksKept = 4;
const fewestWeeks = 3;

/**
 * The winsorised mean of the last four days of the same weekday: the largest and the smallest count as their neighbours
 * do. An asset that has not lived through three of them yet is taken as its mean so far.
 */
export const seasonalMean: Model = {
  name: 'seasonal-mean/1',
  begin() {
    const kept = new Float64Array(7 * weeksKept);
    const counts = new Uint32Array(7);
    let sum = 0;
    let days = 0;
    return {
      expect({ weekday, factor }) {
        const count = Math.min(counts[weekday] ?? 0, weeksKept);
        if (count < fewestWeeks) return days > 0 ? (sum / days) * factor : 0;
        return winsorisedMean(kept, weekday * weeksKept, count);
      },
      observe({ weekday, factor }, bytes) {
        const count = counts[weekday] ?? 0;
        kept[weekday * weeksKept + (count % weeksKept)] = bytes;
        counts[weekday] = count + 1;
        sum += bytes / factor;
        days += 1;
      },
    };
  },
};

/** Of three or four values that is the mean of those between the smallest and the largest. */
function winsorisedMean(values: Float64Array, from: number, count: number): number {
  let least = from;
  let most = from;
  for (let at = from; at < from + count; at += 1) {
    if ((values[at] ?? 0) < (values[least] ?? 0)) least = at;
    if ((values[at] ?? 0) >= (values[most] ?? 0)) most = at;
  }
  let sum = 0;
  for (let at = from; at < from + count; at += 1) if (at !== least && at !== most) sum += values[at] ?? 0;
  return sum / (count - 2);
}
