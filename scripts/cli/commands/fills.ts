import { type Command, Option } from 'commander';
import { openCli } from '../cli.ts';
import { formatBitRate, formatBytes, formatCount, formatTime } from '../format.ts';
import { withExamples } from '../help.ts';
import { countOption } from '../parse.ts';
import { take } from '../take.ts';
import { fillExitCode, fillFacts, watchFill } from '../watch-fill.ts';
import { addFillOrders } from './fill-orders.ts';

interface FillsFlags {
  readonly region?: string;
  readonly limit: number;
  readonly watch?: boolean;
}

export function addFills(program: Command): void {
  const fills = program
    .command('fills')
    .description('list fills, newest first, or show one; pause, resume and cancel one')
    .argument('[id]', 'id of a fill')
    .option('--region <id>', 'only those of this region')
    .option('--watch', 'with an id: follow it to its end')
    .addOption(new Option('--limit <n>', 'list at most so many').argParser(countOption).default(20))
    .action(async (id: string | undefined, flags: FillsFlags, self: Command) => {
      const cli = openCli(self);
      const client = await cli.client();
      if (id !== undefined) {
        const found = await client.fill(id);
        const fill = flags.watch ? await watchFill(cli, client, found) : found;
        if (flags.watch) process.exitCode = fillExitCode(fill);
        if (cli.json) return cli.document(fill);
        return cli.facts(fillFacts(fill));
      }
      const { items } = await take(client.fills(flags.region, Math.min(flags.limit, 500)), flags.limit);
      if (cli.json) return cli.document(items);
      if (items.length === 0)
        return cli.say(`no fills yet; start one with nightfill fill --region ${flags.region ?? 'R'} --now`);
      cli.table(
        [
          { head: 'ID' },
          { head: 'STATE' },
          { head: 'STARTED' },
          { head: 'PLANNED', align: 'right' },
          { head: 'PUSHED', align: 'right' },
          { head: 'FAILED', align: 'right' },
          { head: 'RATE', align: 'right' },
        ],
        items.map((fill) => [
          fill.id,
          fill.state,
          fill.startedAt ? formatTime(fill.startedAt) : '',
          formatBytes(fill.planned.bytes),
          formatBytes(fill.pushed.bytes),
          formatCount(fill.failed.files),
          fill.state === 'running' ? formatBitRate(fill.rateBps) : '',
        ]),
      );
    });
  withExamples(fills, 'fills --region eu-berlin', 'fills eu-berlin-2026-11-21 --watch');

  addFillOrders(fills, 'fills');
}
