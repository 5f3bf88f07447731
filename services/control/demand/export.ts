import { Readable } from 'node:stream';
import { stringify } from 'csv-stringify';
import { addDays } from '../../../shared/domain/time/local-time.ts';
import { Problem } from '../../../shared/platform/problem.ts';
import type { Clock } from '../../../shared/ports/clock.ts';
import type { DemandLog } from '../../../shared/ports/demand-log.ts';
import type { Fleet } from '../../../shared/ports/fleet.ts';
import { demandColumns, formatHour, isDay } from './demand-table.ts';

/** Days that are exported when the caller does not say from when. */
export const defaultExportDays = 56;

export interface ExportQuery {
  readonly region?: string;
  readonly from?: string;
  readonly to?: string;
}

export type ExportDemand = ReturnType<typeof makeExportDemand>;

/** The demand table as a stream of CSV, region by region, row by row. */
export function makeExportDemand({ fleet, demandLog, clock }: { fleet: Fleet; demandLog: DemandLog; clock: Clock }) {
  return async (query: ExportQuery): Promise<Readable> => {
    const to = query.to ?? new Date(clock.now()).toISOString().slice(0, 10);
    if (!isDay(to)) throw new Problem('invalid-request', `to must be a date (got ${to}).`);
    const from = query.from ?? addDays(to, 1 - defaultExportDays);
    if (!isDay(from)) throw new Problem('invalid-request', `from must be a date (got ${from}).`);
    if (from > to) throw new Problem('invalid-request', `from (${from}) must not be after to (${to}).`);
    const regions = (await fleet.listRegions()).map(({ id }) => id);
    if (query.region !== undefined && !regions.includes(query.region)) {
      throw new Problem('region-not-found', `There is no region ${query.region}; GET /v1/regions lists them.`);
    }
    const chosen = query.region === undefined ? regions : [query.region];
    const rows = Readable.from(rowsOf(demandLog, chosen, from, to));
    const csv = stringify({ header: true, columns: [...demandColumns] });
    rows.on('error', (error) => csv.destroy(error));
    csv.on('close', () => rows.destroy());
    return rows.pipe(csv);
  };
}

async function* rowsOf(demandLog: DemandLog, regions: readonly string[], from: string, to: string) {
  for (const regionId of regions) {
    for await (const row of demandLog.read({ regionId, from, to })) {
      yield [formatHour(row), row.regionId, row.assetId, row.views, row.bytes];
    }
  }
}
