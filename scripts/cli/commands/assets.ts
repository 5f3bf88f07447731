import { type Command, Option } from 'commander';
import { type AssetState, assetStates } from '../../../shared/domain/asset.ts';
import { openCli } from '../cli.ts';
import type { AssetDetail } from '../client.ts';
import {
  formatBitRate,
  formatBytes,
  formatDuration,
  formatNumberOf,
  formatPercent,
  formatTime,
  printable,
} from '../format.ts';
import { withExamples } from '../help.ts';
import { countOption } from '../parse.ts';
import { take } from '../take.ts';
import { addAssetsSet } from './assets-set.ts';
import { showTexts } from './subtitles.ts';

interface AssetsFlags {
  readonly state?: AssetState;
  readonly deleted?: boolean;
  readonly limit: number;
}

export function addAssets(program: Command): void {
  const command = program
    .command('assets')
    .description('list assets, newest first, or show one; set changes what is said of one')
    .argument('[id]', 'id of an asset')
    .addOption(new Option('--state <state>', 'only assets of this state').choices(assetStates))
    .option('--deleted', 'the deleted ones that can still be restored, as --state deleted')
    .addOption(new Option('--limit <n>', 'list at most so many').argParser(countOption).default(100))
    .action(async (id: string | undefined, flags: AssetsFlags, self: Command) => {
      const cli = openCli(self);
      const client = await cli.client();
      if (id !== undefined) return show(self, id);
      const { items, more } = await take(client.assets(flags.deleted ? 'deleted' : flags.state), flags.limit);
      if (cli.json) return cli.document(items);
      if (items.length === 0) return cli.say('no assets; upload one with nightfill upload FILE');
      cli.table(
        [
          { head: 'ID' },
          { head: 'STATE' },
          { head: 'LENGTH', align: 'right' },
          { head: 'SIZE', align: 'right' },
          { head: 'CREATED' },
          { head: 'TITLE', shrink: true },
        ],
        items.map((asset) => [
          asset.id,
          asset.state,
          lengthText(asset),
          asset.sizeBytes === null ? '' : formatBytes(asset.sizeBytes),
          formatTime(asset.createdAt),
          printable(asset.title),
        ]),
      );
      if (more) cli.note(`more than ${flags.limit}; see them with --limit`);
    });
  withExamples(command, 'assets --state published', 'assets --deleted', 'assets big-buck-bunny-7f3a');
  addAssetsSet(command, show);
}

async function show(self: Command, id: string): Promise<void> {
  const cli = openCli(self);
  const asset = await (await cli.client()).asset(id);
  if (cli.json) cli.document(asset);
  else showAsset(cli, asset);
}

const lengthText = (asset: AssetDetail): string =>
  asset.durationS === null ? '' : formatDuration(asset.durationS * 1_000);

/** Everything about one asset; also what `upload --wait` ends with. */
function showAsset(cli: Pick<ReturnType<typeof openCli>, 'facts' | 'table' | 'say'>, asset: AssetDetail): void {
  const { source, progress } = asset;
  const picture = source.video
    ? `${source.video.width}×${source.video.height} ${source.video.codec} ${Number(source.video.frameRate.toFixed(3))} fps${source.video.hdr ? ' HDR' : ''}`
    : 'no picture';
  const sound = source.audio
    ? `${source.audio.codec}, ${formatNumberOf(source.audio.channels, 'channel')}`
    : 'no sound';
  cli.facts([
    ['id', asset.id],
    ['title', printable(asset.title)],
    ['series', asset.series ? printable(asset.series) : null],
    ['premiere', asset.premieresAt ? formatTime(asset.premieresAt) : (asset.premiereDate ?? null)],
    ['priority', asset.mustHave ? 'fills bring it first' : null],
    ['tags', asset.tags.length > 0 ? printable(asset.tags.join(', ')) : null],
    ['state', asset.early ? `${asset.state}; its beginning plays already` : asset.state],
    ['restorable', asset.deletion ? `until ${formatTime(asset.deletion.purgeAt)}` : null],
    ['failure', asset.failure ? `${asset.failure.code}: ${printable(asset.failure.reason)}` : null],
    [
      'progress',
      progress && asset.state === 'transcoding' ? `${progress.stage} ${formatPercent(progress.fraction)}` : null,
    ],
    ['source', `${printable(source.fileName)}, ${formatBytes(source.sizeBytes)}, ${picture}, ${sound}`],
    ['length', lengthText(asset) || null],
    ['version', asset.version],
    ['size', asset.sizeBytes === null ? null : formatBytes(asset.sizeBytes)],
    ['profile', asset.profile],
    ['created', formatTime(asset.createdAt)],
    ['published', asset.publishedAt ? formatTime(asset.publishedAt) : null],
  ]);
  if (asset.textTracks && asset.textTracks.length > 0) {
    cli.say();
    showTexts(cli, asset.textTracks);
  }
  if (!asset.renditions || asset.renditions.length === 0) return;
  cli.say();
  cli.table(
    [
      { head: 'RENDITION' },
      { head: 'PICTURE' },
      { head: 'MEAN', align: 'right' },
      { head: 'PEAK', align: 'right' },
      { head: 'CODECS' },
    ],
    asset.renditions.map((rendition) => [
      rendition.id,
      rendition.width === null ? '' : `${rendition.width}×${rendition.height}`,
      formatBitRate(rendition.averageBandwidthBps),
      formatBitRate(rendition.bandwidthBps),
      rendition.codecs,
    ]),
  );
}
