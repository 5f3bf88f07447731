import { stringify } from 'csv-stringify/sync';
import {
  type ApplianceFillReport,
  type FillReport,
  type FillSource,
  fillSources,
  hitRatioOf,
} from '../../../shared/domain/fill.ts';
import { rateSteps } from '../../../shared/domain/rate-curve.ts';
import { leavesOf } from '../../../shared/domain/reporting/leaves.ts';

/** `appliances`: a line for each appliance of each report; `curve`: for each step of a fill; `numbers`: for each number. */
export const csvTables = ['appliances', 'curve', 'numbers'] as const;
export type CsvTable = (typeof csvTables)[number];

export const reportCsv = (reports: readonly FillReport[], table: CsvTable = 'appliances'): string =>
  writers[table](reports);

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
  ...fillSources.map((source) => `from_${source.replaceAll('-', '_')}_bytes`),
  'forecast_coverage_here',
  'served_bytes_here',
  'filled_hit_bytes_here',
  'missed_bytes_here',
];

/** What belongs to the whole fill is repeated on its lines. */
function appliances(reports: readonly FillReport[]): string {
  const lines = reports.flatMap((report) =>
    report.appliances.map((appliance) => {
      const use = report.score?.use?.appliances.find(({ applianceId }) => applianceId === appliance.applianceId);
      return [
        report.regionId,
        report.date,
        report.run,
        report.state,
        report.startedAt,
        report.finishedAt,
        appliance.applianceId,
        ...counts.flatMap((count) => [appliance[count].files, appliance[count].bytes]),
        report.forecastCoverage,
        (report.score && hitRatioOf(report.score)) ?? '',
        ...fillSources.map((source) => bytesFrom(appliance, source)),
        appliance.forecastCoverage ?? '',
        ...[use?.servedBytes, use?.filledBytes, use?.missedBytes].map((bytes) => bytes ?? ''),
      ];
    }),
  );
  return stringify(lines, { header: true, columns });
}

/** Fills that do not tell sources took everything from the object store. */
const bytesFrom = ({ sources, pushed }: ApplianceFillReport, source: FillSource): number =>
  sources ? (sources[source]?.bytes ?? 0) : source === 'object-store' ? pushed.bytes : 0;

function curve(reports: readonly FillReport[]): string {
  const lines = reports.flatMap(({ regionId, date, run, rateCurve = [], durationS }) =>
    rateSteps(rateCurve, durationS).map(({ fromS, seconds, bytes }) => [
      regionId,
      date,
      run,
      fromS,
      seconds,
      bytes,
      Math.round((bytes * 8) / seconds),
    ]),
  );
  return stringify(lines, {
    header: true,
    columns: ['region', 'date', 'run', 'from_s', 'seconds', 'bytes', 'rate_bps'],
  });
}

/** Lists that are evidence rather than numbers stay out: they have their own tables, or are in the JSON. */
const evidence = /^(schema|failures|failedFiles|held|pushedByAsset|rateCurve)\b/;

function numbers(reports: readonly FillReport[]): string {
  const lines = reports.flatMap((report) =>
    [...leavesOf(report)]
      .filter(([name, value]) => !evidence.test(name) && typeof value === 'number' && name !== 'run')
      .map(([name, value]) => [report.regionId, report.date, report.run, name, value]),
  );
  return stringify(lines, { header: true, columns: ['region', 'date', 'run', 'number', 'value'] });
}

const writers: Readonly<Record<CsvTable, (reports: readonly FillReport[]) => string>> = { appliances, curve, numbers };
