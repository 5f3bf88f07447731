import type { Readable } from 'node:stream';
import { type CsvError, parse } from 'csv-parse';
import type { DemandRow } from '../../../shared/domain/demand.ts';
import { Problem } from '../../../shared/platform/problem.ts';
import type { DemandLog } from '../../../shared/ports/demand-log.ts';
import type { Fleet } from '../../../shared/ports/fleet.ts';
import { readHeader, readRow } from './demand-table.ts';

export interface ImportedDemand {
  readonly rows: number;
  readonly regions: number;
  readonly days: number;
}

/** Rows are held until the last one was read: half a million took a control of 190 MB to a peak of 650 MB. */
export const maxImportRows = 500_000;
const maxShownMistakes = 20;
const rowsAtOnce = 20_000;

export type ImportDemand = ReturnType<typeof makeImportDemand>;

/**
 * Takes a demand table whole or not at all.
 *
 * The table is read and checked to its end before the first cell is written; importing it again changes nothing, so an
 * import that a crash cut short is mended by repeating it.
 */
export function makeImportDemand({ fleet, demandLog }: { readonly fleet: Fleet; readonly demandLog: DemandLog }) {
  return async (body: Readable): Promise<ImportedDemand> => {
    const known = new Set((await fleet.listRegions()).map(({ id }) => id));
    const days = await readTable(body, known);
    let rows = 0;
    for (const batch of batchesOf([...days.values()])) {
      await demandLog.set(batch);
      rows += batch.length;
    }
    await demandLog.flush();
    const regions = new Set([...days.values()].map(([first]) => first?.regionId));
    return { rows, regions: regions.size, days: new Set([...days.values()].map(([first]) => first?.day)).size };
  };
}

/** Rows by region and day: cells that appear twice meet in one group, where the demand log sums them. */
async function readTable(body: Readable, known: ReadonlySet<string>): Promise<ReadonlyMap<string, DemandRow[]>> {
  const days = new Map<string, DemandRow[]>();
  const mistakes: { at: string; message: string }[] = [];
  const unknown = new Set<string>();
  const ids = makeInterner();
  let rows = 0;
  let mistaken = 0;
  const note = (line: number, message: string): void => {
    mistaken += 1;
    if (mistakes.length < maxShownMistakes) mistakes.push({ at: `line ${line}`, message });
  };

  const parser = parse({
    bom: true,
    columns: readHeader,
    info: true,
    trim: true,
    skip_empty_lines: true,
    // A line with too many or too few cells is one mistake among others, not the end of the table.
    relax_column_count: true,
    max_record_size: 10_000,
  });
  body.on('error', (error) => parser.destroy(error));
  body.pipe(parser);
  try {
    for await (const { record, info } of parser as AsyncIterable<ParsedLine>) {
      rows += 1;
      if (rows > maxImportRows) throw new TooManyRows();
      try {
        if (info.error) throw new Error(`has ${info.error.record?.length ?? 'another number of'} cells instead of 5`);
        const row = readRow(record);
        if (!known.has(row.regionId)) {
          unknown.add(row.regionId);
          note(info.lines, `there is no region ${row.regionId}; create it first or leave its rows out`);
          continue;
        }
        if (mistaken > 0) continue;
        const name = ids(`${row.regionId}/${row.day}`);
        const group = days.get(name) ?? [];
        if (group.length === 0) days.set(name, group);
        group.push({ ...row, regionId: ids(row.regionId), assetId: ids(row.assetId), day: ids(row.day) });
      } catch (error) {
        note(info.lines, (error as Error).message);
      }
    }
  } catch (error) {
    body.resume();
    throw unreadable(error);
  }
  if (mistaken > 0) throw refused(mistaken, mistakes, unknown, known);
  if (rows === 0) throw new Problem('invalid-demand', 'The table has no rows below its header.');
  return days;
}

interface ParsedLine {
  readonly record: Readonly<Record<string, string>>;
  readonly info: { readonly lines: number; readonly error?: { readonly record?: readonly string[] } };
}

class TooManyRows extends Error {}

function unreadable(error: unknown): unknown {
  if (error instanceof TooManyRows) {
    return new Problem(
      'too-large',
      `The table has more than ${maxImportRows} rows; import it in parts, e.g. a month each.`,
    );
  }
  const csv = error as CsvError & { readonly lines?: number };
  if (!csv.code?.startsWith('CSV_') && !csv.message.startsWith('the first line')) return error;
  const at = `line ${csv.lines ?? 1}`;
  return new Problem('invalid-demand', `${at}: ${csv.message}`, {
    errors: [{ at, message: csv.message }],
    cause: error,
  });
}

function refused(
  mistaken: number,
  errors: readonly { at: string; message: string }[],
  unknown: ReadonlySet<string>,
  known: ReadonlySet<string>,
): Problem {
  const first = errors[0];
  const lines = mistaken === 1 ? 'One line' : `${mistaken} lines`;
  const regions =
    unknown.size > 0
      ? ` Unknown regions: ${[...unknown].slice(0, 10).join(', ')}; known: ${[...known].join(', ') || 'none yet'}.`
      : '';
  return new Problem(
    'invalid-demand',
    `${lines} cannot be taken, so nothing was. First: ${first?.at}: ${first?.message}.${regions}`,
    { errors },
  );
}

/** Equal texts of different rows become one, so that a long table costs one pointer a cell. */
function makeInterner(): (text: string) => string {
  const seen = new Map<string, string>();
  return (text) => {
    const known = seen.get(text);
    if (known !== undefined) return known;
    seen.set(text, text);
    return text;
  };
}

function* batchesOf(groups: readonly DemandRow[][]): Generator<DemandRow[]> {
  let batch: DemandRow[] = [];
  for (const group of groups) {
    batch = batch.concat(group);
    if (batch.length < rowsAtOnce) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}
