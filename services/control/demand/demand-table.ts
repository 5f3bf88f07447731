/** The demand table as CSV: `hour,region,asset,views,bytes`, where an hour that is not known is the day alone. */
import type { DemandRow } from '../../../shared/domain/demand.ts';
import { isId } from '../../../shared/domain/keys.ts';
import { dayNumber } from '../../../shared/domain/time/local-time.ts';

export const demandColumns = ['hour', 'region', 'asset', 'views', 'bytes'] as const;

const hourPattern = /^(\d{4}-\d{2}-\d{2})(?:[T ]([01]\d|2[0-3])(?::00(?::00(?:\.0+)?)?Z?)?)?$/;

export const formatHour = ({ day, hour }: Pick<DemandRow, 'day' | 'hour'>): string =>
  hour === null ? day : `${day}T${String(hour).padStart(2, '0')}`;

/** The columns' positions. @throws Error that says which columns the table needs. */
export function readHeader(header: readonly string[]): string[] {
  const names = header.map((name) => name.trim().toLowerCase()).map((name) => (name === 'day' ? 'hour' : name));
  const missing = demandColumns.filter((column) => !names.includes(column));
  const strange = names.filter((name) => !(demandColumns as readonly string[]).includes(name));
  if (missing.length > 0 || strange.length > 0 || names.length !== demandColumns.length) {
    throw new Error(
      `the first line must be the header hour,region,asset,views,bytes (or day instead of hour); got ${header.join(',').slice(0, 120)}`,
    );
  }
  return names;
}

/** One row. @throws Error with everything that is wrong with it. */
export function readRow(cells: Readonly<Record<string, string>>): DemandRow {
  const mistakes: string[] = [];
  const time = readTime(cells.hour ?? '', mistakes);
  const row = {
    ...time,
    regionId: readId(cells.region ?? '', 'region', mistakes),
    assetId: readId(cells.asset ?? '', 'asset', mistakes),
    views: readCount(cells.views ?? '', 'views', mistakes),
    bytes: readCount(cells.bytes ?? '', 'bytes', mistakes),
  };
  if (mistakes.length > 0) throw new Error(mistakes.join('; '));
  return row;
}

const quote = (text: string): string => JSON.stringify(text.slice(0, 60));

function readTime(text: string, mistakes: string[]): { day: string; hour: number | null } {
  const [, day, hour] = hourPattern.exec(text.trim()) ?? [];
  if (day === undefined || !isDay(day)) {
    mistakes.push(`hour must be UTC, as 2026-11-20T14 or the day 2026-11-20 (got ${quote(text)})`);
    return { day: '', hour: null };
  }
  return { day, hour: hour === undefined ? null : Number(hour) };
}

export function isDay(text: string): boolean {
  try {
    dayNumber(text);
    return true;
  } catch {
    return false;
  }
}

function readId(text: string, column: string, mistakes: string[]): string {
  const id = text.trim();
  if (!isId(id))
    mistakes.push(`${column} must be an id of lower-case letters, digits and hyphens (got ${quote(text)})`);
  return id;
}

function readCount(text: string, column: string, mistakes: string[]): number {
  const value = /^\d{1,16}$/.test(text.trim()) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(value)) mistakes.push(`${column} must be a whole number from 0 (got ${quote(text)})`);
  return value;
}
