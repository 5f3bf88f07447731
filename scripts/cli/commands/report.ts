import { type Command, Option } from 'commander';
import type { FillReport } from '../../../shared/domain/fill.ts';
import { heldBefore } from '../../../shared/domain/reporting/fill-report.ts';
import type { Verification } from '../../../shared/domain/reporting/verify-report.ts';
import { type Cli, openCli } from '../cli.ts';
import type { Client } from '../client.ts';
import { failure, usageError } from '../exit.ts';
import {
  formatBitRate,
  formatBytes,
  formatCount,
  formatDuration,
  formatNumberOf,
  formatPercent,
  formatTime,
  printable,
} from '../format.ts';
import { withExamples } from '../help.ts';
import { countOption, dateOption } from '../parse.ts';
import { take } from '../take.ts';

interface ReportFlags {
  readonly region?: string;
  readonly date?: string;
  readonly run?: number;
  readonly list?: boolean;
  readonly csv?: boolean;
  readonly verify?: boolean;
}

export function addReport(program: Command): void {
  const command = program
    .command('report')
    .description('show the last fill report of every region, or of one')
    .option('--region <id>', 'region')
    .option('--date <date>', 'day it prepared for; by default the last one that has a report', dateOption)
    .addOption(new Option('--run <n>', 'which fill of that day; by default the last').argParser(countOption))
    .option('--list', 'list the reports of the region')
    .option('--csv', 'one line an appliance, as CSV')
    .option('--verify', 'compute every number again from stored documents; ends with 1 if one differs')
    .action(async (flags: ReportFlags, self: Command) => {
      const cli = openCli(self);
      if (flags.region === undefined && (flags.date ?? flags.run ?? flags.list) !== undefined)
        throw usageError('--date, --run and --list need a --region');
      if (flags.csv && cli.json) throw usageError('--csv cannot be used with --json');
      if (flags.verify && (flags.csv || flags.list)) throw usageError('--verify cannot be used with --csv or --list');
      if (flags.run !== undefined && flags.date === undefined) throw usageError('--run needs a --date');
      const client = await cli.client();
      const reports = await chosen(client, flags);
      if (flags.verify) return verify(cli, client, reports);
      if (flags.csv) {
        for (const [index, report] of reports.entries()) {
          const response = await client.reportCsv(report.regionId, report.date, flags.run);
          const lines = (await response.text()).trimEnd().split(/\r?\n/);
          for (const line of index === 0 ? lines : lines.slice(1)) cli.say(line);
        }
        return;
      }
      const [only] = reports;
      if (flags.region === undefined || flags.list || !only) {
        if (cli.json) return cli.document(reports);
        if (reports.length === 0) return cli.say('no fill reports yet; one is written when a fill ends');
        return showList(cli, reports);
      }
      if (cli.json) cli.document(only);
      else showReport(cli, only);
    });
  withExamples(
    command,
    'report',
    'report --region eu-berlin --date 2026-11-21',
    'report --region eu-berlin --csv',
    'report --region eu-berlin --date 2026-11-21 --verify',
  );
}

/** @throws when a number differs, after all are shown. */
async function verify(cli: Cli, client: Client, reports: readonly FillReport[]): Promise<void> {
  const all: Verification[] = [];
  for (const { regionId, date, run } of reports) all.push(await client.verifyReport(regionId, date, run));
  if (cli.json) cli.document(all);
  else {
    if (all.length === 0) cli.say('no fill reports yet; one is written when a fill ends');
    for (const one of all) showVerification(cli, one);
  }
  const different = all.reduce((sum, one) => sum + one.different, 0);
  if (different > 0)
    throw failure(
      'report-differs',
      `${formatNumberOf(different, 'number')} in the report ${different === 1 ? 'is' : 'are'} not what the stored documents say; see the lines marked different`,
    );
}

function showVerification(cli: Cli, { regionId, date, run, checks, ...sums }: Verification): void {
  cli.say(
    `${regionId}, ${date}${run > 1 ? `, run ${run}` : ''}: ${sums.equal} equal, ${sums.different} different, ${sums.notRecomputable} not recomputable`,
  );
  cli.table(
    [
      { head: 'NUMBER' },
      { head: 'VERDICT' },
      { head: 'REPORTED', align: 'right' },
      { head: 'RECOMPUTED', align: 'right' },
      { head: 'WHY NOT', shrink: true },
    ],
    checks.map(({ field, verdict, reported, recomputed, reason }) => [
      field,
      verdict,
      printable(String(reported ?? 'none')),
      verdict === 'not-recomputable' ? '' : printable(String(recomputed ?? 'none')),
      reason ?? '',
    ]),
  );
  cli.say();
}

