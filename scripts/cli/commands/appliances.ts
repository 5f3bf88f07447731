import { type Command, Option } from 'commander';
import {
  type ApplianceMode,
  type ApplianceRole,
  type ApplianceView,
  applianceModes,
  applianceRoles,
} from '../../../shared/domain/fleet.ts';
import { type Cli, openCli } from '../cli.ts';
import type { AppliancePatch } from '../client.ts';
import { usageError } from '../exit.ts';
import {
  formatBitRate,
  formatBytes,
  formatCount,
  formatNumberOf,
  formatPercent,
  formatTime,
  printable,
} from '../format.ts';
import { withExamples } from '../help.ts';
import { countOption, idOption, sizeOption, weightOption } from '../parse.ts';
import { take } from '../take.ts';

interface ApplianceFlags {
  readonly region?: string;
  readonly role?: ApplianceRole;
  readonly mode?: ApplianceMode;
  readonly url?: string;
  readonly internalUrl?: string;
  readonly capacity?: number;
  readonly weight?: number;
}

export function addAppliances(program: Command): void {
  const appliances = program
    .command('appliances')
    .description('list appliances with their health, or show one; add, set, drain, rm change them')
    .argument('[id]', 'id of an appliance')
    .option('--region <id>', 'only those of this region')
    .action(async (id: string | undefined, flags: { readonly region?: string }, self: Command) => {
      const cli = openCli(self);
      const client = await cli.client();
      if (id !== undefined) return answer(cli, await client.appliance(id));
      const { items: all } = await take(client.appliances(flags.region));
      const items = all.filter((appliance) => flags.region === undefined || appliance.regionId === flags.region);
      if (cli.json) return cli.document(items);
      if (items.length === 0)
        return cli.say(
          `no appliances${flags.region ? ` in ${flags.region}` : ''}; add one with nightfill appliances add`,
        );
      cli.table(
        [
          { head: 'ID' },
          { head: 'REGION' },
          { head: 'ROLE' },
          { head: 'MODE' },
          { head: 'HEALTH', shrink: true },
          { head: 'STORED', align: 'right' },
          { head: 'CAPACITY', align: 'right' },
          { head: 'USED', align: 'right' },
          { head: 'SERVING', align: 'right' },
        ],
        items.map((each) => [
          each.id,
          each.regionId,
          each.role,
          each.mode,
          healthText(each),
          each.status ? formatBytes(each.status.storedBytes) : '',
          formatBytes(each.capacityBytes),
          each.status ? formatPercent(each.status.storedBytes / each.capacityBytes) : '',
          each.status && each.health === 'healthy' ? formatBitRate(each.status.servedBps) : '',
        ]),
      );
    });
  withExamples(appliances, 'appliances --region eu-berlin', 'appliances edge-berlin-1');

  const add = withApplianceOptions(appliances.command('add'))
    .description('add an appliance; prints its credential, once')
    .argument('<id>', 'lower-case letters, digits and hyphens', idOption)
    .action(async (id: string, flags: ApplianceFlags, self: Command) => {
      const { region: regionId, url: publicUrl, capacity: capacityBytes } = flags;
      if (!regionId || !publicUrl || !capacityBytes)
        throw usageError('appliances add needs --region, --url and --capacity');
      const cli = openCli(self);
      const client = await cli.client();
      const created = await client.addAppliance({ ...changeOf(flags), id, regionId, publicUrl, capacityBytes });
      if (cli.json) return cli.document(created);
      answer(cli, created);
      cli.say();
      cli.say('Start it with these settings; the credential is not shown again:');
      cli.say(`  NIGHTFILL_APPLIANCE_ID=${created.id}`);
      cli.say(`  NIGHTFILL_APPLIANCE_CREDENTIAL=${created.credential}`);
    });
  withExamples(add, 'appliances add edge-berlin-1 --region eu-berlin --url https://edge-1.example.net --capacity 2TB');

  const set = withApplianceOptions(appliances.command('set'))
    .description('change an appliance; what is not named stays')
    .argument('<id>', 'id of an appliance')
    .action(async (id: string, flags: ApplianceFlags, self: Command) => {
      const change = changeOf(flags);
      if (Object.keys(change).length === 0)
        throw usageError('appliances set needs something to change, e.g. --mode active');
      const cli = openCli(self);
      const client = await cli.client();
      answer(cli, await client.changeAppliance(id, change));
    });
  withExamples(set, 'appliances set edge-berlin-1 --capacity 4TB', 'appliances set edge-berlin-1 --mode active');

  const drain = appliances
    .command('drain')
    .description('give it no new viewers and no fills; it goes on serving those it has')
    .argument('<id>', 'id of an appliance')
    .action(async (id: string, _flags: object, self: Command) => {
      const cli = openCli(self);
      const client = await cli.client();
      const appliance = await client.changeAppliance(id, { mode: 'draining' });
      if (cli.json) return cli.document(appliance);
      cli.say(`${id} is draining; take it back with nightfill appliances set ${id} --mode active`);
    });
  withExamples(drain, 'appliances drain edge-berlin-1');

  const rm = appliances
    .command('rm')
    .description('remove an appliance from the fleet')
    .argument('<id>', 'id of an appliance')
    .action(async (id: string, _flags: object, self: Command) => {
      const cli = openCli(self);
      const client = await cli.client();
      await client.removeAppliance(id);
      if (cli.json) cli.document({ id, removed: true });
      cli.say(`removed ${id}`);
    });
  withExamples(rm, 'appliances rm edge-berlin-1');

  const inventory = appliances
    .command('inventory')
    .description('list what an appliance holds')
    .argument('<id>', 'id of an appliance')
    .addOption(new Option('--limit <n>', 'list at most so many').argParser(countOption).default(1_000))
    .action(async (id: string, flags: { readonly limit: number }, self: Command) => {
      const cli = openCli(self);
      const client = await cli.client();
      const { items, more } = await take(client.inventory(id), flags.limit);
      if (cli.json) return cli.document(items);
      cli.table(
        [
          { head: 'KEY', shrink: true },
          { head: 'HELD', align: 'right' },
          { head: 'SLICES', align: 'right' },
          { head: 'BROUGHT BY' },
        ],
        items.map((item) => [
          item.key,
          formatBytes(item.heldBytes),
          formatCount(item.slices),
          item.pinned ? 'fill' : 'pull',
        ]),
      );
      if (more) cli.note(`more than ${flags.limit}; see them with --limit`);
    });
  withExamples(inventory, 'appliances inventory edge-berlin-1 --limit 20');
}

