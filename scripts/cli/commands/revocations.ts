import type { Command } from 'commander';
import { openCli } from '../cli.ts';
import { formatTime, printable } from '../format.ts';
import { withExamples } from '../help.ts';
import { take } from '../take.ts';

export function addRevocations(program: Command): void {
  const revocations = program
    .command('revocations')
    .description('list playback sessions that are refused; add and rm change them')
    .action(async (_flags: object, self: Command) => {
      const cli = openCli(self);
      const { items } = await take((await cli.client()).revocations());
      if (cli.json) return cli.document(items);
      if (items.length === 0) return cli.say('no session is revoked');
      cli.table(
        [{ head: 'SESSION' }, { head: 'REVOKED' }, { head: 'UNTIL' }, { head: 'REASON', shrink: true }],
        items.map(({ id, createdAt, expiresAt, reason }) => [
          id,
          formatTime(createdAt),
          formatTime(expiresAt),
          printable(reason ?? ''),
        ]),
      );
    });
  withExamples(revocations, 'revocations');

  const add = revocations
    .command('add')
    .description('refuse a playback session from now on, on every appliance')
    .argument('<session-or-url>', 'a session, or a playback URL of it')
    .option('--reason <text>', 'for those who read the list later')
    .action(async (what: string, { reason }: { readonly reason?: string }, self: Command) => {
      const cli = openCli(self);
      const client = await cli.client();
      const answer = await client.revoke({
        ...(URL.canParse(what) ? { url: what } : { session: what }),
        ...(reason === undefined ? {} : { reason }),
      });
      if (cli.json) return cli.document(answer);
      cli.say(`revoked ${answer.id}: refused by ${answer.told.length} appliances`);
      if (answer.notReached.length > 0)
        cli.say(`not reached: ${answer.notReached.join(', ')}; they hear of it when they are back`);
    });
  withExamples(add, 'revocations add 5b0c8e0e-6a3f-4d4e-9f0a-1f2e3d4c5b6a --reason "shared in a forum"');

  const rm = revocations
    .command('rm')
    .description('take a revocation back')
    .argument('<session>', 'as the list names it')
    .action(async (session: string, _flags: object, self: Command) => {
      const cli = openCli(self);
      await (await cli.client()).unrevoke(session);
      if (cli.json) return cli.document({ id: session, revoked: false });
      cli.say(`${session} may play again`);
    });
  withExamples(rm, 'revocations rm 5b0c8e0e-6a3f-4d4e-9f0a-1f2e3d4c5b6a');
}
