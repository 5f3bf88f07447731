/**
 * The fill window on a region's clock: when it opens and closes, and which day it prepares.
 *
 * A window belongs to the day it prepares: one that opens before noon prepares the day it opens on, one that opens at
 * noon or later the day after. `start` equal to `end` is a window of a whole day. A window is half-open: `[start, end)`.
 * On the night clocks go forward a window that lies inside the lost hour is empty and is passed over.
 */
import type { FillWindow } from '../fleet.ts';
import { addDays, localDate, localInstant, minutesOfDay } from './local-time.ts';

/** One night's window as instants, Unix milliseconds. */
export interface WindowSpan {
  /** The day that the window prepares, on the region's calendar. */
  readonly date: string;
  readonly startMs: number;
  readonly endMs: number;
}

const noon = 12 * 60;

/** The window that prepares `date`. May be empty (`startMs === endMs`), see above. */
export function windowFor(date: string, window: FillWindow, timeZone: string): WindowSpan {
  const opens = minutesOfDay(window.start) < noon ? date : addDays(date, -1);
  const closes = minutesOfDay(window.end) > minutesOfDay(window.start) ? opens : addDays(opens, 1);
  return {
    date,
    startMs: localInstant(opens, window.start, timeZone),
    endMs: localInstant(closes, window.end, timeZone),
  };
}

/** The window that is open at an instant, or the next one to open. */
export function comingWindow(atMs: number, window: FillWindow, timeZone: string): WindowSpan {
  const today = localDate(atMs, timeZone);
  // The window of yesterday's date may still be open; two empty nights in a row do not exist.
  for (let offset = -1; offset <= 4; offset += 1) {
    const span = windowFor(addDays(today, offset), window, timeZone);
    if (span.endMs > atMs && span.endMs > span.startMs) return span;
  }
  throw new RangeError(`no fill window within four days of ${new Date(atMs).toISOString()} in ${timeZone}`);
}

/** Milliseconds of a window that are left at an instant; its whole length before it opens. */
export const remainingMs = (span: WindowSpan, atMs: number): number =>
  Math.max(0, span.endMs - Math.max(atMs, span.startMs));

/** Daily cron pattern (five fields, on the region's clock) `leadMinutes` before the window opens. */
export function cronBeforeWindow(window: FillWindow, leadMinutes: number): string {
  const minutes = (((minutesOfDay(window.start) - leadMinutes) % 1440) + 1440) % 1440;
  return `${minutes % 60} ${Math.floor(minutes / 60)} * * *`;
}
