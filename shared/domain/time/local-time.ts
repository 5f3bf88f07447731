/**
 * Wall-clock time of a zone and instants, in both directions.
 *
 * Instants are Unix milliseconds. luxon knows the zones; the rules for the two odd hours of the year are written here,
 * because every window depends on them:
 *
 * - a wall-clock time that does not exist (clocks go forward) means the instant of the jump;
 * - a wall-clock time that exists twice (clocks go back) means the first of the two.
 *
 * So a later wall-clock time of one day never comes before an earlier one, and a span never grows unasked at its end.
 */
import { DateTime, IANAZone } from 'luxon';

const minuteMs = 60_000;
const dayMs = 86_400_000;

const zones = new Map<string, IANAZone>();

/** @throws RangeError for a name that is no IANA time zone. */
function zoneOf(timeZone: string): IANAZone {
  const known = zones.get(timeZone);
  if (known) return known;
  const zone = IANAZone.create(timeZone);
  if (!zone.isValid) throw new RangeError(`${timeZone} is not an IANA time zone`);
  zones.set(timeZone, zone);
  return zone;
}

export const isTimeZone = (timeZone: string): boolean => IANAZone.isValidZone(timeZone);

/** `YYYY-MM-DD` as the number of days since 1970-01-01. @throws RangeError for anything else. */
export function dayNumber(date: string): number {
  const ms = midnightMs(date);
  if (ms === null) throw new RangeError(`${date} is not a date`);
  return ms / dayMs;
}

function midnightMs(date: string): number | null {
  const ms = /^\d{4}-\d{2}-\d{2}$/.test(date) ? Date.parse(`${date}T00:00:00Z`) : Number.NaN;
  return Number.isNaN(ms) || dateOfDayNumber(ms / dayMs) !== date ? null : ms;
}

/** A day that the calendar has, as `YYYY-MM-DD`. */
export const isDate = (text: string): boolean => midnightMs(text) !== null;

/** An instant that says its offset, or `Z`, in UTC; null for anything else. */
export function readInstant(text: string): string | null {
  const ms = /T.*(Z|[+-]\d{2}:?\d{2})$/i.test(text) ? Date.parse(text) : Number.NaN;
  return ms > 0 ? new Date(ms).toISOString() : null;
}

/** The other way round. */
export const dateOfDayNumber = (day: number): string => new Date(day * dayMs).toISOString().slice(0, 10);

export const addDays = (date: string, days: number): string => dateOfDayNumber(dayNumber(date) + days);

/** Minutes since midnight of `HH:MM`. @throws RangeError for anything else. */
export function minutesOfDay(time: string): number {
  const match = /^([01]\d|2[0-3]):([0-5]\d)$/.exec(time);
  if (!match) throw new RangeError(`${time} is not a time of day (HH:MM)`);
  return Number(match[1]) * 60 + Number(match[2]);
}

/** The date on the zone's clock at an instant. */
export const localDate = (atMs: number, timeZone: string): string =>
  DateTime.fromMillis(atMs, { zone: zoneOf(timeZone) }).toFormat('yyyy-MM-dd');

/** The instant at which the zone's clock first shows `date` and `time`, by the rules above. */
export function localInstant(date: string, time: string, timeZone: string): number {
  const zone = zoneOf(timeZone);
  const wallMs = dayNumber(date) * dayMs + minutesOfDay(time) * minuteMs;
  // No zone changes twice within two days, so the offsets a day before and after are all that can apply.
  const offsets = [zone.offset(wallMs - dayMs), zone.offset(wallMs + dayMs)];
  const matches = offsets
    .map((offset) => wallMs - offset * minuteMs)
    .filter((instant) => instant + zone.offset(instant) * minuteMs === wallMs);
  if (matches.length > 0) return Math.min(...matches);
  const bounds = offsets.map((offset) => wallMs - offset * minuteMs);
  return jumpBetween(zone, Math.min(...bounds), Math.max(...bounds));
}

/** The first instant of (low, high] at which another offset than that of `low` applies. */
function jumpBetween(zone: IANAZone, low: number, high: number): number {
  const before = zone.offset(low);
  let left = low;
  let right = high;
  while (right - left > 1) {
    const middle = Math.floor((left + right) / 2);
    if (zone.offset(middle) === before) left = middle;
    else right = middle;
  }
  return right;
}

/** First instants of a date and of the date after it: 23, 24 or 25 hours apart. */
export function dayBounds(date: string, timeZone: string): { readonly startMs: number; readonly endMs: number } {
  return {
    startMs: localInstant(date, '00:00', timeZone),
    endMs: localInstant(addDays(date, 1), '00:00', timeZone),
  };
}

/**
 * Makes a function that names the local date of a UTC hour, remembering its answers.
 *
 * An hour that two local dates share (zones with half-hour offsets) belongs to the date at its start. A null hour is a
 * day known only by its date, which is then taken to be the region's own.
 */
export function localDateOfHour(timeZone: string): (utcDay: string, hour: number | null) => string {
  const remembered = new Map<number, string>();
  return (utcDay, hour) => {
    if (hour === null) return utcDay;
    const atMs = dayNumber(utcDay) * dayMs + hour * 3_600_000;
    const known = remembered.get(atMs);
    if (known !== undefined) return known;
    const date = localDate(atMs, timeZone);
    remembered.set(atMs, date);
    return date;
  };
}
