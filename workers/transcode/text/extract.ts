/** The text tracks inside a source, as cleaned WebVTT. */
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { SourceText } from '../../../shared/domain/asset.ts';
import { TextError } from '../../../shared/domain/text/cue.ts';
import { parseText } from '../../../shared/domain/text/parse.ts';
import { textName } from '../../../shared/domain/text-track.ts';
import { containedInput } from '../../../shared/media/containment.ts';
import { ProcessError, runProcess } from '../../../shared/media/process.ts';
import type { Text } from './render.ts';
import { trackOf } from './text-objects.ts';

export interface ExtractOptions {
  /** Is made; of the worker's scratch folder. */
  readonly dir: string;
  readonly ffmpegPath: string;
  readonly signal: AbortSignal;
  /** Told of a track that cannot be read; the film does not fail by it. */
  readonly onSkipped: (track: SourceText, error: unknown) => void;
}

/** As with sound: who has more has everything. */
const maxTextTracks = 64;
const maxTextBytes = 32 * 1024 ** 2;
const limits = { memoryBytes: 4 * 1024 ** 3, fileSizeBytes: maxTextBytes, cpuS: 3_600 };
const quiet = ['-nostdin', '-hide_banner', '-v', 'error', '-y'];

/**
 * One run of ffmpeg reads the file once for all tracks; where it fails, each track is tried alone. Times are those of the
 * encoded media, since both are read from the same beginning.
 */
export async function extractTexts(
  inputPath: string,
  tracks: readonly SourceText[],
  { dir, ffmpegPath, signal, onSkipped }: ExtractOptions,
): Promise<Text[]> {
  const wanted = tracks.filter(({ form }) => form === 'text').slice(0, maxTextTracks);
  if (wanted.length === 0) return [];
  await mkdir(dir);
  const pathOf = ({ track }: SourceText): string => join(dir, `${track}.vtt`);
  const extract = (some: readonly SourceText[]): Promise<string> =>
    runProcess(
      ffmpegPath,
      [...quiet, ...containedInput(inputPath), ...some.flatMap((track) => outputOf(track, pathOf(track)))],
      {
        signal,
        limits,
      },
    );
  const skip = (track: SourceText) => (error: unknown) => {
    signal.throwIfAborted();
    if (!(error instanceof ProcessError) || error.code === 'not-started') throw error;
    onSkipped(track, error);
  };
  await extract(wanted).catch(async (error: unknown) => {
    signal.throwIfAborted();
    if (!(error instanceof ProcessError)) throw error;
    for (const track of wanted) await extract([track]).catch(skip(track));
  });

  const texts: Text[] = [];
  for (const track of wanted) {
    try {
      const { cues } = parseText(await readFile(pathOf(track)));
      const place = {
        language: track.language ?? 'und',
        kind: track.hearingImpaired ? ('captions' as const) : ('subtitles' as const),
        forced: track.forced,
      };
      texts.push({ track: trackOf({ ...place, name: track.title ?? textName(place), isDefault: false }, cues), cues });
    } catch (error) {
      // A track without a word is usual: cameras and editors write the header of one.
      if (!(error instanceof TextError) && !isMissing(error)) throw error;
      onSkipped(track, error);
    }
  }
  return texts;
}

/** WebVTT is taken as it is, with its settings; everything else becomes it. */
const outputOf = ({ track, codec }: SourceText, path: string): string[] => [
  ...['-map', `0:s:${track}`, '-c:s', codec === 'webvtt' ? 'copy' : 'webvtt'],
  ...['-map_metadata', '-1', '-flush_packets', '0', '-f', 'webvtt', path],
];

const isMissing = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'ENOENT';
