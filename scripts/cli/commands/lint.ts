import { readdir, stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { type Command, Option } from 'commander';
import { httpSource } from '../../../shared/conformance/http-source.ts';
import { readStream } from '../../../shared/conformance/read-stream.ts';
import { findEntry, folderSource, type StreamSource } from '../../../shared/conformance/source.ts';
import { checkConformance, type Finding, type Report } from '../../../shared/domain/conformance/check.ts';
import { type Cli, openCli } from '../cli.ts';
import { exitCodes, failure, usageError } from '../exit.ts';
import { formatNumberOf } from '../format.ts';
import { withExamples } from '../help.ts';
import { interruptible } from '../interrupt.ts';
import { countOption, durationOption } from '../parse.ts';

interface LintFlags {
  readonly segments?: number;
  readonly timeout: number;
}

const segmentsOverHttp = 60;
const placesEach = 5;

export function addLint(program: Command): void {
  const command = program
    .command('lint')
    .description('check an HLS stream against RFC 8216 and Apple’s authoring specification; ends with 1 on an error')
    .argument('<stream>', 'URL of a playlist, folder, or playlist file')
    .addOption(
      new Option(
        '--segments <number>',
        `look at so many segments of each playlist (${segmentsOverHttp} over HTTP, else all)`,
      ).argParser(countOption),
    )
    .addOption(
      new Option('--timeout <duration>', 'how long one request may take')
        .argParser(durationOption)
        .default(10_000, '10s'),
    )
    .action(async (stream: string, { segments, timeout }: LintFlags, self: Command) => {
      const cli = openCli(self);
      const report = await interruptible(
        () => 'nothing was changed',
        async (signal) => {
          const isUrl = /^https?:\/\//i.test(stream);
          const source = isUrl ? httpSource(stream, { timeoutMs: timeout, signal }) : await localSource(stream);
          const segmentsEach = segments ?? (isUrl ? segmentsOverHttp : Number.POSITIVE_INFINITY);
          return checkConformance(await read(source, stream, segmentsEach, signal));
        },
      );
      process.exitCode = report.ok ? exitCodes.ok : exitCodes.failed;
      if (cli.json) cli.document({ stream, ...report });
      else show(cli, report);
    });
  withExamples(command, 'lint https://example.net/film/master.m3u8', 'lint ./film --json');
}

async function localSource(path: string): Promise<StreamSource> {
  const found = await stat(path).catch(() => null);
  if (!found) throw usageError(`there is no file or folder "${path}"; give a URL, a folder or a playlist`);
  if (!found.isDirectory()) return folderSource(dirname(path), basename(path));
  const entry = await findEntry(path, await readdir(path));
  if (!entry)
    throw usageError(`"${path}" has no master.m3u8, and no other playlist to begin with; name the playlist itself`);
  return folderSource(path, entry);
}

async function read(source: StreamSource, name: string, segmentsEach: number, signal: AbortSignal) {
  try {
    return await readStream(source, { segmentsEach, signal });
  } catch (error) {
    signal.throwIfAborted();
    const reason = error instanceof Error ? error.message : String(error);
    throw failure('not-a-stream', `"${name}" cannot be read as an HLS playlist: ${reason}`);
  }
}

function show(cli: Cli, { findings, counts, rules, unfinished }: Report): void {
  for (const [rule, places] of Map.groupBy(findings, (finding) => finding.rule)) {
    const [first] = places;
    if (!first) continue;
    cli.say(`${first.severity.padEnd(8)}${rule}  ${first.requirement} (${first.sources.join(', ')})`);
    for (const place of places.slice(0, placesEach)) cli.say(`          ${lineOf(place)}`);
    if (places.length > placesEach) cli.say(`          … and ${places.length - placesEach} more`);
  }
  if (unfinished.length > 0)
    cli.say(
      `${formatNumberOf(unfinished.length, 'playlist')} without an end (live, or still being made): judged by what is there, and not by rules for finished works (NF203, NF204, NF207, NF410 to NF412)`,
    );
  const judged = rules.filter(({ looked }) => looked > 0).length;
  const numbers = `${counts.error} errors, ${counts.warning} warnings, ${counts.note} notes`;
  cli.say(`${judged} of ${rules.length} rules could be judged: ${numbers}`);
}

const lineOf = ({ at, measured, expected }: Finding): string => `${at}: ${measured} (expected: ${expected})`;
