import { basename } from 'node:path';
import { type Command, Option } from 'commander';
import { openCli } from '../cli.ts';
import { usageError } from '../exit.ts';
import { formatBytes } from '../format.ts';
import { withExamples } from '../help.ts';
import { importUrl } from '../import-url.ts';
import { interruptible } from '../interrupt.ts';
import { dateOption, listOption } from '../parse.ts';

interface ImportFlags {
  readonly title?: string;
  readonly tag: readonly string[];
  readonly series?: string;
  readonly premiere?: string;
}

export function addImport(program: Command): void {
  const command = program
    .command('import')
    .description('publish an HLS stream that was packaged elsewhere, as it is; prints the id of the asset')
    .argument('<url>', 'its playlist, http(s), which the server fetches with all that it names')
    .option('--title <text>', 'title; by default from the playlist’s folder')
    .addOption(new Option('--tag <tag>', 'tag; repeat for more').argParser(listOption).default([], 'none'))
    .option('--series <name>', 'series it belongs to, which helps the forecast of a new title')
    .addOption(new Option('--premiere <date>', 'day of its premiere').argParser(dateOption))
    .action(async (text: string, flags: ImportFlags, self: Command) => {
      const url = /^https?:/i.test(text) ? URL.parse(text) : null;
      if (!url) throw usageError(`"${text}" is no http(s) URL; serve the folder over HTTP and name its playlist`);
      const cli = openCli(self);
      const client = await cli.client();
      const details = {
        title: flags.title ?? (basename(url.pathname.slice(0, url.pathname.lastIndexOf('/'))) || url.hostname),
        tags: flags.tag,
        ...(flags.series ? { series: flags.series } : {}),
        ...(flags.premiere ? { premiereDate: flags.premiere } : {}),
      };
      const line = cli.progress();
      const assetId = await interruptible(
        () => 'the server goes on with the import; see it with nightfill assets',
        (signal) =>
          importUrl(client, url.href, details, {
            signal,
            hls: true,
            onProgress: (doneBytes) => line.show(`${text}: fetched ${formatBytes(doneBytes)}`),
          }),
      ).finally(() => line.clear());
      const asset = await client.asset(assetId);
      const warnings = asset.importWarnings ?? [];
      if (cli.json) cli.document(asset);
      else cli.say(assetId);
      for (const { rule, at, measured, expected } of warnings)
        cli.note(`${rule} at ${at}: ${measured} instead of ${expected}`);
    });
  withExamples(command, 'import https://media.example.net/talk/main.m3u8 --title "Opening talk"');
}
