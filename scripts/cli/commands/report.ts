import { type Command, Option } from 'commander';
import { type FillReport, hitRatioOf } from '../../../shared/domain/fill.ts';
import { heldBefore } from '../../../shared/domain/reporting/fill-report.ts';
import type { Verification } from '../../../shared/domain/reporting/verify-report.ts';
import { type Cli, openCli } from '../cli.ts';
import type { Client, ReportDetail } from '../client.ts';
import { failure, usageError } from '../exit.ts';
import {
  formatBitRate,
  formatBytes,
  formatCount,
  formatDuration,
  formatNumberOf,
  formatPercent,
  printable,
} from '../format.ts';
import { withExamples } from '../help.ts';
import { countOption, dateOption } from '../parse.ts';
import { take } from '../take.ts';
import { showReport, topUpsOf } from './report-view.ts';

const csvTables = ['appliances', 'curve', 'numbers'] as const;
type CsvTable = (typeof csvTables)[number];

interface ReportFlags {
  readonly region?: string;
  readonly date?: string;
  readonly run?: number;
  readonly list?: boolean;
  readonly csv?: true | CsvTable;
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
    .addOption(
      new Option(
        '--csv [table]',
        'as CSV: a line for each appliance, each step of the rate curve, or each number',
      ).choices([...csvTables]),
    )
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
          const response = await client.reportCsv(
            report.regionId,
            report.date,
            flags.run,
            flags.csv === true ? undefined : flags.csv,
          );
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
    'report --region eu-berlin --csv numbers',
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

async function chosen(client: Client, { region, date, run, list }: ReportFlags): Promise<readonly ReportDetail[]> {
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
      { head: 'TOPPED UP', align: 'right' },
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
      hitsText(report),
      report.score?.answers ? formatBytes(topUpsOf(report.score)?.bytes ?? 0) : '',
    ]),
  );
}

function hitsText({ score }: Pick<FillReport, 'score'>): string {
  const hits = score && hitRatioOf(score);
  return hits === null ? '' : formatPercent(hits);
}
