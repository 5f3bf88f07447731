import { stringify } from 'csv-stringify/sync';
import type { FillReport } from '../../../shared/domain/fill.ts';

const counts = ['planned', 'pushed', 'skipped', 'kept', 'failed', 'evicted'] as const;
const columns = [
  'region',
  'date',
  'run',
  'state',
  'started_at',
  'finished_at',
  'appliance',
  ...counts.flatMap((count) => [`${count}_files`, `${count}_bytes`]),
  'forecast_coverage',
  'byte_hit_ratio',
];

/** One line for each appliance of each report; what belongs to the whole fill is repeated on its lines. */
export const reportCsv = (reports: readonly FillReport[]): string =>
  stringify(
    reports.flatMap((report) =>
      report.appliances.map((appliance) => [
        report.regionId,
        report.date,
        report.run,
        report.state,
        report.startedAt,
        report.finishedAt,
        appliance.applianceId,
        ...counts.flatMap((count) => [appliance[count].files, appliance[count].bytes]),
        report.forecastCoverage,
        report.score?.byteHitRatio ?? '',
      ]),
    ),
    { header: true, columns },
  );
