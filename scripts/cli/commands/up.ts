import { type Command, Option } from 'commander';
import { openCli } from '../cli.ts';
import { failure, usageError } from '../exit.ts';
import { withExamples } from '../help.ts';
import { portOption } from '../parse.ts';

interface UpFlags {
  readonly port: number;
  readonly host: string;
  readonly demo: boolean;
  readonly clip?: string;
}

export function addUp(program: Command): void {
  const command = program
    .command('up')
    .description('run everything on this machine until Ctrl-C; resumes what was there')
    .addOption(new Option('--port <port>', 'port of the API and the console').argParser(portOption).default(8080))
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .option('--clip <file>', 'video for the first run instead of the sample')
    .option('--no-demo', 'do not do the main job on a sample video the first time')
    .action(async (flags: UpFlags, self: Command) => {
      const cli = openCli(self);
      if (cli.json)
        throw usageError('up prints what happens as it happens and has no --json; ask nightfill doctor --json');
      // Loaded here, so that no other command pays for the supervisor.
      const { up } = await import('../../up/up.ts');
      process.exitCode = await up({ ...flags, dataDir: cli.dataDir }).catch((error: Error) => {
        throw failure('up', error.message);
      });
    });
  withExamples(command, 'up', 'up --port 9080 --data /srv/nightfill --no-demo');
}
