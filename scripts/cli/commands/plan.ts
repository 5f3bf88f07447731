import { type Command, Option } from 'commander';
import type { PlanReason } from '../../../shared/domain/fill.ts';
import type { Explanation } from '../../../shared/domain/planning/explain.ts';
import { type PlanListName, planListNames } from '../../../shared/domain/planning/outline.ts';
import { type Cli, openCli } from '../cli.ts';
import type { Client, PlanAnswer } from '../client.ts';
import { formatBitRate, formatBytes, formatCount, formatNumberOf, formatPercent, printable } from '../format.ts';
import { withExamples } from '../help.ts';
import { dateOption } from '../parse.ts';

interface PlanFlags {
  readonly region: string;
  readonly date?: string;
  readonly explain?: string;
  readonly list?: PlanListName;
  readonly appliance?: string;
}

/** Left out of a plan are most titles; the command shows those that would have mattered most. */
const shownLines = 50;

export function addPlan(program: Command): void {
  const command = program
    .command('plan')
    .description('show what a fill would bring, keep and evict, and why; changes nothing')
    .requiredOption('--region <id>', 'region')
    .option('--date <date>', 'day on its calendar; by default the one that the coming window prepares', dateOption)
    .option('--explain <asset>', 'say why the files of this asset are or are not in the plan')
    .addOption(new Option('--list <name>', 'print a whole list of the frozen plan').choices([...planListNames]))
    .option('--appliance <id>', 'whose list; for all lists but rejected')
    .action(async (flags: PlanFlags, self: Command) => {
      const cli = openCli(self);
      const client = await cli.client();
      if (flags.list !== undefined) return printList(cli, client, flags, flags.list);
      const plan = await client.plan(flags.region, flags.date, flags.explain, cli.json ? undefined : shownLines);
      if (cli.json) return cli.document(plan);
      if (flags.explain === undefined) showPlan(cli, plan);
      else explain(cli, plan, flags.explain);
    });
  withExamples(
    command,
    'plan --region eu-berlin',
    'plan --region eu-berlin --explain big-buck-bunny-7f3a',
    'plan --region eu-berlin --list fetch --appliance edge-berlin-1 --json',
  );
}

async function printList(cli: Cli, client: Client, flags: PlanFlags, list: PlanListName): Promise<void> {
  const { region, date, appliance } = flags;
  for await (const line of client.planLines(region, { date, list, appliance })) {
    if (cli.json) cli.document(line);
    else if ('key' in line)
      cli.say(`${line.key} ${formatBytes(line.sizeBytes)}${'value' in line ? ` ${line.value.toPrecision(3)}` : ''}`);
    else cli.say(`${line.assetId} ${formatBytes(line.sizeBytes)} ${line.reason}`);
  }
}

const meanings: Readonly<Record<PlanReason, string>> = {
  'expected-demand': 'to be brought: it is expected to be watched',
  'must-have': 'an operator wants it there',
  'already-held': 'held already, and kept',
  'no-demand-forecast': 'left out: nobody is expected to watch it',
  'over-capacity': 'left out: the disk is full of what is worth more',
  'over-night-budget': 'left out: the bytes or the rate of a night do not reach so far',
  'worth-less-than-held': 'left out: what it would displace is worth more',
  'not-sure': 'left out: the disk is full, and it is not sure to be asked for',
  'no-appliance': 'left out: the region has no appliance that can take it',
  'asset-deleted': 'left out: the asset is deleted',
};

function showPlan(cli: Cli, plan: PlanAnswer): void {
  cli.facts([
    ['plan', `${plan.id} for ${plan.date}${plan.frozen ? ', frozen' : ', dry: nothing is done by it'}`],
    ['window', `${plan.window.start}-${plan.window.end} ${plan.timeZone}`],
    ['budget', `${formatBytes(plan.budget.bytesPerNight)} a night at ${formatBitRate(plan.budget.rateBps)}`],
    ['brings', `${formatBytes(plan.fetchBytes)} in ${formatNumberOf(plan.fetchFiles, 'file')}${acrossText(plan)}`],
    [
      'covers',
      `${formatPercent(plan.plannedCoverage)} of ${formatBytes(plan.expectedBytes)} expected (${plan.forecastModel})`,
    ],
    ['left to pulls', roomText(plan)],
  ]);
  if (plan.appliances.length > 0) {
    cli.say();
    cli.table(
      [
        { head: 'APPLIANCE' },
        { head: 'CAPACITY', align: 'right' },
        { head: 'BRING', align: 'right' },
        { head: 'FILES', align: 'right' },
        { head: 'KEEP', align: 'right' },
        { head: 'FILES', align: 'right' },
        { head: 'EVICT', align: 'right' },
        { head: 'FILES', align: 'right' },
      ],
      plan.appliances.map(({ applianceId, capacityBytes, totals: { fetch, keep, evict } }) => [
        applianceId,
        formatBytes(capacityBytes),
        ...[fetch, keep, evict].flatMap(({ bytes, files }) => [formatBytes(bytes), formatCount(files)]),
      ]),
    );
  }
  if (plan.rejected.length === 0) return;
  cli.say();
  cli.table(
    [
      { head: 'LEFT OUT', shrink: true },
      { head: 'FILES', align: 'right' },
      { head: 'SIZE', align: 'right' },
      { head: 'EXPECTED', align: 'right' },
      { head: 'REASON' },
    ],
    plan.rejected.map((line) => [
      line.assetId,
      line.files === null ? 'all' : formatCount(line.files),
      formatBytes(line.sizeBytes),
      formatBytes(line.expectedBytes),
      line.reason,
    ]),
  );
  if (plan.rejectedLines > plan.rejected.length)
    cli.note(`${formatCount(plan.rejectedLines - plan.rejected.length)} more; see them with --list rejected`);
}