async function chosen(client: Client, { region, date, run, list }: ReportFlags): Promise<readonly FillReport[]> {
  if (region === undefined) {
    const { items: regions } = await take(client.regions());
    const last = await Promise.all(regions.map(async ({ id }) => (await take(client.reports(id, 1), 1)).items));
    return last.flat();
  }
  if (date !== undefined) return [await client.report(region, date, run)];
  const { items } = await take(client.reports(region, list ? undefined : 1), list ? 100 : 1);
  if (items.length === 0 && !list)
    throw failure('no-report', `region ${region} has no fill report yet; one is written when a fill ends`);
  return items;
}

function showList(cli: Cli, reports: readonly FillReport[]): void {
  cli.table(
    [
      { head: 'REGION' },
      { head: 'DAY' },
      { head: 'STATE' },
      { head: 'PUSHED', align: 'right' },
      { head: 'HELD', align: 'right' },
      { head: 'FAILED', align: 'right' },
      { head: 'TOOK', align: 'right' },
      { head: 'RATE', align: 'right' },
      { head: 'COVERS', align: 'right' },
      { head: 'HITS', align: 'right' },
    ],
    reports.map((report) => [
      report.regionId,
      report.run > 1 ? `${report.date} (${report.run})` : report.date,
      report.state,
      formatBytes(report.pushed.bytes),
      formatBytes(heldBefore(report).bytes),
      formatCount(report.failed.files),
      formatDuration(report.durationS * 1_000),
      formatBitRate(report.meanRateBps),
      formatPercent(report.forecastCoverage),
      report.score ? formatPercent(report.score.byteHitRatio) : '',
    ]),
  );
}

function showReport(cli: Cli, report: FillReport): void {
  const { score } = report;
  cli.facts([
    ['report', `${report.regionId}, ${report.date}${report.run > 1 ? `, run ${report.run}` : ''}: ${report.state}`],
    [
      'time',
      `${formatTime(report.startedAt)} to ${formatTime(report.finishedAt)}, ${formatDuration(report.durationS * 1_000)}`,
    ],
    ['planned', `${formatBytes(report.planned.bytes)} in ${formatNumberOf(report.planned.files, 'file')}`],
    ['pushed', `${formatBytes(report.pushed.bytes)} in ${formatNumberOf(report.pushed.files, 'file')}`],
    [
      'held',
      `${formatBytes(heldBefore(report).bytes)} in ${formatNumberOf(heldBefore(report).files, 'file')}, there already`,
    ],
    ['failed', `${formatBytes(report.failed.bytes)} in ${formatNumberOf(report.failed.files, 'file')}`],
    ['rate', `${formatBitRate(report.meanRateBps)} mean, ${formatBitRate(report.peakRateBps)} peak`],
    ['covers', `${formatPercent(report.forecastCoverage)} of what the day is expected to ask for`],
    [
      'served',
      score
        ? `${formatBytes(score.servedBytes)}, ${formatPercent(score.byteHitRatio)} from the edges’ own disks`
        : 'known a day later',
    ],
    [
      'forecast',
      score
        ? `${formatBytes(score.forecastBytes)} expected, ${formatBytes(score.actualBytes)} came${score.wape === null ? '' : `, WAPE ${formatPercent(score.wape)}`}`
        : null,
    ],
    ['wasted', score ? `${formatBytes(score.wastedBytes)} pushed that nobody asked for` : null],
  ]);
  cli.say();
  cli.table(
    [
      { head: 'APPLIANCE' },
      { head: 'PLANNED', align: 'right' },
      { head: 'PUSHED', align: 'right' },
      { head: 'HELD', align: 'right' },
      { head: 'FAILED', align: 'right' },
      { head: 'EVICTED', align: 'right' },
    ],
    report.appliances.map(({ applianceId, planned, pushed, failed, evicted, ...held }) => [
      applianceId,
      ...[planned, pushed, heldBefore(held), failed, evicted].map(({ bytes }) => formatBytes(bytes)),
    ]),
  );
  const counts = Object.entries(report.failureCounts);
  if (report.failures.length === 0 && counts.length === 0) return;
  cli.say();
  cli.table(
    [{ head: 'FAILED ON' }, { head: 'FILE', shrink: true }, { head: 'REASON' }, { head: 'DETAIL', shrink: true }],
    report.failures.map(({ applianceId, key, reason, detail }) => [applianceId, key, reason, printable(detail)]),
  );
  if (counts.length > 0)
    cli.say(`in all: ${counts.map(([reason, count]) => `${formatCount(count)} ${reason}`).join(', ')}`);
}
