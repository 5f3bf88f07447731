/**
 * Where a long film is cut for several workers: pure.
 *
 * What is cut is the grid of the *output*'s frames, after the rate was made constant. A chunk begins at a forced key
 * frame that begins a segment too, and is a whole number of segments long, so that its segments are those of the whole.
 */
import type { SourceInfo } from '../../shared/domain/asset.ts';
import type { FrameRate } from '../../shared/media/frame-rate.ts';
import type { Ladder } from './ladder.ts';

export interface Chunk {
  /** From 0. */
  readonly index: number;
  /** First frame of the output. */
  readonly startFrame: number;
  /** The one after the last; null: to the source's end. */
  readonly endFrame: number | null;
  /** Forced key frames before its own first one. */
  readonly keyframesBefore: number;
  /** Segments before its own first one. */
  readonly segmentsBefore: number;
  /** Of the source, as far as it says how long it is. */
  readonly durationS: number;
  /** The source is read from the key frame before this time; null: from its beginning. */
  readonly seekS: number | null;
}

/** What of the recipe says where cuts may be. */
interface Grid {
  /** Absent: no cuts. */
  readonly chunkS?: number;
  readonly segmentS: number;
  readonly gopS: number;
}

/** Containers that have an index and one clock: others are encoded in one go. */
const seekable = ['mp4', 'matroska'];
/** Decoding begins so long before the chunk: enough for frames that are stored in another order than shown. */
const prerollS = 1;

/**
 * The length of chunks for a source, in whole segments; null where it is encoded in one go, because that is short
 * enough, there is no picture, or the container does not allow to begin anywhere.
 */
export function chunkSecondsFor(
  { container, durationS, video }: Pick<SourceInfo, 'container' | 'durationS' | 'video'>,
  wishedS: number,
  segmentS: number,
): number | null {
  if (wishedS === 0 || !video || !seekable.some((name) => container.includes(name))) return null;
  const chunkS = Math.max(1, Math.round(wishedS / segmentS)) * segmentS;
  return chunksIn(durationS, chunkS) > 1 ? chunkS : null;
}

/** The last chunk lasts from half a chunk to one and a half. */
const chunksIn = (durationS: number, chunkS: number): number => Math.round(durationS / chunkS);

export function planChunks(
  durationS: number,
  { frameRate, gopFrames }: Pick<Ladder, 'frameRate' | 'gopFrames'>,
  { chunkS: wishedS, segmentS, gopS }: Grid,
): Chunk[] {
  if (wishedS === undefined) return [];
  const segments = Math.max(1, Math.round(wishedS / segmentS));
  const keyframes = segments * Math.round(segmentS / gopS);
  const chunkS = segments * segmentS;
  const count = chunksIn(durationS, chunkS);
  const frameAt = (index: number): number =>
    gopFrames ? index * keyframes * gopFrames : firstFrameAt(index * keyframes * gopS, frameRate);
  return Array.from({ length: count }, (_, index) => {
    const startS = index * chunkS;
    const isLast = index === count - 1;
    return {
      index,
      startFrame: frameAt(index),
      endFrame: isLast ? null : frameAt(index + 1),
      keyframesBefore: index * keyframes,
      segmentsBefore: index * segments,
      durationS: isLast ? durationS - startS : chunkS,
      seekS: index === 0 ? null : Math.max(0, startS - prerollS),
    };
  });
}

/** The frame at which ffmpeg forces the key frame of that time, by the same floating-point steps (`keyframesAt`). */
function firstFrameAt(timeS: number, { numerator, denominator }: FrameRate): number {
  const frameS = denominator / numerator;
  let frame = Math.max(0, Math.floor(timeS / frameS) - 1);
  while (frame * frameS < timeS) frame += 1;
  return frame;
}

/** Frames around either end of a chunk, which its neighbour decodes too: equal ones prove that there is no seam. */
export const overlapFrames = 2;
