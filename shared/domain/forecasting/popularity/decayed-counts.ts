/**
 * How often each of many series was asked for, at several time scales at once: exponentially decayed counts, brought up
 * to date only when a series is touched or read. Constant space for each series.
 */
import type { Room } from '../../room.ts';

const hourS = 3_600;

/** From what is rising within the hour to what lasts for weeks. */
export const halfLivesS: readonly number[] = [0.5, 2, 8, 24, 72, 288].map((hours) => hours * hourS);
export const scales = halfLivesS.length;
/** Mean age of a decayed count: a steady rate of r a second shows as r times this. */
export const meanAgesS = Float64Array.from(halfLivesS, (halfLifeS) => halfLifeS / Math.LN2);

export interface DecayedCounts {
  add(series: number, timeS: number, count: number): void;
  /** Writes the counts as of a time into `into`. */
  read(series: number, timeS: number, into: Float64Array): void;
  /** One scale's count as of a time: a fraction of the work of `read`. */
  readOne(series: number, timeS: number, scale: number): number;
  /** Time of the last request, or -Infinity. */
  lastS(series: number): number;
  /** Makes the place that of a series that was never seen. */
  clear(series: number): void;
}

export function makeDecayedCounts(room: Room): DecayedCounts {
  const counts = room.column((length) => new Float64Array(length), scales);
  const last = room.column((length) => new Float64Array(length).fill(Number.NEGATIVE_INFINITY));
  return {
    add: (series, timeS, count) => {
      const cells = counts.cells;
      const elapsedS = Math.max(0, timeS - (last.cells[series] ?? timeS));
      for (let scale = 0, at = series * scales; scale < scales; scale += 1, at += 1) {
        // Of what was never seen nothing is left: exp(-Infinity) is 0.
        const kept = elapsedS > 0 ? Math.exp(-elapsedS / (meanAgesS[scale] ?? 1)) : 1;
        cells[at] = (cells[at] ?? 0) * kept + count;
      }
      last.cells[series] = timeS;
    },
    read: (series, timeS, into) => {
      const cells = counts.cells;
      const elapsedS = Math.max(0, timeS - (last.cells[series] ?? timeS));
      for (let scale = 0, at = series * scales; scale < scales; scale += 1, at += 1)
        into[scale] = decayed(cells[at] ?? 0, elapsedS, scale);
    },
    readOne: (series, timeS, scale) =>
      decayed(counts.cells[series * scales + scale] ?? 0, Math.max(0, timeS - (last.cells[series] ?? timeS)), scale),
    lastS: (series) => last.cells[series] ?? Number.NEGATIVE_INFINITY,
    clear: (series) => {
      counts.cells.fill(0, series * scales, (series + 1) * scales);
      last.cells[series] = Number.NEGATIVE_INFINITY;
    },
  };
}

/** Most reads are of what was asked for just now, or never there: neither needs the exponential. */
const decayed = (count: number, elapsedS: number, scale: number): number =>
  count === 0 || elapsedS === 0 ? count : count * Math.exp(-elapsedS / (meanAgesS[scale] ?? 1));
