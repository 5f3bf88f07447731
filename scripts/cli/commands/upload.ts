import { type Command, Option } from 'commander';
import { type Encryption, encryptions } from '../../../shared/domain/encryption.ts';
import { profileNames } from '../../../shared/media/profiles.ts';
import { checkFile } from '../check-file.ts';
import { type Cli, openCli } from '../cli.ts';
import type { AssetDetail, Client } from '../client.ts';
import { CliError, type ExitCode, exitCodes, failure, usageError } from '../exit.ts';
import { formatByteRate, formatBytes, formatDuration, formatNumberOf, formatPercent, printable } from '../format.ts';
import { withExamples } from '../help.ts';
import { importUrl } from '../import-url.ts';
import { interruptible } from '../interrupt.ts';
import { listOption, type Premiere, premiereOption } from '../parse.ts';
import { bar, leftText, makeEstimator } from '../progress.ts';
import { forgetOld, resumeFolder } from '../resume-store.ts';
import type { UploadDetails } from '../send-file.ts';
import { type NamedText, readTextFile, textOption } from '../text-files.ts';
import { watchAsset } from '../watch-asset.ts';

interface UploadFlags {
  readonly title?: string;
  readonly tag: readonly string[];
  readonly series?: string;
  readonly premiere?: Premiere;
  readonly mustHave?: boolean;
  readonly profile?: string;
  readonly packaging?: 'segments' | 'single-file';
  readonly encryption?: Encryption;
  readonly earlyPlay?: boolean;
  readonly wait?: boolean;
  readonly subtitles?: readonly NamedText[];
  readonly captions?: readonly NamedText[];
}

interface Sent {
  readonly file: string;
  readonly assetId: string | null;
  /** With `--wait`: the asset in its final state. */
  readonly asset?: AssetDetail;
  readonly error?: { readonly code: string; readonly message: string };
}

export function addUpload(program: Command): void {
  const command = program
    .command('upload')
    .description('upload videos, resumably, or have URLs fetched; prints the id of each asset')
    .argument('<file...>', 'video files, or http(s) URLs that the server fetches')
    .option('--title <text>', 'title, for a single file; by default from the file’s name')
    .addOption(new Option('--tag <tag>', 'tag; repeat for more').argParser(listOption).default([], 'none'))
    .option('--series <name>', 'series it belongs to, which helps the forecast of a new title')
    .addOption(
      new Option('--premiere <when>', 'day or instant before which it is not played').argParser(premiereOption),
    )
    .option('--must-have', 'fills bring it first, whatever is forecast')
    .addOption(new Option('--profile <name>', 'what is made of it; by default H.264 alone').choices(profileNames))
    .addOption(new Option('--packaging <kind>', 'how its media lie in the store').choices(['segments', 'single-file']))
    .addOption(new Option('--encryption <kind>', 'how its media are encrypted').choices(encryptions))
    .option('--early-play', 'let viewers begin while a long film is still being encoded')
    .option('--no-early-play', 'let nobody begin before all of it is there')
    .option('--subtitles <language=file>', 'SubRip or WebVTT file to go with it; repeat for more', textOption)
    .option('--captions <language=file>', 'the same, that tells sounds too', textOption)
    .option('--wait', 'wait until it plays, with progress for each rendition')
    .action(async (files: readonly string[], flags: UploadFlags, self: Command) => {
      const { subtitles = [], captions = [] } = flags;
      if (subtitles.length + captions.length > 0 && files.length > 1)
        throw usageError('--subtitles and --captions are for a single file');
      for (const { path } of [...subtitles, ...captions]) await readTextFile(path);
      if (flags.title !== undefined && files.length > 1) throw usageError('--title is for a single file');
      for (const file of files) if (!isUrl(file)) await checkFile(file);
      const cli = openCli(self);
      const client = await cli.client();
      const results: { readonly sent: Sent; readonly exitCode: ExitCode }[] = [];
      for (const file of files) {
        const result = await sendOne(cli, client, file, flags);
        if (cli.json) cli.document(result.sent);
        if (result.sent.error) cli.note(`nightfill: ${file}: ${result.sent.error.message}`);
        results.push(result);
      }
      process.exitCode = results.find(({ exitCode }) => exitCode !== exitCodes.ok)?.exitCode ?? exitCodes.ok;
    });
  withExamples(
    command,
    'upload talk.mp4 --title "Opening talk" --tag 2026 --wait',
    'upload *.mkv',
    'upload https://example.net/film.mp4 --series Nightly --premiere 2026-12-01',
  );
}

