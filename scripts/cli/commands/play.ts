import { type Command, Option } from 'commander';
import { openCli } from '../cli.ts';
import { failure } from '../exit.ts';
import { formatTime } from '../format.ts';
import { withExamples } from '../help.ts';
import { durationOption } from '../parse.ts';

interface PlayFlags {
  readonly region?: string;
  readonly ip?: string;
  readonly ttl?: number;
  readonly only?: 'hls' | 'dash';
}

export function addPlay(program: Command): void {
  const command = program
    .command('play')
    .description('make a signed playback URL, and say which appliance serves it and why')
    .argument('<id>', 'id of an asset that is published, or whose beginning plays already')
    .addOption(new Option('--region <id>', 'region of the viewer').conflicts('ip'))
    .option('--ip <address>', 'address of the viewer, from which the region is chosen')
    .addOption(new Option('--ttl <duration>', 'how long the URL works, e.g. 30m or 6h').argParser(durationOption))
    .addOption(new Option('--only <kind>', 'print that URL and nothing else').choices(['hls', 'dash']))
    .action(async (assetId: string, { region, ip, ttl, only }: PlayFlags, self: Command) => {
      const cli = openCli(self);
      const client = await cli.client();
      const playback = await client.playback({
        assetId,
        ...(region === undefined ? {} : { region }),
        ...(ip === undefined ? {} : { ip }),
        ...(ttl === undefined ? {} : { ttlS: Math.max(1, Math.round(ttl / 1_000)) }),
      });
      if (cli.json) return cli.document(playback);
      if (only) {
        const url = playback[only];
        if (url === null && playback.state === 'growing')
          throw failure('no-dash', `${assetId} is still being encoded and plays by HLS so far; ask for --only hls.`);
        if (url === null) throw failure('no-dash', 'Media encrypted by AES-128 play by HLS only; ask for --only hls.');
        return cli.say(url);
      }
      const [first, ...others] = playback.appliances;
      cli.facts([
        ['HLS', playback.hls],
        ['DASH', playback.dash],
        ['state', playback.state === 'growing' ? 'plays now; the rest is being encoded and follows' : null],
        ['licences', playback.clearKey ?? null],
        ['region', `${playback.region.id} (${playback.region.reason}): ${playback.region.detail}`],
        ['from', first ? `${first.id} (${first.reason})` : null],
        ['else', others.length > 0 ? others.map(({ id, reason }) => `${id} (${reason})`).join(', ') : null],
        ['until', formatTime(playback.expiresAt)],
        ['session', playback.session],
      ]);
    });
  withExamples(
    command,
    'play big-buck-bunny-7f3a --region eu-berlin --ttl 30m',
    'play big-buck-bunny-7f3a --ip 192.0.2.7 --only hls',
  );
}
