import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ffmpeg, makeClip } from './clips.ts';

export interface SaidText {
  readonly startS: number;
  readonly endS: number;
  readonly text: string;
}

const time = (seconds: number): string => {
  const ms = Math.round(seconds * 1_000);
  const two = (value: number): string => String(Math.floor(value)).padStart(2, '0');
  return `${two(ms / 3_600_000)}:${two((ms / 60_000) % 60)}:${two((ms / 1_000) % 60)},${String(ms % 1_000).padStart(3, '0')}`;
};

export const srtOf = (said: readonly SaidText[]): string =>
  said.map(({ startS, endS, text }, index) => `${index + 1}\n${time(startS)} --> ${time(endS)}\n${text}\n`).join('\n');

export interface TextClipTrack {
  readonly codec: 'mov_text' | 'subrip' | 'ass' | 'webvtt';
  readonly said: readonly SaidText[];
  /** Output arguments of ffmpeg with `#` for the track's number: `-metadata:s:s:#`, `language=deu`. */
  readonly args?: readonly string[];
}

/** A clip with text tracks inside; the name's ending is its container. */
export async function makeTextClip(
  dir: string,
  name: string,
  {
    seconds,
    tracks,
    output = [],
  }: { readonly seconds: number; readonly tracks: readonly TextClipTrack[]; readonly output?: readonly string[] },
): Promise<string> {
  const picture = await makeClip(dir, `picture-of-${name}.mkv`, { seconds, size: '256x144', rate: '25' });
  const inputs: string[] = [];
  for (const [index, { said }] of tracks.entries()) {
    const path = join(dir, `${name}-${index}.srt`);
    await writeFile(path, srtOf(said));
    inputs.push('-i', path);
  }
  const path = join(dir, name);
  await ffmpeg([
    ...['-i', picture, ...inputs, '-map', '0', ...tracks.flatMap((_track, index) => ['-map', `${index + 1}`])],
    ...[
      '-c',
      'copy',
      ...tracks.flatMap(({ codec, args = [] }, index) => [
        `-c:s:${index}`,
        codec,
        ...args.map((arg) => arg.replace('#', `${index}`)),
      ]),
    ],
    ...output,
    path,
  ]);
  return path;
}
