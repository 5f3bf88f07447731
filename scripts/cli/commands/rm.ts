import type { Command } from 'commander';
import { openCli } from '../cli.ts';
import { formatTime } from '../format.ts';
import { withExamples } from '../help.ts';

export function addRm(program: Command): void {
  const command = program
    .command('rm')
    .description(
      'delete assets: viewers lose them at once, the bytes go after a delay in which restore brings them back',
    )
    .argument('<id...>', 'ids of assets')
    .option('--purge', 'delete the bytes now, without a way back')
    .action(async (ids: readonly string[], { purge = false }: { readonly purge?: boolean }, self: Command) => {
      const cli = openCli(self);
      const client = await cli.client();
      for (const id of ids) {
        const { deletion } = await client.removeAsset(id, purge);
        const restorableUntil = deletion && Date.parse(deletion.purgeAt) > Date.now() ? deletion.purgeAt : null;
        cli.say(
          restorableUntil === null
            ? `deleted ${id}`
            : `deleted ${id}; nightfill restore ${id} brings it back until ${formatTime(restorableUntil)}`,
        );
        if (cli.json) cli.document({ id, deleted: true, restorableUntil });
      }
    });
  withExamples(command, 'rm big-buck-bunny-7f3a', 'rm --purge big-buck-bunny-7f3a');
}

export function addRestore(program: Command): void {
  const command = program
    .command('restore')
    .description('take deletions back; nightfill assets --deleted lists what can be restored')
    .argument('<id...>', 'ids of deleted assets')
    .action(async (ids: readonly string[], _flags: object, self: Command) => {
      const cli = openCli(self);
      const client = await cli.client();
      for (const id of ids) {
        const asset = await client.restoreAsset(id);
        cli.say(`restored ${id}, which is ${asset.state} again`);
        if (cli.json) cli.document(asset);
      }
    });
  withExamples(command, 'restore big-buck-bunny-7f3a');
}
