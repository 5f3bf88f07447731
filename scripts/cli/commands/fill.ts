import type { Command } from 'commander';
import { type Fill, hasEnded } from '../../../shared/domain/fill.ts';
import { openCli } from '../cli.ts';
import { usageError } from '../exit.ts';
import { formatTime } from '../format.ts';
import { withExamples } from '../help.ts';
import { dateOption } from '../parse.ts';
import { fillExitCode, fillFacts, watchFill } from '../watch-fill.ts';
import { addFillOrders } from './fill-orders.ts';

interface FillFlags {
  readonly region?: string;
  readonly mustHave?: readonly string[];
  readonly now?: boolean;
  readonly date?: string;
  /** Undefined: waits for a fill that works, not for a window that is hours away. */
  readonly wait?: boolean;
}

export function addFill(program: Command): void {
  const command = program
    .command('fill')
    .description('fill a region in its next window, or at once with --now')
    .option('--region <id>', 'region (required)')
    .option('--now', 'start at once, also outside the window; the budgets hold all the same')
    .option('--date <date>', 'day to prepare for; by default the one that the coming window prepares', dateOption)
    .option('--must-have <asset...>', 'assets to bring first, whatever is forecast')
    .option('--wait', 'wait for its end, also when the window opens hours from now')
    .option('--no-wait', 'start it and return')
    .action(async (flags: FillFlags, self: Command) => {
      const cli = openCli(self);
      const { region } = flags;
      if (region === undefined) throw usageError("required option '--region <id>' not specified");
      const client = await cli.client();
      const begun = await client.startFill({
        regionId: region,
        start: flags.now ? 'now' : 'window',
        ...(flags.date === undefined ? {} : { date: flags.date }),
        ...(flags.mustHave === undefined ? {} : { mustHave: flags.mustHave }),
      });
      const { nextWindow, timeZone } = await client.region(region);
      const opensLater = !flags.now && Date.parse(nextWindow.startsAt) > Date.now();
      const waits = flags.wait ?? !opensLater;
      const isEnough = (fill: Fill): boolean => flags.wait !== true && fill.state === 'paused-window';
      const fill = waits ? await watchFill(cli, client, begun, isEnough) : begun;
      process.exitCode = fillExitCode(fill);
      if (cli.json) return cli.document(fill);
      cli.facts(fillFacts(fill));
      // What ended before it began has no report; its message says why.
      if (hasEnded(fill) && fill.startedAt === null) return;
      if (hasEnded(fill)) return cli.note(`the report: nightfill report --region ${fill.regionId} --date ${fill.date}`);
      if (opensLater && fill.state === 'scheduled' && fill.date === nextWindow.date)
        cli.note(
          `begins at ${formatTime(nextWindow.startsAt, timeZone)} there (${formatTime(nextWindow.startsAt)} here)`,
        );
      cli.note(
        `watch it with nightfill fills ${fill.id} --watch; pause or stop it with nightfill fill pause or cancel ${fill.id}`,
      );
    });
  addFillOrders(command, 'fill');
  withExamples(command, 'fill --region eu-berlin --now', 'fill --region eu-berlin --date 2026-11-21 --no-wait');
}
