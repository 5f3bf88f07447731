import { type Command, Option } from 'commander';
import { type FillWindow, type GeoPoint, peerRateOf, type Tariff } from '../../../shared/domain/fleet.ts';
import type { RoomNow } from '../../../shared/domain/pulled-room/pulled-room.ts';
import { type Cli, openCli } from '../cli.ts';
import type { RegionDetail, RegionPatch } from '../client.ts';
import { usageError } from '../exit.ts';
import { formatBitRate, formatBytes, formatNumberOf, formatPercent, formatTime, printable } from '../format.ts';
import { withExamples } from '../help.ts';
import {
  idOption,
  listOption,
  locationOption,
  peerRateOption,
  pulledShareOption,
  rateOption,
  sizeOption,
  tariffOption,
  windowOption,
} from '../parse.ts';
import { take } from '../take.ts';

interface RegionFlags {
  readonly name?: string;
  readonly timeZone?: string;
  readonly window?: FillWindow;
  readonly nightBytes?: number;
  readonly rate?: number;
  readonly peerRate?: number | null;
  readonly network?: readonly string[];
  readonly location?: GeoPoint;
  readonly tariff?: Tariff | null;
  readonly fill?: boolean;
  /** Bytes a day; false: none. */
  readonly topUp?: number | false;
  readonly topUpRate?: number;
  /** Null: decided from the log. */
  readonly pulledShare?: number | null;
}

export function addRegions(program: Command): void {
  const regions = program
    .command('regions')
    .description('list regions, or show one; add, set, rm change them')
    .argument('[id]', 'id of a region')
    .action(async (id: string | undefined, _flags: object, self: Command) => {
      const cli = openCli(self);
      const client = await cli.client();
      if (id !== undefined) return answer(cli, await client.region(id));
      const { items } = await take(client.regions());
      if (cli.json) return cli.document(items);
      if (items.length === 0) return cli.say('no regions; add one with nightfill regions add');
      cli.table(
        [
          { head: 'ID' },
          { head: 'TIME ZONE' },
          { head: 'WINDOW' },
          { head: 'A NIGHT', align: 'right' },
          { head: 'RATE', align: 'right' },
          { head: 'NEXT FILL (THERE)' },
          { head: 'NAME', shrink: true },
        ],
        items.map((region) => [
          region.id,
          region.timeZone,
          windowText(region.window),
          formatBytes(region.budget.bytesPerNight),
          formatBitRate(region.budget.rateBps),
          region.fillEnabled ? formatTime(region.nextWindow.startsAt, region.timeZone) : 'off',
          printable(region.name),
        ]),
      );
    });
  withExamples(regions, 'regions', 'regions eu-berlin');

  const add = withRegionOptions(regions.command('add'))
    .description('add a region')
    .argument('<id>', 'lower-case letters, digits and hyphens', idOption)
    .action(async (id: string, flags: RegionFlags, self: Command) => {
      const { timeZone, window, nightBytes, rate } = flags;
      if (!timeZone || !window || !nightBytes || !rate)
        throw usageError('regions add needs --time-zone, --window, --night-bytes and --rate');
      const cli = openCli(self);
      const client = await cli.client();
      const { peerRate } = flags;
      const budget = {
        bytesPerNight: nightBytes,
        rateBps: rate,
        ...(peerRate === undefined ? {} : { peerRateBps: peerRate }),
      };
      const change = { ...changeOf(flags), ...topUpOf(flags, { budget }) };
      answer(cli, await client.addRegion({ ...change, id, timeZone, window, budget }));
    });
  withExamples(
    add,
    'regions add eu-berlin --time-zone Europe/Berlin --window 01:00-05:00 --night-bytes 200GB --rate 400Mbit/s --network 192.0.2.0/24 --location 52.5,13.4',
  );

  const set = withRegionOptions(regions.command('set'))
    .description('change a region; what is not named stays')
    .argument('<id>', 'id of a region')
    .action(async (id: string, flags: RegionFlags, self: Command) => {
      const change = changeOf(flags);
      const changesTopUp = flags.topUp !== undefined || flags.topUpRate !== undefined;
      if (Object.keys(change).length === 0 && !changesTopUp)
        throw usageError('regions set needs something to change, e.g. --rate 200Mbit/s');
      const cli = openCli(self);
      const client = await cli.client();
      const topUp = changesTopUp ? topUpOf(flags, await client.region(id)) : {};
      answer(cli, await client.changeRegion(id, { ...change, ...topUp }));
    });
  withExamples(
    set,
    'regions set eu-berlin --window 00:30-06:00 --rate 1Gbit/s',
    'regions set eu-berlin --no-fill',
    'regions set eu-berlin --top-up 20GB --top-up-rate 50Mbit/s',
    'regions set eu-berlin --pulled-share auto',
  );

  const room = regions
    .command('room')
    .description('tell how much of each disk plans leave to what viewers pull, and what other shares would have served')
    .argument('<id>', 'id of a region')
    .action(async (id: string, _flags: object, self: Command) => {
      const cli = openCli(self);
      const client = await cli.client();
      const now = await client.pulledRoom(id);
      if (cli.json) return cli.document(now);
      showRoom(cli, now);
    });
  withExamples(room, 'regions room eu-berlin');

  const rm = regions
    .command('rm')
    .description('remove a region that has no appliances')
    .argument('<id>', 'id of a region')
    .action(async (id: string, _flags: object, self: Command) => {
      const cli = openCli(self);
      const client = await cli.client();
      await client.removeRegion(id);
      if (cli.json) cli.document({ id, removed: true });
      cli.say(`removed ${id}`);
    });
  withExamples(rm, 'regions rm eu-berlin');
}

