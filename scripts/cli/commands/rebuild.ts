import type { Command } from 'commander';
import { openCli } from '../cli.ts';
import { formatCount, formatNumberOf } from '../format.ts';
import { withExamples } from '../help.ts';

export function addRebuild(program: Command): void {
  const command = program
    .command('rebuild')
    .description('restore Redis from the object store; safe at any time')
    .action(async (_flags: object, self: Command) => {
      const cli = openCli(self);
      const client = await cli.client();
      const rebuilt = await client.rebuild();
      if (cli.json) return cli.document(rebuilt);
      cli.facts([
        ['assets', formatCount(rebuilt.assets)],
        ['fleet documents', formatCount(rebuilt.fleetDocuments)],
        ['days of demand', formatCount(rebuilt.demandDays)],
        ['unfinished work', `${formatNumberOf(rebuilt.jobs, 'job')}`],
      ]);
    });
  withExamples(command, 'rebuild');
}
