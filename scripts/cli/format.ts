/** Numbers as people read them on a terminal. */
import { stripVTControlCharacters } from 'node:util';
import { formatBytes } from '../../shared/domain/units.ts';

export { formatBitRate, formatBytes, formatPercent } from '../../shared/domain/units.ts';

/** Bytes a second. */
export const formatByteRate = (bytesPerSecond: number): string => `${formatBytes(bytesPerSecond)}/s`;
const grouped = new Intl.NumberFormat('en-GB', { maximumFractionDigits: 0 });
export const formatCount = (count: number): string => grouped.format(count);

/** `1 file`, `1,234 files`. */
export const formatNumberOf = (count: number, one: string, many = `${one}s`): string =>
  `${formatCount(count)} ${count === 1 ? one : many}`;

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
