import { basename } from 'node:path';
import { type Command, Option } from 'commander';
import { type Cli, openCli } from '../cli.ts';
import type { Client } from '../client.ts';
import { usageError } from '../exit.ts';
import { formatByteRate, formatBytes, formatDuration, formatNumberOf, formatPercent, printable } from '../format.ts';
import { withExamples } from '../help.ts';
import { importFolder } from '../import-folder.ts';
import { importUrl } from '../import-url.ts';
import { interruptible } from '../interrupt.ts';
import { listOption, type Premiere, premiereOption } from '../parse.ts';
import { bar, leftText, makeEstimator } from '../progress.ts';
import { importsFolder } from '../resume-store.ts';
import type { UploadDetails } from '../send-file.ts';
import { readStreamFolder } from '../stream-folder.ts';

interface ImportFlags {
  readonly title?: string;
  readonly tag: readonly string[];
  readonly series?: string;
  readonly premiere?: Premiere;
  readonly mustHave?: boolean;
}

export function addImport(program: Command): void {
  const command = program
    .command('import')
    .description('publish an HLS stream that was packaged elsewhere, as it is; prints the id of the asset')
    .argument('<stream>', 'folder or playlist file to send, or http(s) URL of a playlist that the server fetches')
    .option('--title <text>', 'title; by default from the playlist’s folder')
    .addOption(new Option('--tag <tag>', 'tag; repeat for more').argParser(listOption).default([], 'none'))
    .option('--series <name>', 'series it belongs to, which helps the forecast of a new title')
    .addOption(
      new Option('--premiere <when>', 'day or instant before which it is not played').argParser(premiereOption),
    )
    .option('--must-have', 'fills bring it first, whatever is forecast')
    .action(async (stream: string, flags: ImportFlags, self: Command) => {
      const isUrl = /^https?:/i.test(stream);
      const url = isUrl ? URL.parse(stream) : null;
      if (isUrl && !url) throw usageError(`"${stream}" is no http(s) URL`);
      const cli = openCli(self);
      const client = await cli.client();
      const details = {
        tags: flags.tag,
        ...(flags.title ? { title: flags.title } : {}),
        ...(flags.series ? { series: flags.series } : {}),
        ...flags.premiere,
        ...(flags.mustHave ? { mustHave: true } : {}),
      };
      const assetId = url ? await fetchByServer(cli, client, url, details) : await send(cli, client, stream, details);
      const asset = await client.asset(assetId);
      if (cli.json) cli.document(asset);
      else cli.say(assetId);
      for (const { rule, at, measured, expected } of asset.importWarnings ?? [])
        cli.note(printable(`${rule} at ${at}: ${measured} instead of ${expected}`));
    });
  withExamples(
    command,
    'import ./talk --title "Opening talk"',
    'import ./talk/main.m3u8',
    'import https://media.example.net/talk/main.m3u8',
  );
}

async function fetchByServer(cli: Cli, client: Client, url: URL, details: UploadDetails): Promise<string> {
  const title = details.title ?? (basename(url.pathname.slice(0, url.pathname.lastIndexOf('/'))) || url.hostname);
  const line = cli.progress();
  return interruptible(
    () => 'the server goes on with the import; see it with nightfill assets',
    (signal) =>
      importUrl(
        client,
        url.href,
        { ...details, title },
        {
          signal,
          hls: true,
          onProgress: (doneBytes) => line.show(`${url.href}: fetched ${formatBytes(doneBytes)}`),
        },
      ),
  ).finally(() => line.clear());
}

async function send(cli: Cli, client: Client, path: string, details: UploadDetails): Promise<string> {
  const line = cli.progress();
  const name = printable(path);
  const estimate = makeEstimator();
  const startedMs = Date.now();
  line.show(`${name}: being checked`);
  try {
    return await interruptible(
      () => 'interrupted; the same command resumes the import',
      async (signal) => {
        const stream = await readStreamFolder(path, signal);
        const { files, sizeBytes } = stream;
        const id = await importFolder(
          client,
          stream,
          { ...details, title: details.title ?? basename(stream.dir) },
          {
            signal,
            memory: importsFolder(process.env),
            onNote: (text) => line.keep(`${name}: ${text}`),
            onProgress: ({ phase, doneFiles, doneBytes }) => {
              const share = sizeBytes === 0 ? 1 : doneBytes / sizeBytes;
              const { ratePerS, remainingMs } = estimate(Date.now(), doneBytes, sizeBytes);
              const rate = ratePerS === null ? '' : `, ${formatByteRate(ratePerS)}`;
              line.show(
                phase === 'publishing'
                  ? `${name}: all ${formatNumberOf(files.length, 'file')} sent, being checked`
                  : `${bar(share)} ${formatPercent(share)}  ${doneFiles} of ${formatNumberOf(files.length, 'file')}, ${formatBytes(doneBytes)} of ${formatBytes(sizeBytes)}${rate}${leftText(remainingMs)}  ${name}`,
              );
            },
          },
        );
        const inTime = `in ${formatDuration(Date.now() - startedMs)}`;
        line.keep(`${name}: published ${formatNumberOf(files.length, 'file')}, ${formatBytes(sizeBytes)} ${inTime}`);
        return id;
      },
    );
  } finally {
    line.clear();
  }
}