/** One file to its end. A refusal is a result, so that the other files have their turn; an interruption is not. */
async function sendOne(
  cli: Cli,
  client: Client,
  file: string,
  flags: UploadFlags,
): Promise<{ sent: Sent; exitCode: ExitCode }> {
  let assetId: string | null = null;
  try {
    const bring = isUrl(file) ? importWithProgress : sendWithProgress;
    assetId = await bring(cli, client, file, flags);
    cli.say(assetId);
    await sendTexts(client, assetId, flags);
    if (!flags.wait) return { sent: { file, assetId }, exitCode: exitCodes.ok };
    const asset = await waitWithProgress(cli, client, assetId);
    if (asset.state === 'published') return { sent: { file, assetId, asset }, exitCode: exitCodes.ok };
    const { code, message } = notPublished(asset);
    return { sent: { file, assetId, asset, error: { code, message } }, exitCode: exitCodes.failed };
  } catch (error) {
    if (!(error instanceof CliError) || error.exitCode === exitCodes.interrupted) throw error;
    return { sent: { file, assetId, error: { code: error.code, message: error.message } }, exitCode: error.exitCode };
  }
}

/** Before the transcode ends, as a rule, which then takes them along. */
async function sendTexts(client: Client, id: string, { subtitles = [], captions = [] }: UploadFlags): Promise<void> {
  for (const { language, path } of subtitles) await client.putText(id, language, await readTextFile(path));
  for (const { language, path } of captions)
    await client.putText(id, language, await readTextFile(path), { kind: 'captions' });
}

async function sendWithProgress(cli: Cli, client: Client, file: string, flags: UploadFlags): Promise<string> {
  const line = cli.progress();
  const folder = resumeFolder(process.env);
  const estimate = makeEstimator();
  const name = printable(file);
  const startedMs = Date.now();
  let firstBytes: number | null = null;
  let total = 0;
  // Loaded here, because tus-js-client is most of what starting the program would cost.
  const { sendFile } = await import('../send-file.ts');
  await forgetOld(folder, startedMs);
  try {
    const assetId = await interruptible(
      () => 'interrupted; the same command resumes the upload',
      (signal) =>
        sendFile(
          { path: file, ...detailsOf(flags) },
          {
            client,
            folder,
            signal,
            onNote: (text) => line.keep(`${name}: ${text}`),
            onProgress: (sentBytes, totalBytes) => {
              firstBytes ??= sentBytes;
              total = totalBytes;
              const { ratePerS, remainingMs } = estimate(Date.now(), sentBytes, totalBytes);
              const share = sentBytes / totalBytes;
              const rate = ratePerS === null ? '' : `, ${formatByteRate(ratePerS)}`;
              line.show(
                sentBytes === totalBytes
                  ? `${name}: all ${formatBytes(totalBytes)} sent, being checked`
                  : `${bar(share)} ${formatPercent(share)}  ${formatBytes(sentBytes)} of ${formatBytes(totalBytes)}${rate}${leftText(remainingMs)}  ${name}`,
              );
            },
          },
        ),
    );
    const elapsedMs = Date.now() - startedMs;
    const rate = elapsedMs > 0 ? formatByteRate(((total - (firstBytes ?? 0)) * 1_000) / elapsedMs) : '';
    line.keep(`${name}: uploaded${total > 0 ? ` ${formatBytes(total)} in ${formatDuration(elapsedMs)}, ${rate}` : ''}`);
    return assetId;
  } finally {
    line.clear();
  }
}

const isUrl = (file: string): boolean => /^https?:\/\//i.test(file);

