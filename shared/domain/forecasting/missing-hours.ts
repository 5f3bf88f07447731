/**
 * How much of each day was reported.
 *
 * Hours of which a region reported nothing although it uses to be busy in them were lost (control was down, telemetry was dropped, a log
 * was imported in part): without them the day would look like falling demand. A day is taken as whole by what its other hours use to
 * make of one; a day of which less than half is there says too little, and counts as missing. Quiet hours, and regions with little
 * demand, are left alone: there an hour without any is nothing unusual.
 */
import { median } from 'simple-statistics';
import { dayBounds, dayNumber } from '../time/local-time.ts';

/** Days from which on it is known what is usual. */
const fewestDays = 7;
/** Titles that were watched in the missing hours on other days, summed over them: fewer can be missing by chance. */
const leastTitles = 20;
/** A day of which less is there counts as missing. */
export const leastReported = 0.5;
const hourMs = 3_600_000;
const hours = 24;

interface DayHours {
  /** By hours since local midnight. */
  readonly bytes: Float64Array;
  readonly titles: Float64Array;
  /** Of a day that a table gives as a whole no hour is missing. */
  isWhole: boolean;
}

export interface HourCounts {
  /** One row of the log: `date` is the region's, day and hour are UTC. */
  add(date: string, day: string, hour: number | null, bytes: number): void;
  /** Share of a day that was reported, by days since 1970-01-01; only those of which a part is missing. */
  reported(): ReadonlyMap<number, number>;
}

export function makeHourCounts(timeZone: string): HourCounts {
  const days = new Map<string, DayHours>();
  const midnights = new Map<string, number>();
  const midnightOf = (date: string): number => {
    const known = midnights.get(date) ?? Math.floor(dayBounds(date, timeZone).startMs / hourMs);
    midnights.set(date, known);
    return known;
  };
  let last: { readonly date: string; readonly counts: DayHours } | null = null;

  return {
    add(date, day, hour, bytes) {
      if (last?.date !== date) {
        const empty = { bytes: new Float64Array(hours + 2), titles: new Float64Array(hours + 2), isWhole: false };
        const counts = days.get(date) ?? empty;
        days.set(date, counts);
        last = { date, counts };
      }
      const { counts } = last;
      if (hour === null) {
        counts.isWhole = true;
        return;
      }
      const at = dayNumber(day) * hours + hour - midnightOf(date);
      counts.bytes[at] = (counts.bytes[at] ?? 0) + bytes;
      counts.titles[at] = (counts.titles[at] ?? 0) + 1;
    },

    reported() {
      const found = new Map<number, number>();
      const told = [...days.values()].filter(({ isWhole }) => !isWhole);
      if (told.length < fewestDays) return found;
      const usual = Array.from({ length: hours }, (_, at) => ({
        share: median(told.map(({ bytes }) => (bytes[at] ?? 0) / Math.max(1, sumOf(bytes)))),
        titles: median(told.map(({ titles }) => titles[at] ?? 0)),
      }));
      const all = usual.reduce((sum, { share }) => sum + share, 0);
      for (const [date, { titles, isWhole }] of days) {
        if (isWhole) continue;
        const { startMs, endMs } = dayBounds(date, timeZone);
        // On the day of 23 hours the last one is not missing.
        const missing = usual.slice(0, Math.round((endMs - startMs) / hourMs)).filter((_, at) => !titles[at]);
        if (missing.reduce((sum, { titles }) => sum + titles, 0) < leastTitles) continue;
        found.set(dayNumber(date), 1 - missing.reduce((sum, { share }) => sum + share, 0) / all);
      }
      return found;
    },
  };
}

const sumOf = (values: Float64Array): number => values.reduce((sum, value) => sum + value, 0);
