import { type Command, Option } from 'commander';
import { openCli } from '../cli.ts';
import type { AssetChange } from '../client.ts';
import { usageError } from '../exit.ts';
import { withExamples } from '../help.ts';
import { listOption, type Premiere, premiereOption } from '../parse.ts';

interface SetFlags {
  readonly title?: string;
  readonly tag?: readonly string[];
  readonly tags?: boolean;
  readonly series?: string | false;
  readonly premiere?: Premiere | false;
  readonly mustHave?: boolean;
}

export function addAssetsSet(assets: Command, show: (self: Command, id: string) => Promise<void>): void {
  const command = assets
    .command('set')
    .description('change what is said of an asset; what is not named stays')
    .argument('<id>', 'id of an asset')
    .option('--title <text>', 'its title')
    .addOption(new Option('--tag <tag>', 'its tags, in place of those it has; repeat for more').argParser(listOption))
    .option('--no-tags', 'take all tags away')
    .option('--series <name>', 'series it belongs to')
    .option('--no-series', 'take it out of its series')
    .addOption(
      new Option('--premiere <when>', 'day or instant before which it is filled but not played').argParser(
        premiereOption,
      ),
    )
    .option('--no-premiere', 'let it play now')
    .option('--must-have', 'fills bring it first, whatever is forecast')
    .option('--no-must-have', 'it goes by its forecast')
    .action(async (id: string, flags: SetFlags, self: Command) => {
      const change = changeOf(flags);
      if (Object.keys(change).length === 0)
        throw usageError('assets set needs something to change, e.g. --premiere 2026-12-24T20:15:00+01:00');
      const client = await openCli(self).client();
      await client.changeAsset(id, change);
      await show(self, id);
    });
  withExamples(
    command,
    'assets set big-buck-bunny-7f3a --premiere 2026-12-24T20:15:00+01:00 --must-have',
    'assets set big-buck-bunny-7f3a --no-premiere --tag comedy',
  );
}

/** A premiere is a day or an instant: giving one takes the other away. */
const changeOf = ({ title, tag, tags, series, premiere, mustHave }: SetFlags): AssetChange => ({
  ...(title === undefined ? {} : { title }),
  ...(tag === undefined ? {} : { tags: tag }),
  ...(tags === false ? { tags: [] } : {}),
  ...(series === undefined ? {} : { series: series === false ? null : series }),
  ...(premiere === undefined ? {} : { premiereDate: null, premieresAt: null, ...(premiere || {}) }),
  ...(mustHave === undefined ? {} : { mustHave }),
});
