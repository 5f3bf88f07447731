import type { Command } from 'commander';
import { openCli } from '../cli.ts';
import { withExamples } from '../help.ts';

export function addRm(program: Command): void {
  const command = program
    .command('rm')
    .description('delete assets: viewers lose them at once, the bytes go in the background')
    .argument('<id...>', 'ids of assets')
    .action(async (ids: readonly string[], _flags: object, self: Command) => {
      const cli = openCli(self);
      const client = await cli.client();
      for (const id of ids) {
        await client.removeAsset(id);
        cli.say(`deleted ${id}`);
        if (cli.json) cli.document({ id, deleted: true });
      }
    });
  withExamples(command, 'rm big-buck-bunny-7f3a');
}
