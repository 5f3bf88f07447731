import { setTimeout as delay } from 'node:timers/promises';
import type { Command } from 'commander';
import { canonicalLanguage } from '../../../shared/domain/text-track.ts';
import { type Cli, openCli } from '../cli.ts';
import type { Client, TextTrack } from '../client.ts';
import { failure, usageError } from '../exit.ts';
import { formatCount, printable } from '../format.ts';
import { withExamples } from '../help.ts';
import { interruptible } from '../interrupt.ts';
import { type NamedText, readTextFile, textOption } from '../text-files.ts';

interface PlaceFlags {
  readonly captions?: boolean;
  readonly forced?: boolean;
}

interface AddFlags extends PlaceFlags {
  readonly default?: boolean;
  readonly name?: string;
  readonly wait?: boolean;
}

const pollMs = 1_000;

export function addSubtitles(program: Command): void {
  const subtitles = program.command('subtitles').description('list, add and remove subtitles and captions of an asset');
  withExamples(subtitles, 'subtitles list big-buck-bunny-7f3a');

  const list = subtitles
    .command('list')
    .description('subtitles and captions of an asset, from its source and uploaded')
    .argument('<asset>', 'id of an asset')
    .action(async (id: string, _flags: object, self: Command) => {
      const cli = openCli(self);
      const tracks = await (await cli.client()).texts(id);
      if (cli.json) cli.document(tracks);
      else if (tracks.length === 0) cli.say(`no subtitles; add some with nightfill subtitles add ${id} de=FILE.srt`);
      else showTexts(cli, tracks);
    });
  withExamples(list, 'subtitles list big-buck-bunny-7f3a');

  const add = subtitles
    .command('add')
    .description('add or replace subtitles from SubRip or WebVTT files; nothing is encoded again')
    .argument('<asset>', 'id of an asset')
    .argument('<language=file...>', 'language tag and file, such as de=film.de.srt', textOption)
    .option('--captions', 'they tell sounds too, for those who do not hear')
    .option('--forced', 'they hold only what cannot be understood without them')
    .option('--default', 'show them to who has not chosen')
    .option('--name <text>', 'what players call them; by default the language’s own name')
    .option('--wait', 'wait until viewers have them')
    .action(async (id: string, texts: readonly NamedText[], flags: AddFlags, self: Command) => {
      if (flags.name !== undefined && texts.length > 1) throw usageError('--name is for a single file');
      const files = await Promise.all(texts.map(async (text) => ({ ...text, bytes: await readTextFile(text.path) })));
      const cli = openCli(self);
      const client = await cli.client();
      for (const { language, bytes } of files) {
        const { name } = flags;
        const track = await client.putText(id, language, bytes, { ...placeOf(flags), name, default: flags.default });
        if (!flags.wait) tell(cli, track);
        else tell(cli, await waitFor(client, id, track));
      }
    });
  withExamples(add, 'subtitles add big-buck-bunny-7f3a de=bunny.de.srt fr=bunny.fr.vtt --wait');

  const rm = subtitles
    .command('rm')
    .description('remove uploaded subtitles; those of the source come back')
    .argument('<asset>', 'id of an asset')
    .argument('<language...>', 'language tags')
    .option('--captions', 'the captions of that language')
    .option('--forced', 'the forced ones of that language')
    .action(async (id: string, tags: readonly string[], flags: PlaceFlags, self: Command) => {
      const wrong = tags.find((tag) => canonicalLanguage(tag) === null);
      if (wrong !== undefined) throw usageError(`"${wrong}" is no language tag; write one such as de or pt-BR`);
      const cli = openCli(self);
      const client = await cli.client();
      for (const language of tags) {
        await client.removeText(id, language, placeOf(flags));
        cli.say(`removed ${language}`);
        if (cli.json) cli.document({ id, language, removed: true });
      }
    });
  withExamples(rm, 'subtitles rm big-buck-bunny-7f3a de');
}

const placeOf = ({ captions, forced }: PlaceFlags) => ({ kind: captions ? ('captions' as const) : undefined, forced });

function tell(cli: Cli, track: TextTrack): void {
  cli.say(`${track.id}: ${formatCount(track.cues)} texts, ${track.published ? 'published' : 'to be published'}`);
  if (cli.json) cli.document(track);
}

/** The track once it is in the version that viewers get. @throws CliError with the reason when it never will be. */
const waitFor = (client: Client, id: string, { id: track }: TextTrack): Promise<TextTrack> =>
  interruptible(
    () => `interrupted; the text goes on being published, see nightfill subtitles list ${id}`,
    async (signal) => {
      for (;;) {
        const { textTracks = [], textFailure, state, failure: why } = await client.asset(id, signal);
        const found = textTracks.find((each) => each.id === track);
        if (!found) throw failure('removed', `${track} was removed meanwhile`);
        if (found.published) return found;
        const reason = textFailure ?? (state === 'failed' ? why : null);
        if (reason) throw failure(reason.code, `${track} was not published: ${printable(reason.reason)}`);
        await delay(pollMs, undefined, { signal });
      }
    },
  );

export function showTexts(cli: Pick<Cli, 'table'>, tracks: readonly TextTrack[]): void {
  cli.table(
    [
      { head: 'TEXT' },
      { head: 'KIND' },
      { head: 'FROM' },
      { head: 'TEXTS', align: 'right' },
      { head: 'STATE' },
      { head: 'NAME', shrink: true },
    ],
    tracks.map((track) => [
      track.id,
      `${track.kind}${track.forced ? ', forced' : ''}${track.default ? ', default' : ''}`,
      track.origin,
      formatCount(track.cues),
      track.published ? 'published' : 'waiting',
      printable(track.name),
    ]),
  );
}