const withRegionOptions = (command: Command): Command =>
  command
    .option('--name <text>', 'name for people')
    .option('--time-zone <name>', 'IANA name, e.g. Europe/Berlin')
    .addOption(
      new Option('--window <from-to>', 'nightly fill window on its clock, e.g. 01:00-05:00').argParser(windowOption),
    )
    .addOption(new Option('--night-bytes <size>', 'most bytes a night may bring, e.g. 200GB').argParser(sizeOption))
    .addOption(new Option('--rate <rate>', 'rate that all pushes share, e.g. 400Mbit/s').argParser(rateOption))
    .addOption(
      new Option(
        '--peer-rate <rate>',
        'rate at which fills have an appliance give to others, or take from them; auto (the default) is ten times --rate',
      ).argParser(peerRateOption),
    )
    .addOption(
      new Option('--network <cidr>', 'network of its viewers; repeat for more, replaces those before').argParser(
        listOption,
      ),
    )
    .addOption(new Option('--location <lat,lon>', 'where its viewers are, e.g. 52.5,13.4').argParser(locationOption))
    .addOption(
      new Option(
        '--tariff <price>',
        'price of a GB of transit, e.g. EUR:2.50, or by day and night EUR:2.50/0.40; none takes it away',
      ).argParser(tariffOption),
    )
    .option('--fill', 'fill it every night (default for a new region)')
    .option('--no-fill', 'stop the nightly fill; pull and fill --now go on')
    .addOption(
      new Option(
        '--top-up <size>',
        'most bytes a day to bring outside of the nightly fill when demand rises',
      ).argParser(sizeOption),
    )
    .addOption(
      new Option('--top-up-rate <rate>', "rate that top-ups share; the region's own by default").argParser(rateOption),
    )
    .option('--no-top-up', 'bring nothing outside of the nightly fill (default for a new region)')
    .addOption(
      new Option(
        '--pulled-share <share>',
        'share of each disk that plans leave to what viewers pull, e.g. 0.2; auto (the default) decides each week by the log',
      ).argParser(pulledShareOption),
    );

function changeOf({
  name,
  timeZone,
  window,
  nightBytes,
  rate,
  peerRate,
  network,
  location,
  tariff,
  fill,
  pulledShare,
}: RegionFlags): RegionPatch {
  return {
    ...(name === undefined ? {} : { name }),
    ...(timeZone === undefined ? {} : { timeZone }),
    ...(window === undefined ? {} : { window }),
    ...(nightBytes === undefined && rate === undefined && peerRate === undefined
      ? {}
      : {
          budget: {
            ...(nightBytes === undefined ? {} : { bytesPerNight: nightBytes }),
            ...(rate === undefined ? {} : { rateBps: rate }),
            ...(peerRate === undefined ? {} : { peerRateBps: peerRate }),
          },
        }),
    ...(network === undefined && location === undefined
      ? {}
      : {
          coverage: {
            ...(network === undefined ? {} : { networks: network }),
            ...(location === undefined ? {} : { location }),
          },
        }),
    ...(tariff === undefined ? {} : { tariff }),
    ...(fill === undefined ? {} : { fillEnabled: fill }),
    ...(pulledShare === undefined ? {} : { pulledShare }),
  };
}