const withApplianceOptions = (command: Command): Command =>
  command
    .option('--region <id>', 'its region')
    .addOption(new Option('--role <role>', 'edge serves viewers, shield serves edges').choices(applianceRoles))
    .addOption(
      new Option('--mode <mode>', 'active, draining (no new viewers or fills) or disabled').choices(applianceModes),
    )
    .option('--url <url>', 'base URL that viewers use')
    .option('--internal-url <url>', 'base URL that control and other appliances use, if it is another')
    .addOption(new Option('--capacity <size>', 'disk for objects, e.g. 2TB').argParser(sizeOption))
    .addOption(new Option('--weight <n>', 'share of the region’s load, 1 is normal').argParser(weightOption));

function changeOf({ region, role, mode, url, internalUrl, capacity, weight }: ApplianceFlags): AppliancePatch {
  return {
    ...(region === undefined ? {} : { regionId: region }),
    ...(role === undefined ? {} : { role }),
    ...(mode === undefined ? {} : { mode }),
    ...(url === undefined ? {} : { publicUrl: url }),
    ...(internalUrl === undefined ? {} : { internalUrl }),
    ...(capacity === undefined ? {} : { capacityBytes: capacity }),
    ...(weight === undefined ? {} : { weight }),
  };
}

const healthText = (appliance: ApplianceView): string =>
  appliance.status?.unfitReason ? `${appliance.health}: ${printable(appliance.status.unfitReason)}` : appliance.health;

function answer(cli: Cli, appliance: ApplianceView): void {
  if (cli.json) cli.document(appliance);
  const { status } = appliance;
  cli.facts([
    ['id', appliance.id],
    ['region', appliance.regionId],
    ['role', appliance.role],
    ['mode', appliance.mode],
    ['health', healthText(appliance)],
    ['for viewers', appliance.publicUrl],
    ['internal', appliance.internalUrl],
    ['capacity', formatBytes(appliance.capacityBytes)],
    ['weight', String(appliance.weight)],
    [
      'stored',
      status ? `${formatBytes(status.storedBytes)} in ${formatNumberOf(status.storedObjects, 'object')}` : null,
    ],
    ['by fills', status ? formatBytes(status.pinnedBytes) : null],
    ['topped up', status?.topUpBytes === undefined ? null : `${formatBytes(status.topUpBytes)} today (UTC)`],
    ['failing upstreams', status?.restingUpstreams?.map(printable).join(', ') ?? null],
    ['disk', status?.diskTrouble === undefined ? null : printable(status.diskTrouble)],
    ['in memory', status ? formatBytes(status.memoryTierBytes) : null],
    [
      'serving',
      status ? `${formatBitRate(status.servedBps)} over ${formatNumberOf(status.openConnections, 'connection')}` : null,
    ],
    ['software', status ? printable(status.softwareVersion) : null],
    ['up since', status ? formatTime(status.startedAt) : null],
    ['last seen', status ? formatTime(status.reportedAt) : null],
  ]);
}
