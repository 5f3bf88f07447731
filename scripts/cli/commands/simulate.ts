import { writeFile } from 'node:fs/promises';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { type PolicyName, policyNames } from '../../../shared/domain/simulation/policies.ts';
import type { Trace } from '../../../shared/domain/simulation/trace.ts';
import { curvesSvg } from '../../simulate/curves.ts';
import { TraceError } from '../../simulate/parse-rows.ts';
import { readTrace } from '../../simulate/read-trace.ts';
import { type Capacity, type SimulationReport, simulate } from '../../simulate/simulate.ts';
import { type Cli, openCli } from '../cli.ts';
import { failure, usageError } from '../exit.ts';
import { formatBitRate, formatBytes, formatNumberOf, formatPercent, printable } from '../format.ts';
import { withExamples } from '../help.ts';
import { listOption, sizeOption } from '../parse.ts';

interface SimulateFlags {
  readonly region?: readonly string[];
  readonly capacity?: readonly Capacity[];
  readonly policies: readonly PolicyName[];
  readonly warmupDays: number;
  readonly svg?: string;
}

export function addSimulate(program: Command): void {
  const command = program
    .command('simulate')
    .description('replay a request log through cache policies, nightly pushes and this product’s own loop')
    .argument('<trace>', 'CSV time,object,size[,region] (Unix seconds, any name, bytes, any name), plain or .gz')
    .option(
      '--region <name>',
      'replay one region alone, or each of several; by default all requests as one',
      listOption,
    )
    .option('--capacity <sizes>', 'cache sizes: shares of the distinct bytes, or bytes (default: 5%)', capacityOption)
    .addOption(
      new Option('--policies <names>', 'what to replay').argParser(policiesOption).default(policyNames, 'all of them'),
    )
    .addOption(
      new Option('--warmup-days <n>', 'days (UTC) that are replayed and not counted').argParser(daysOption).default(7),
    )
    .option('--svg <file>', 'draw byte-hit ratio over capacity; with 1% to 20% unless --capacity says otherwise')
    .action(async (path: string, flags: SimulateFlags, self: Command) => {
      const cli = openCli(self);
      const progress = cli.progress();
      const trace = await load(path);
      const reports: SimulationReport[] = [];
      const runs = simulate({
        traceName: path,
        trace,
        regions: flags.region ?? [null],
        capacities: flags.capacity ?? (flags.svg ? curveCapacities : [{ share: 0.05 }]),
        policies: flags.policies,
        warmupDays: flags.warmupDays,
        onStart: (policy, region, bytes) =>
          progress.show(`${policy} in ${printable(region ?? 'all regions')} with ${formatBytes(bytes)}`),
      });
      try {
        for (const report of runs) {
          progress.clear();
          reports.push(report);
          if (cli.json) cli.document(report);
          else showReport(cli, report);
        }
      } catch (error) {
        if (error instanceof RangeError) throw usageError(`${error.message}; ${regionsHint(trace)}`);
        throw error;
      } finally {
        progress.clear();
      }
      if (flags.svg) await writeFile(flags.svg, curvesSvg(reports)).catch(cannotWrite(flags.svg));
    });
  withExamples(
    command,
    'simulate requests.csv.gz --region DE --capacity 1%,5%,10%',
    'simulate requests.csv --capacity 500GB --policies lru,sieve,nightfill --json',
    'simulate requests.csv.gz --region DE,JP --svg curves.svg',
  );
}

const curveCapacities: readonly Capacity[] = [0.01, 0.02, 0.05, 0.1, 0.2].map((share) => ({ share }));

async function load(path: string): Promise<Trace> {
  try {
    return await readTrace(path);
  } catch (error) {
    if (error instanceof TraceError) throw usageError(`${path}, ${error.message}`);
    const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    throw usageError(isMissing ? `${path} does not exist` : `${path} cannot be read: ${(error as Error).message}`);
  }
}

function showReport(cli: Cli, report: SimulationReport): void {
  const { region, capacityBytes, distinctBytes, requests, countedRequests, servedBytes, warmupDays } = report;
  cli.facts([
    ['region', region === null ? 'all requests' : printable(region)],
    [
      'capacity',
      `${formatBytes(capacityBytes)}, ${formatPercent(capacityBytes / distinctBytes)} of the distinct bytes`,
    ],
    [
      'counted',
      `${formatNumberOf(countedRequests, 'request')} of ${formatBytes(servedBytes)} after ${formatNumberOf(warmupDays, 'day')}; ${formatNumberOf(requests, 'request')} replayed`,
    ],
  ]);
  cli.table(
    [
      { head: 'POLICY' },
      ...['BYTE HITS', 'HITS', 'UPSTREAM', 'BUSIEST HOUR', 'FILLED', 'WASTED', 'WRITTEN', 'SECONDS'].map((head) => ({
        head,
        align: 'right' as const,
      })),
    ],
    report.policies.map((each) => [
      each.policy,
      formatPercent(each.byteHitRatio),
      formatPercent(each.objectHitRatio),
      formatBytes(each.upstreamBytes),
      formatBitRate(each.peakUpstreamBps),
      formatBytes(each.fillBytes),
      formatBytes(each.wastedFillBytes),
      formatBytes(each.churnBytes),
      each.seconds.toFixed(2),
    ]),
  );
  cli.say();
}

const regionsHint = ({ regions }: Trace): string =>
  regions.length === 1 && regions[0] === ''
    ? 'it has no column for regions'
    : `it has ${regions.slice(0, 12).map(printable).join(', ')}${regions.length > 12 ? ', …' : ''}`;

const cannotWrite = (path: string) => (error: Error) => {
  throw failure('cannot-write', `${path} cannot be written: ${error.message}`);
};

function capacityOption(text: string, before: readonly Capacity[] = []): readonly Capacity[] {
  return [
    ...before,
    ...listOption(text).map((part): Capacity => {
      const percent = /^(\d+(?:\.\d+)?)%$/.exec(part)?.[1];
      if (percent === undefined) return { bytes: sizeOption(part) };
      if (!(Number(percent) > 0 && Number(percent) <= 100))
        throw new InvalidArgumentError('must be above 0% and at most 100%.');
      return { share: Number(percent) / 100 };
    }),
  ];
}

function policiesOption(text: string): readonly PolicyName[] {
  return listOption(text).map((name) => {
    const known = policyNames.find((each) => each === name);
    if (!known) throw new InvalidArgumentError(`${name} is none of ${policyNames.join(', ')}.`);
    return known;
  });
}

function daysOption(text: string): number {
  if (!/^\d{1,4}$/.test(text)) throw new InvalidArgumentError('must be a whole number of days.');
  return Number(text);
}