const detailsOf = ({
  tag,
  premiere,
  mustHave,
  title,
  series,
  profile,
  packaging,
  encryption,
  earlyPlay,
}: UploadFlags): UploadDetails => ({
  tags: tag,
  ...(title === undefined ? {} : { title }),
  ...(series === undefined ? {} : { series }),
  ...premiere,
  ...(mustHave ? { mustHave } : {}),
  ...(profile === undefined ? {} : { profile }),
  ...(packaging === undefined ? {} : { packaging }),
  ...(encryption === undefined ? {} : { encryption }),
  ...(earlyPlay === undefined ? {} : { earlyPlay }),
});

async function importWithProgress(cli: Cli, client: Client, url: string, flags: UploadFlags): Promise<string> {
  const line = cli.progress();
  const estimate = makeEstimator();
  const name = printable(url);
  try {
    return await interruptible(
      () => 'interrupted; the server goes on fetching, see nightfill assets',
      (signal) =>
        importUrl(client, url, detailsOf(flags), {
          signal,
          onNote: (text) => line.keep(`${name}: ${text}`),
          onProgress: (doneBytes, totalBytes) => {
            const { ratePerS, remainingMs } = estimate(Date.now(), doneBytes, totalBytes ?? doneBytes);
            const rate = ratePerS === null ? '' : `, ${formatByteRate(ratePerS)}`;
            const share = totalBytes ? `${bar(doneBytes / totalBytes)} ${formatPercent(doneBytes / totalBytes)}  ` : '';
            line.show(
              `${share}${formatBytes(doneBytes)} fetched${rate}${totalBytes ? leftText(remainingMs) : ''}  ${name}`,
            );
          },
        }),
    );
  } finally {
    line.clear();
  }
}

async function waitWithProgress(cli: Cli, client: Client, id: string): Promise<AssetDetail> {
  const line = cli.progress();
  const estimate = makeEstimator(30_000);
  const startedMs = Date.now();
  try {
    return await interruptible(
      () => `interrupted; ${id} goes on being made, see nightfill assets ${id}`,
      async (signal) => {
        let last: AssetDetail | null = null;
        for await (const asset of watchAsset(client, id, signal)) {
          if (asset.early && !last?.early)
            line.keep(`${id}: plays now, the rest follows (nightfill play ${id}), after ${tookText(startedMs)}`);
          last = asset;
          line.show(`${id}: ${progressText(asset, estimate)}`);
        }
        if (!last) throw failure('no-answer', `${id}: nothing was heard of its progress`);
        if (last.state === 'published') line.keep(`${id}: ${publishedText(last)}, after ${tookText(startedMs)}`);
        return last;
      },
    );
  } finally {
    line.clear();
  }
}

function progressText({ state, progress }: AssetDetail, estimate: ReturnType<typeof makeEstimator>): string {
  if (!progress || progress.stage === 'waiting') return state === 'uploaded' ? 'waiting for a transcode worker' : state;
  const { remainingMs } = estimate(Date.now(), progress.fraction, 1);
  const renditions = Object.entries(progress.renditions).map(
    ([name, share]) => `${name} ${formatPercent(Math.floor(share * 100) / 100)}`,
  );
  const speed = progress.speed === null ? '' : `, ${progress.speed.toFixed(1)}× real time`;
  const each = renditions.length > 0 ? `  ${renditions.join('  ')}` : '';
  return `${progress.stage} ${formatPercent(progress.fraction)}${speed}${leftText(remainingMs)}${each}`;
}

const tookText = (startedMs: number): string => formatDuration(Date.now() - startedMs);

const publishedText = ({ renditions, sizeBytes }: AssetDetail): string =>
  `published, ${formatNumberOf(renditions.length, 'rendition')}, ${formatBytes(sizeBytes ?? 0)}`;

const notPublished = ({ id, state, failure: why }: AssetDetail): CliError =>
  why
    ? failure(why.code, `${id} failed: ${printable(why.reason)} (${why.code})`)
    : failure('not-published', `${id} was not published: it is ${state}`);
