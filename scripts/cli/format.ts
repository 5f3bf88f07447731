/** Numbers as people read them. Sizes are binary (MiB), bit rates decimal (Mbit/s), as on every other tool's screen. */
import { stripVTControlCharacters } from 'node:util';

const sizeUnits = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;
const rateUnits = ['bit/s', 'kbit/s', 'Mbit/s', 'Gbit/s', 'Tbit/s'] as const;

/** Three significant digits, in the largest unit that leaves at least 1. */
function scaled(value: number, base: number, units: readonly string[]): string {
  let rest = Math.abs(value);
  let unit = 0;
  // 999.5 would be shown as 1000: the next unit says it better.
  while (unit < units.length - 1 && rest >= (base === 1000 ? 999.5 : 1023.5)) {
    rest /= base;
    unit++;
  }
  const digits = unit === 0 || rest >= 99.95 ? 0 : rest >= 9.995 ? 1 : 2;
  const sign = value < 0 ? '-' : '';
  return `${sign}${rest.toFixed(digits)} ${units[unit] ?? ''}`;
}

export const formatBytes = (bytes: number): string => scaled(bytes, 1024, sizeUnits);
/** Bytes a second. */
export const formatByteRate = (bytesPerSecond: number): string => `${formatBytes(bytesPerSecond)}/s`;
/** Bits a second. */
export const formatBitRate = (bps: number): string => scaled(bps, 1000, rateUnits);

const grouped = new Intl.NumberFormat('en-GB', { maximumFractionDigits: 0 });
export const formatCount = (count: number): string => grouped.format(count);

/** `1 file`, `1,234 files`. */
export const formatNumberOf = (count: number, one: string, many = `${one}s`): string =>
  `${formatCount(count)} ${count === 1 ? one : many}`;

/** A share, 0 … 1. */
export function formatPercent(share: number): string {
  const percent = share * 100;
  // Never says 100% of something that is not whole.
  if (percent > 99.9 && percent < 100) return '99.9%';
  return `${Number.isInteger(percent) || Math.abs(percent) >= 1000 ? percent.toFixed(0) : percent.toFixed(1)}%`;
}

/** `850ms`, `12s`, `1m20s`, `3h05m`, `2d04h`. */
export function formatDuration(ms: number): string {
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))}ms`;
  const seconds = Math.round(ms / 1_000);
  if (seconds < 60) return `${seconds}s`;
  const two = (value: number) => String(Math.floor(value)).padStart(2, '0');
  if (seconds < 3_600) return `${Math.floor(seconds / 60)}m${two(seconds % 60)}s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 24 * 60) return `${Math.floor(minutes / 60)}h${two(minutes % 60)}m`;
  const hours = Math.round(seconds / 3_600);
  return `${Math.floor(hours / 24)}d${two(hours % 24)}h`;
}

/** `2026-11-20 14:05` on the clock of `timeZone`, or on this machine's. */
export function formatTime(at: string | number, timeZone?: string): string {
  const format = new Intl.DateTimeFormat('sv-SE', {
    dateStyle: 'short',
    timeStyle: 'short',
    ...(timeZone ? { timeZone } : {}),
  });
  return format.format(new Date(at));
}

/**
 * Text from the API made harmless for a terminal: titles and file names come from strangers and may carry control
 * sequences that move the cursor or rename the window.
 */
export const printable = (text: string): string => stripVTControlCharacters(text).replace(invisible, '');

/** Control characters, and the marks that turn the direction of what follows. */
const invisible = /[\p{Cc}\p{Bidi_Control}]/gu;