const tariffText = ({ currency, perGb, nightPerGb }: Tariff): string =>
  `${perGb} ${currency} a GB${nightPerGb === undefined ? '' : `, ${nightPerGb} ${currency} in the fill window`}`;

function topUpOf(
  { topUp, topUpRate }: RegionFlags,
  region: Pick<RegionDetail, 'budget' | 'topUp'>,
): { readonly topUp?: NonNullable<RegionPatch['topUp']> | null } {
  if (topUp === false) return { topUp: null };
  const bytesPerDay = topUp ?? region.topUp?.bytesPerDay;
  if (bytesPerDay === undefined) {
    if (topUpRate !== undefined) throw usageError('--top-up-rate needs --top-up, e.g. --top-up 20GB');
    return {};
  }
  return { topUp: { bytesPerDay, rateBps: topUpRate ?? region.topUp?.rateBps ?? region.budget.rateBps } };
}

function showRoom(cli: Cli, { share, reason, decision }: RoomNow): void {
  cli.facts([
    ['left to pulls', `${formatPercent(share)} of each disk. ${printable(reason)}`],
    ['decided', decision ? formatTime(decision.decidedAt) : 'not yet'],
    [
      'replayed',
      decision
        ? `${formatNumberOf(decision.requests, 'request')} of ${decision.days} days, ${decision.countedDays} counted${decision.sampledShare < 1 ? `; ${formatPercent(decision.sampledShare)} of the titles` : ''}`
        : null,
    ],
  ]);
  if (!decision) return;
  cli.say();
  cli.table(
    [
      { head: 'LEFT', align: 'right' },
      { head: 'BYTE HITS', align: 'right' },
      { head: 'GAIN', align: 'right' },
      { head: 'ERROR', align: 'right' },
      { head: '' },
    ],
    decision.results.map((one) => [
      formatPercent(one.share),
      formatPercent(one.byteHitRatio),
      points(one.gain),
      points(one.gainError),
      one.share === decision.share ? 'chosen' : '',
    ]),
  );
}

/** Hundredths of a ratio. */
const points = (value: number): string => (value * 100).toFixed(2);

const windowText = (window: FillWindow): string => `${window.start}-${window.end}`;

function answer(cli: Cli, region: RegionDetail): void {
  if (cli.json) cli.document(region);
  const { coverage, nextWindow, timeZone } = region;
  cli.facts([
    ['id', region.id],
    ['name', printable(region.name)],
    ['time zone', timeZone],
    ['window', windowText(region.window)],
    ['a night', formatBytes(region.budget.bytesPerNight)],
    ['rate', formatBitRate(region.budget.rateBps)],
    ['between peers', `${formatBitRate(peerRateOf(region.budget))} into and out of each`],
    ['networks', coverage.networks.length > 0 ? coverage.networks.join(', ') : 'none'],
    ['location', coverage.location ? `${coverage.location.latitude}, ${coverage.location.longitude}` : null],
    ['tariff', region.tariff ? tariffText(region.tariff) : null],
    ['nightly fill', region.fillEnabled ? 'on' : 'off'],
    [
      'top-ups',
      region.topUp
        ? `up to ${formatBytes(region.topUp.bytesPerDay)} a day at ${formatBitRate(region.topUp.rateBps)}`
        : 'off',
    ],
    [
      'left to pulls',
      typeof region.pulledShare === 'number'
        ? `${formatPercent(region.pulledShare)} of each disk`
        : 'decided each week by the log; nightfill regions room tells how much',
    ],
    [
      'next window',
      `${formatTime(nextWindow.startsAt, timeZone)} to ${formatTime(nextWindow.endsAt, timeZone)} there, for ${nextWindow.date}`,
    ],
  ]);
}
