import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addDays, dayBounds, dayNumber, localDate, localDateOfHour, localInstant, minutesOfDay } from './local-time.ts';

const iso = (ms: number): string => new Date(ms).toISOString();
const hours = (date: string, zone: string): number => {
  const { startMs, endMs } = dayBounds(date, zone);
  return (endMs - startMs) / 3_600_000;
};

describe('localInstant', () => {
  it.each([
    ['2026-01-15', '01:00', 'Europe/Berlin', '2026-01-15T00:00:00.000Z'],
    ['2026-07-15', '01:00', 'Europe/Berlin', '2026-07-14T23:00:00.000Z'],
    ['2026-07-15', '01:00', 'America/New_York', '2026-07-15T05:00:00.000Z'],
    ['2026-07-15', '01:00', 'Asia/Tokyo', '2026-07-14T16:00:00.000Z'],
    ['2026-07-15', '01:00', 'Australia/Lord_Howe', '2026-07-14T14:30:00.000Z'],
    ['2026-12-15', '01:00', 'Australia/Lord_Howe', '2026-12-14T14:00:00.000Z'],
  ])('%s %s in %s is %s', (date, time, zone, expected) => {
    expect(iso(localInstant(date, time, zone))).toBe(expected);
  });

  it.each([
    // Berlin 2026-03-29: 02:00 → 03:00 at 01:00Z. New York 2026-03-08: 02:00 → 03:00 at 07:00Z.
    ['2026-03-29', '02:30', 'Europe/Berlin', '2026-03-29T01:00:00.000Z'],
    ['2026-03-29', '02:00', 'Europe/Berlin', '2026-03-29T01:00:00.000Z'],
    ['2026-03-29', '03:00', 'Europe/Berlin', '2026-03-29T01:00:00.000Z'],
    ['2026-03-08', '02:59', 'America/New_York', '2026-03-08T07:00:00.000Z'],
    // Lord Howe 2026-10-04: 02:00 → 02:30 at 15:30Z of the day before.
    ['2026-10-04', '02:15', 'Australia/Lord_Howe', '2026-10-03T15:30:00.000Z'],
  ])('%s %s, lost in %s, is the jump at %s', (date, time, zone, expected) => {
    expect(iso(localInstant(date, time, zone))).toBe(expected);
  });

  it.each([
    ['2026-10-25', '02:30', 'Europe/Berlin', '2026-10-25T00:30:00.000Z'],
    ['2026-11-01', '01:30', 'America/New_York', '2026-11-01T05:30:00.000Z'],
    // Lord Howe 2026-04-05: 02:00 → 01:30 at 15:00Z of the day before.
    ['2026-04-05', '01:45', 'Australia/Lord_Howe', '2026-04-04T14:45:00.000Z'],
  ])('%s %s, twice in %s, is the first at %s', (date, time, zone, expected) => {
    expect(iso(localInstant(date, time, zone))).toBe(expected);
  });

  it('never puts a later wall-clock time of a day before an earlier one', () => {
    const zones = ['Europe/Berlin', 'America/New_York', 'Asia/Tokyo', 'Australia/Lord_Howe'];
    const minute = fc.integer({ min: 0, max: 1439 });
    const hhmm = (m: number): string =>
      `${String(Math.floor(m / 60)).padStart(2, '0')}:${String(m % 60).padStart(2, '0')}`;
    fc.assert(
      fc.property(
        fc.constantFrom(...zones),
        fc.integer({ min: 0, max: 730 }),
        minute,
        minute,
        (zone, offset, one, two) => {
          const date = addDays('2026-01-01', offset);
          const earlier = localInstant(date, hhmm(Math.min(one, two)), zone);
          const later = localInstant(date, hhmm(Math.max(one, two)), zone);
          expect(later).toBeGreaterThanOrEqual(earlier);
          expect(localDate(earlier, zone)).toBe(date);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('refuses what is no zone, date or time', () => {
    expect(() => localInstant('2026-01-01', '01:00', 'Mars/Olympus')).toThrow(/Mars\/Olympus/);
    expect(() => localInstant('2026-02-30', '01:00', 'Asia/Tokyo')).toThrow(/2026-02-30/);
    expect(() => minutesOfDay('24:00')).toThrow(/24:00/);
    expect(() => minutesOfDay('1:00')).toThrow(/1:00/);
    expect(() => dayNumber('tomorrow')).toThrow(/tomorrow/);
  });
});

describe('dayBounds', () => {
  it('knows the days of 23, 25, 23.5 and 24.5 hours', () => {
    expect(hours('2026-03-29', 'Europe/Berlin')).toBe(23);
    expect(hours('2026-10-25', 'Europe/Berlin')).toBe(25);
    expect(hours('2026-03-08', 'America/New_York')).toBe(23);
    expect(hours('2026-11-01', 'America/New_York')).toBe(25);
    expect(hours('2026-03-29', 'Asia/Tokyo')).toBe(24);
    expect(hours('2026-10-04', 'Australia/Lord_Howe')).toBe(23.5);
    expect(hours('2026-04-05', 'Australia/Lord_Howe')).toBe(24.5);
  });
});

describe('localDateOfHour', () => {
  it('names the region’s date of a UTC hour', () => {
    const berlin = localDateOfHour('Europe/Berlin');
    expect(berlin('2026-07-15', 21)).toBe('2026-07-15');
    expect(berlin('2026-07-15', 22)).toBe('2026-07-16');
    expect(berlin('2026-07-15', 22)).toBe('2026-07-16');
    expect(localDateOfHour('America/New_York')('2026-07-15', 3)).toBe('2026-07-14');
    expect(localDateOfHour('Asia/Tokyo')('2026-07-15', 15)).toBe('2026-07-16');
  });

  it('gives an hour that two dates share to the date at its start', () => {
    expect(localDateOfHour('Australia/Lord_Howe')('2026-07-15', 13)).toBe('2026-07-15');
    expect(localDateOfHour('Australia/Lord_Howe')('2026-07-15', 14)).toBe('2026-07-16');
  });

  it('takes a row known only by its day as the region’s own day', () => {
    expect(localDateOfHour('Asia/Tokyo')('2026-07-15', null)).toBe('2026-07-15');
  });
});
