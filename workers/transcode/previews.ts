/**
 * A poster, and small pictures along the time for a player's seek bar, made from the encoded renditions: cheap, because only
 * key frames of the smallest one are decoded.
 */
import { mkdir, open, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { FileRole } from '../../shared/domain/manifest.ts';
import { containedInput } from '../../shared/media/containment.ts';
import { runProcess } from '../../shared/media/process.ts';
import { type Content, openContent } from './digest.ts';
import { type CutRendition, localPath } from './rendition.ts';
import { buildStoryboard, planStoryboard, type StoryboardPlan } from './storyboard.ts';

export interface PreviewFile {
  /** Relative to the version. */
  readonly path: string;
  readonly role: FileRole;
  readonly content: Content;
}

export interface Previews {
  readonly files: readonly PreviewFile[];
  /** Paths; null for sound alone. */
  readonly images: { readonly poster: string; readonly storyboard: string } | null;
}

export interface PreviewOptions {
  /** Of the worker; gets files that are published, so it must outlive the upload. */
  readonly dir: string;
  readonly ffmpegPath: string;
  readonly signal: AbortSignal;
}

const folder = 'previews';
const posterAt = 0.1;
const limits = { memoryBytes: 8 * 1024 ** 3, fileSizeBytes: 64 * 1024 ** 2, cpuS: 3_600 };
const quiet = ['-nostdin', '-hide_banner', '-v', 'warning', '-y', '-threads', '1', '-filter_threads', '1'];
const still = ['-an', '-fps_mode', 'passthrough', '-c:v', 'mjpeg', '-threads', '1', '-flags', '+bitexact'];

export async function makePreviews(
  renditions: readonly CutRendition[],
  { dir, ffmpegPath, signal }: PreviewOptions,
): Promise<Previews> {
  const videos = mostPlayable(renditions.filter(({ kind }) => kind === 'video')).toSorted(
    (a, b) => (b.track.height ?? 0) - (a.track.height ?? 0),
  );
  const [largest] = videos;
  const smallest = videos.at(-1);
  if (!largest || !smallest) return { files: [], images: null };
  await mkdir(dir);
  const run = (args: readonly string[]) => runProcess(ffmpegPath, [...quiet, ...args], { signal, limits });

  // One group of pictures by itself is a whole file; of it, the most typical picture.
  const group = join(dir, 'group.mp4');
  await writeFile(group, openContent(groupAt(largest, posterAt)));
  const posterPath = join(dir, 'poster.jpg');
  await run([...containedInput(group), '-vf', 'thumbnail=30', '-frames:v', '1', '-q:v', '3', ...still, posterPath]);

  const plan = planStoryboard(smallest);
  await run([
    ...[
      '-skip_frame',
      'nokey',
      ...containedInput(await localPath(smallest.clear, join(dir, `${smallest.id}.mp4`))),
      '-vf',
      filterOf(plan),
    ],
    ...['-q:v', '5', ...still, '-start_number', '0', join(dir, 'sprite-%03d.jpg')],
  ]);
  const sprites = (await readdir(dir)).filter((name) => name.startsWith('sprite-')).toSorted();
  const pictures = await Promise.all(
    ['poster.jpg', ...sprites].map(async (name): Promise<PreviewFile> => {
      const path = join(dir, name);
      return {
        path: `${folder}/${name}`,
        role: 'preview',
        content: { path, offset: 0, sizeBytes: await sizeOf(path) },
      };
    }),
  );
  const storyboard = `${folder}/storyboard.vtt`;
  const text = Buffer.from(buildStoryboard(plan, sprites));
  return {
    files: [...pictures, { path: storyboard, role: 'preview', content: text }],
    images: { poster: `${folder}/poster.jpg`, storyboard },
  };
}

/** Pictures are SDR, and cheapest to decode in H.264. */
function mostPlayable(videos: readonly CutRendition[]): readonly CutRendition[] {
  const plain = videos.filter(({ track }) => track.codecs.startsWith('avc1'));
  return plain.length > 0 ? plain : videos;
}

const filterOf = ({ everyNth, columns, rows, width, height }: StoryboardPlan): string =>
  `select='not(mod(n,${everyNth}))',scale=${width}:${height}:flags=bicubic+accurate_rnd+bitexact,tile=${columns}x${rows}`;

/** The initialisation part and the fragment that is so far along. */
function groupAt({ clear: { bytes, track }, id }: CutRendition, share: number): Content {
  const { fragments, initSizeBytes } = track;
  const fragment = fragments[Math.floor(fragments.length * share)];
  if (!fragment) throw new RangeError(`${id} has no fragments`);
  return [...bytes(0, initSizeBytes), ...bytes(fragment.offset, fragment.sizeBytes)];
}

async function sizeOf(path: string): Promise<number> {
  const file = await open(path, 'r');
  try {
    return (await file.stat()).size;
  } finally {
    await file.close();
  }
}
