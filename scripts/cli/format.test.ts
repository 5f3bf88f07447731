import { describe, expect, it } from 'vitest';
import {
  formatBitRate,
  formatByteRate,
  formatBytes,
  formatCount,
  formatDuration,
  formatNumberOf,
  formatPercent,
  formatTime,
  printable,
} from './format.ts';

const each = <T>(format: (value: T) => string, cases: readonly (readonly [T, string])[]): void => {
  expect(cases.map(([value]) => format(value))).toEqual(cases.map(([, text]) => text));
};

describe('numbers for people', () => {
  it('shows sizes with three digits in binary units, never 1024 of one', () => {
    each(formatBytes, [
      [0, '0 B'],
      [1023, '1023 B'],
      [1024, '1.00 KiB'],
      [1_536, '1.50 KiB'],
      [10_240, '10.0 KiB'],
      [150 * 2 ** 20, '150 MiB'],
      [2 ** 30 - 1, '1.00 GiB'],
      [3.5 * 2 ** 40, '3.50 TiB'],
    ]);
    expect(formatByteRate(5 * 2 ** 20)).toBe('5.00 MiB/s');
  });

  it('shows bit rates in decimal units', () => {
    each(formatBitRate, [
      [0, '0 bit/s'],
      [999, '999 bit/s'],
      [128_000, '128 kbit/s'],
      [999_900, '1.00 Mbit/s'],
      [2_500_000_000, '2.50 Gbit/s'],
    ]);
  });

  it('shows durations in two units, with the carry where they round', () => {
    each(formatDuration, [
      [-5, '0ms'],
      [850, '850ms'],
      [12_400, '12s'],
      [59_600, '1m00s'],
      [80_000, '1m20s'],
      [3_599_900, '1h00m'],
      [11_100_000, '3h05m'],
      [86_400_000, '1d00h'],
      [187_200_000, '2d04h'],
    ]);
  });

  it('says 100% of nothing but the whole', () => {
    each(formatPercent, [
      [0, '0%'],
      [0.421, '42.1%'],
      [0.99999, '99.9%'],
      [1, '100%'],
      [-0.05, '-5%'],
    ]);
  });

  it('groups long counts and tells times on the clock that is asked for', () => {
    expect(formatCount(1_234_567)).toBe('1,234,567');
    expect([0, 1, 2].map((count) => formatNumberOf(count, 'file'))).toEqual(['0 files', '1 file', '2 files']);
    expect(formatTime('2026-11-20T23:30:00Z', 'Asia/Tokyo')).toBe('2026-11-21 08:30');
  });
});

describe('printable', () => {
  it('leaves nothing that a terminal would obey', () => {
    expect(printable('a\u001b[2Jb\u001b]0;owned\u0007c\r\nd\u202ee')).toBe('abcde');
    expect(printable('Übung – 日本 🎬')).toBe('Übung – 日本 🎬');
  });
});