function explain(cli: Cli, plan: PlanAnswer, assetId: string): void {
  const rows = plan.appliances.flatMap(({ applianceId, fetch, keep, evict }) => {
    const groups = Map.groupBy([...fetch, ...keep], (file) => `${file.rendition ?? 'playlists'}\n${file.reason}`);
    return [
      ...[...groups.values()].flatMap((files) => {
        const [first] = files;
        if (!first) return [];
        const expected = files.reduce((sum, file) => sum + file.expectedBytes, 0);
        return [
          [
            applianceId,
            first.rendition ?? 'playlists',
            formatCount(files.length),
            formatBytes(sizeOf(files)),
            formatBytes(expected),
            first.value.toPrecision(3),
            meanings[first.reason],
          ],
        ];
      }),
      ...(evict.length > 0
        ? [
            [
              applianceId,
              '',
              formatCount(evict.length),
              formatBytes(sizeOf(evict)),
              '',
              '',
              'to be evicted: the room is worth more',
            ],
          ]
        : []),
    ];
  });
  const left = plan.rejected.map((line) => [
    '',
    '',
    line.files === null ? 'all' : formatCount(line.files),
    formatBytes(line.sizeBytes),
    formatBytes(line.expectedBytes),
    '',
    meanings[line.reason],
  ]);
  cli.say(`${assetId} in ${plan.regionId} on ${plan.date}${plan.frozen ? '' : ' (dry)'}`);
  if (rows.length + left.length === 0) {
    cli.say('not in the plan: no forecast, appliance or disk knows of it');
    return;
  }
  cli.table(
    [
      { head: 'APPLIANCE' },
      { head: 'RENDITION' },
      { head: 'FILES', align: 'right' },
      { head: 'SIZE', align: 'right' },
      { head: 'EXPECTED', align: 'right' },
      { head: 'VALUE', align: 'right' },
      { head: 'WHY', shrink: true },
    ],
    [...rows, ...left],
  );
  if (plan.explanation) showReasons(cli, plan, plan.explanation);
}

function showReasons(cli: Cli, plan: PlanAnswer, of: Explanation): void {
  cli.say();
  const { expectedBytes, lowBytes, highBytes, sizeBytes, value } = of;
  cli.facts([
    [
      'expected',
      expectedBytes === null
        ? 'nothing'
        : `${formatBytes(expectedBytes)} (${formatBytes(lowBytes ?? 0)} to ${formatBytes(highBytes ?? 0)} on 80% of days), ${of.model ?? ''}`,
    ],
    [
      'size',
      sizeBytes === null
        ? null
        : `${formatBytes(sizeBytes)} a copy, ${of.copies > 1 ? `${of.copies} copies` : 'one copy'}`,
    ],
    [
      'value',
      value === null
        ? null
        : `${value.toPrecision(3)} bytes served per byte stored, ${of.rank === null ? '' : `place ${formatCount(of.rank)} of ${formatCount(of.ranked)}`}`,
    ],
    ['left', `${formatBytes(of.unspentBytes)} of the night unspent`],
    ['left to pulls', roomText(plan)],
  ]);
  for (const words of of.words) cli.say(words);
  if (of.parts.length > 0) {
    cli.say();
    cli.table(
      [
        { head: 'RENDITION' },
        { head: 'FILES', align: 'right' },
        { head: 'SIZE', align: 'right' },
        { head: 'EXPECTED', align: 'right' },
        { head: 'WORTH OF A BYTE' },
      ],
      of.parts.map(({ rendition, files, sizeBytes: size, expectedBytes: expected, leastFactor, bestFactor }) => [
        rendition ?? 'playlists',
        formatCount(files),
        formatBytes(size),
        formatBytes(expected),
        leastFactor === bestFactor
          ? `${bestFactor.toPrecision(3)} × the title's mean`
          : `${leastFactor.toPrecision(3)} to ${bestFactor.toPrecision(3)} × the title's mean`,
      ]),
    );
  }
  if (of.margins.length === 0) return;
  cli.say();
  cli.table(
    [
      { head: 'APPLIANCE' },
      { head: 'PLANNED', align: 'right' },
      { head: 'FREE', align: 'right' },
      { head: 'LEAST BROUGHT', align: 'right' },
      { head: 'LEAST KEPT', align: 'right' },
      { head: 'WOULD DISPLACE', shrink: true },
    ],
    of.margins.map(({ applianceId, plannedBytes, freeBytes, leastFetched, leastKept, displaces }) => [
      applianceId,
      formatBytes(plannedBytes),
      formatBytes(freeBytes),
      leastFetched?.toPrecision(3) ?? '',
      leastKept?.toPrecision(3) ?? '',
      displaces.map((one) => `${one.assetId} (${one.value.toPrecision(3)})`).join(', '),
    ]),
  );
}

/** Copies come from peers, and cost the night nothing. */
const acrossText = ({ crossingBytes, fetchBytes }: PlanAnswer): string =>
  crossingBytes === undefined || crossingBytes === fetchBytes ? '' : `, ${formatBytes(crossingBytes)} into the region`;

const roomText = ({ pulledRoom }: PlanAnswer): string | null =>
  pulledRoom ? `${formatPercent(pulledRoom.share)} of each disk. ${printable(pulledRoom.reason)}` : null;

const sizeOf = (files: readonly { readonly sizeBytes: number }[]): number =>
  files.reduce((sum, file) => sum + file.sizeBytes, 0);
