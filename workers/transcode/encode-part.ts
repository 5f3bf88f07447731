/** One part of a film: encoded, measured, moved to its place in time, and stored. */
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import pLimit from 'p-limit';
import { storeKeys } from '../../shared/domain/keys.ts';
import type { ObjectStore } from '../../shared/ports/object-store.ts';
import { type Chunk, overlapFrames } from './chunks.ts';
import { cutSegments } from './cut.ts';
import { digestOf, type FileSpan, openContent } from './digest.ts';
import { type EncodeProgress, encode } from './encode.ts';
import { type EncodePlan, timescaleOf } from './encode-args.ts';
import { segmentName } from './layout.ts';
import { type MeasuredTrack, measureTrack } from './measure.ts';
import { shiftFragments } from './shift.ts';
import { type PartFacts, type PartRendition, type Place, partName, type WorkObject } from './work.ts';

export interface PartOptions {
  readonly store: Pick<ObjectStore, 'put'>;
  readonly place: Place;
  /** Scratch, for what is encoded. */
  readonly dir: string;
  readonly ffmpegPath: string;
  readonly runs: number;
  readonly signal: AbortSignal;
  onProgress(progress: EncodeProgress): void;
}

const uploadsAtOnce = 4;

/** What the worker of a part encodes of the whole plan. */
export function planOfPart(plan: EncodePlan, chunk: Chunk | null, dir: string): EncodePlan {
  if (!chunk) return { ...plan, ladder: null, video: [] };
  const source = { ...plan.source, durationS: chunk.durationS };
  return { ...plan, source, audio: [], chunk: { ...chunk, hashPath: join(dir, 'frames.md5') } };
}

/**
 * Encodes the chunk, or for null the sound of the whole film, and stores its media: segments where they are published,
 * single files and what is yet to be encrypted in the work folder.
 */
export async function encodePart(whole: EncodePlan, chunk: Chunk | null, options: PartOptions): Promise<PartFacts> {
  const { store, place, dir, ffmpegPath, runs, signal, onProgress } = options;
  const plan = planOfPart(whole, chunk, dir);
  await encode(plan, { ffmpegPath, runs, signal, onProgress });
  const hashes = chunk ? await readHashes(plan) : { start: [], end: [] };
  const limit = pLimit(uploadsAtOnce);
  const renditions: PartRendition[] = [];
  for (const { id, path } of [...plan.video, ...plan.audio]) {
    const local = await measureTrack(path);
    if (!local && !chunk) continue;
    const reason = chunk && flawOf(local, chunk, plan);
    if (!local || reason) return { uncuttable: reason ?? 'nothing was encoded', hashes, renditions: [] };
    const track = chunk ? await moveTo(path, local, chunk) : local;
    const spans = spansOf(local, path, plan, chunk, (segment) => keyOf(place, chunk, id, segment));
    const put = async ({ key, span }: KeyedSpan): Promise<WorkObject> => {
      signal.throwIfAborted();
      const digests = await digestOf(span);
      const { sizeBytes, sha256 } = digests;
      await store.put(key, openContent(span), { sizeBytes, sha256, signal });
      return { key, offset: span.offset, ...digests };
    };
    const settled = await Promise.allSettled(spans.map((span) => limit(put, span)));
    const objects = settled.map((result) => {
      if (result.status === 'rejected') throw result.reason;
      return result.value;
    });
    const init = Buffer.from(await readBytes(path, local.initSizeBytes)).toString('base64');
    renditions.push({ id, init, track, objects });
  }
  return { uncuttable: null, hashes, renditions };
}

interface KeyedSpan {
  readonly key: string;
  readonly span: FileSpan;
}

function spansOf(
  track: MeasuredTrack,
  path: string,
  { recipe }: EncodePlan,
  chunk: Chunk | null,
  keyFor: (segment: number | null) => string,
): KeyedSpan[] {
  const { initSizeBytes, fragments } = track;
  // What is encrypted when it is joined must not lie, clear, where it will be published.
  if (recipe.packaging === 'single-file' || recipe.encryption) {
    const sizeBytes = fragments.reduce((sum, fragment) => sum + fragment.sizeBytes, 0);
    return [{ key: keyFor(null), span: { path, offset: initSizeBytes, sizeBytes } }];
  }
  return cutSegments(track, recipe.segmentS).map(({ offset, sizeBytes }, index) => ({
    key: keyFor((chunk?.segmentsBefore ?? 0) + index),
    span: { path, offset, sizeBytes },
  }));
}

const keyOf = ({ assetId, base, version }: Place, chunk: Chunk | null, id: string, segment: number | null): string =>
  segment === null
    ? storeKeys.work(assetId, base, `${partName(chunk?.index ?? 'sound')}/${id}.mp4`)
    : storeKeys.media({ assetId, version, path: `${id}/${segmentName(segment)}` });

/** Why a chunk is not the part of the film that it should be; null when it is. */
function flawOf(track: MeasuredTrack | null, { startFrame, endFrame }: Chunk, { ladder }: EncodePlan): string | null {
  if (!track || !ladder) return `nothing is shown from frame ${startFrame} on`;
  const { samples, durationTicks, timescale } = track;
  const frames = endFrame === null ? samples : endFrame - startFrame;
  if (samples !== frames) return `${samples} frames from frame ${startFrame} on, where ${frames} should be`;
  if (timescale !== timescaleOf(ladder.frameRate) || durationTicks !== frames * ticksOf(track, ladder.frameRate))
    return `frames from frame ${startFrame} on are not of equal length`;
  return null;
}

type Rate = NonNullable<EncodePlan['ladder']>['frameRate'];
const ticksOf = ({ timescale }: MeasuredTrack, { numerator, denominator }: Rate): number =>
  (timescale * denominator) / numerator;

/** Moves the fragments of an encoded file to the chunk's place; returns the track with the film's times. */
async function moveTo(path: string, track: MeasuredTrack, chunk: Chunk): Promise<MeasuredTrack> {
  const ticks = (chunk.startFrame * track.durationTicks) / track.samples;
  await shiftFragments(path, { fragments: chunk.keyframesBefore, ticks });
  const fragments = track.fragments.map((fragment) => ({ ...fragment, startTicks: fragment.startTicks + ticks }));
  return { ...track, fragments };
}

/** As ffmpeg's framemd5 lists them: the hash is the last column. */
async function readHashes({ chunk }: EncodePlan): Promise<PartFacts['hashes']> {
  if (!chunk) return { start: [], end: [] };
  const lines = (await readFile(chunk.hashPath, 'utf8')).split('\n').filter((line) => /^\d/.test(line));
  const hashes = lines.map((line) => line.split(',').at(-1)?.trim() ?? '');
  const count = 2 * overlapFrames;
  return {
    start: chunk.startFrame > 0 ? hashes.slice(0, count) : [],
    end: chunk.endFrame === null ? [] : hashes.slice(chunk.startFrame > 0 ? count : 0),
  };
}

async function readBytes(path: string, sizeBytes: number): Promise<Uint8Array> {
  const file = await open(path, 'r');
  try {
    const bytes = new Uint8Array(sizeBytes);
    await file.read(bytes, 0, sizeBytes, 0);
    return bytes;
  } finally {
    await file.close();
  }
}
