/**
 * Reads a log for measuring forecasts: CSV, plain or gzip, with a header. A row names a `day` (`YYYY-MM-DD`) or a `time` (Unix
 * seconds, UTC), a title (`title`, `object` or `asset`) and what was asked of it (`bytes`, `size` or `count`), and may name a `region`.
 */
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { createGunzip } from 'node:zlib';
import { dateOfDayNumber, dayNumber } from '../../../shared/domain/time/local-time.ts';

export interface LogRow {
  readonly day: number;
  readonly region: string;
  readonly title: string;
  readonly amount: number;
}

const plainRegion = 'all';

function lines(path: string): AsyncIterable<string> {
  const file = createReadStream(path);
  return createInterface({ input: path.endsWith('.gz') ? file.pipe(createGunzip()) : file });
}

/** @throws RangeError for a header without one of the columns, and for a row that cannot be read, with its line number. */
export async function* readLog(path: string): AsyncGenerator<LogRow> {
  let columns: { day: number; isTime: boolean; region: number; title: number; amount: number } | null = null;
  let line = 0;
  for await (const text of lines(path)) {
    line += 1;
    const cells = text.split(',');
    if (!columns) {
      const find = (...names: readonly string[]): number => cells.findIndex((name) => names.includes(name.trim()));
      const isTime = find('day') < 0;
      columns = {
        day: isTime ? find('time') : find('day'),
        isTime,
        region: find('region'),
        title: find('title', 'object', 'asset'),
        amount: find('bytes', 'size', 'count'),
      };
      if (columns.day < 0 || columns.title < 0 || columns.amount < 0)
        throw new RangeError(`${path}: the header needs day or time; title, object or asset; bytes, size or count`);
      continue;
    }
    const when = cells[columns.day] ?? '';
    const day = columns.isTime ? Math.floor(Number(when) / 86_400) : dayNumber(when);
    const amount = Number(cells[columns.amount]);
    if (!Number.isFinite(day) || !Number.isFinite(amount)) throw new RangeError(`${path}: line ${line} cannot be read`);
    yield { day, region: cells[columns.region] ?? plainRegion, title: cells[columns.title] ?? '', amount };
  }
}

/** Bytes of one answer, by title: `title,size`. */
export async function readSizes(path: string): Promise<ReadonlyMap<string, number>> {
  const sizes = new Map<string, number>();
  for await (const text of lines(path)) {
    const [title = '', size] = text.split(',');
    if (Number(size) > 0) sizes.set(title, Number(size));
  }
  return sizes;
}

/** What was asked of each title on each day of one region. */
export type Days = Map<number, Map<string, number>>;

export function addTo(days: Days, { day, title, amount }: LogRow): void {
  const titles = days.get(day) ?? new Map<string, number>();
  titles.set(title, (titles.get(title) ?? 0) + amount);
  days.set(day, titles);
}

export const dateOf = dateOfDayNumber;
