import { describe, expect, it } from 'vitest';
import { comingWindow, cronBeforeWindow, remainingMs, type WindowSpan, windowFor } from './fill-window.ts';

const at = (text: string): number => Date.parse(text);
const show = (span: WindowSpan): string =>
  `${span.date} ${new Date(span.startMs).toISOString().slice(0, 16)}/${new Date(span.endMs).toISOString().slice(0, 16)}`;
const hoursOf = (span: WindowSpan): number => (span.endMs - span.startMs) / 3_600_000;

const early = { start: '01:00', end: '05:00' };
const overMidnight = { start: '23:00', end: '05:00' };

describe('windowFor', () => {
  it('prepares the day it opens on before noon, the day after from noon on', () => {
    expect(show(windowFor('2026-11-21', early, 'Europe/Berlin'))).toBe('2026-11-21 2026-11-21T00:00/2026-11-21T04:00');
    expect(show(windowFor('2026-11-21', overMidnight, 'Europe/Berlin'))).toBe(
      '2026-11-21 2026-11-20T22:00/2026-11-21T04:00',
    );
    expect(show(windowFor('2026-11-21', { start: '12:00', end: '14:00' }, 'Asia/Tokyo'))).toBe(
      '2026-11-21 2026-11-20T03:00/2026-11-20T05:00',
    );
    expect(show(windowFor('2026-11-21', early, 'America/New_York'))).toBe(
      '2026-11-21 2026-11-21T06:00/2026-11-21T10:00',
    );
  });

  it('is an hour shorter or longer on the nights the clocks change', () => {
    expect(hoursOf(windowFor('2026-03-29', early, 'Europe/Berlin'))).toBe(3);
    expect(hoursOf(windowFor('2026-10-25', early, 'Europe/Berlin'))).toBe(5);
    expect(hoursOf(windowFor('2026-03-08', overMidnight, 'America/New_York'))).toBe(5);
    expect(hoursOf(windowFor('2026-11-01', overMidnight, 'America/New_York'))).toBe(7);
    expect(hoursOf(windowFor('2026-10-04', early, 'Australia/Lord_Howe'))).toBe(3.5);
    expect(hoursOf(windowFor('2026-04-05', early, 'Australia/Lord_Howe'))).toBe(4.5);
  });

  it('opens at the jump when its start is lost, and ends at the first of two equal ends', () => {
    expect(show(windowFor('2026-03-29', { start: '02:30', end: '05:00' }, 'Europe/Berlin'))).toBe(
      '2026-03-29 2026-03-29T01:00/2026-03-29T03:00',
    );
    expect(show(windowFor('2026-10-25', { start: '01:00', end: '02:30' }, 'Europe/Berlin'))).toBe(
      '2026-10-25 2026-10-24T23:00/2026-10-25T00:30',
    );
    expect(show(windowFor('2026-10-25', { start: '02:30', end: '05:00' }, 'Europe/Berlin'))).toBe(
      '2026-10-25 2026-10-25T00:30/2026-10-25T04:00',
    );
  });

  it('is a whole day when start and end are the same', () => {
    expect(hoursOf(windowFor('2026-11-21', { start: '06:00', end: '06:00' }, 'Asia/Tokyo'))).toBe(24);
    expect(hoursOf(windowFor('2026-03-29', { start: '00:00', end: '00:00' }, 'Europe/Berlin'))).toBe(23);
    expect(hoursOf(windowFor('2026-10-25', { start: '00:00', end: '00:00' }, 'Europe/Berlin'))).toBe(25);
  });
});

describe('comingWindow', () => {
  it('finds the open window after midnight of one that crosses it', () => {
    const span = comingWindow(at('2026-11-21T03:00:00Z'), overMidnight, 'Europe/Berlin');
    expect(span.date).toBe('2026-11-21');
    expect(span.startMs).toBeLessThan(at('2026-11-21T03:00:00Z'));
    expect(comingWindow(span.endMs, overMidnight, 'Europe/Berlin').date).toBe('2026-11-22');
  });

  it('is open at its first instant and closed at its last', () => {
    const { startMs, endMs } = windowFor('2026-11-21', early, 'Europe/Berlin');
    for (const inside of [startMs - 1, startMs, endMs - 1])
      expect(comingWindow(inside, early, 'Europe/Berlin').date).toBe('2026-11-21');
    expect(comingWindow(endMs, early, 'Europe/Berlin').date).toBe('2026-11-22');
  });

  it('passes over a night whose window lies in the lost hour', () => {
    const lost = { start: '02:10', end: '02:50' };
    expect(hoursOf(windowFor('2026-03-29', lost, 'Europe/Berlin'))).toBe(0);
    expect(comingWindow(at('2026-03-28T12:00:00Z'), lost, 'Europe/Berlin').date).toBe('2026-03-30');
  });

  it('follows the region’s clock wherever it is', () => {
    const now = at('2026-11-20T14:30:00Z'); // 23:30 in Tokyo, 01:30 of the 21st on Lord Howe
    expect(comingWindow(now, early, 'Asia/Tokyo').date).toBe('2026-11-21');
    expect(comingWindow(now, early, 'Asia/Tokyo').startMs).toBeGreaterThan(now);
    for (const [window, zone] of [
      [early, 'Australia/Lord_Howe'],
      [overMidnight, 'Asia/Tokyo'],
    ] as const) {
      const open = comingWindow(now, window, zone);
      expect(open.date).toBe('2026-11-21');
      expect(open.startMs).toBeLessThanOrEqual(now);
    }
  });
});

describe('remainingMs', () => {
  it('is the whole window before it opens, and nothing after it closed', () => {
    const span = windowFor('2026-11-21', early, 'Europe/Berlin');
    expect(remainingMs(span, span.startMs - 5)).toBe(4 * 3_600_000);
    expect(remainingMs(span, span.endMs - 7)).toBe(7);
    expect(remainingMs(span, span.endMs + 7)).toBe(0);
  });
});

describe('cron patterns', () => {
  it('plans some minutes before the window, also across midnight', () => {
    expect(cronBeforeWindow(early, 15)).toBe('45 0 * * *');
    expect(cronBeforeWindow({ start: '00:05', end: '04:00' }, 15)).toBe('50 23 * * *');
  });
});
