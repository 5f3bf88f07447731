/** Where segments begin and what they weigh: pure. */
import type { Fragment, MeasuredTrack } from './measure.ts';

/** A run of whole fragments that is published as one file. */
export interface Segment {
  /** Within the rendition's encoded file. */
  readonly offset: number;
  readonly sizeBytes: number;
  readonly startTicks: number;
  readonly durationTicks: number;
}

export type CutTrack = Pick<MeasuredTrack, 'fragments' | 'timescale'>;

/**
 * Cuts a track at the fragments nearest to multiples of `segmentS`, so that boundaries neither drift nor depend on what
 * came before, and audio follows video.
 *
 * @throws Error when a segment would not start with a keyframe.
 */
export function cutSegments({ fragments, timescale }: CutTrack, segmentS: number): Segment[] {
  const starts = cutPoints(fragments, segmentS * timescale);
  return starts.map((start, index) => {
    const run = fragments.slice(start, starts[index + 1] ?? fragments.length);
    const [first] = run;
    if (!first?.startsWithKeyframe) throw new Error(`segment ${index} does not start with a keyframe`);
    return {
      offset: first.offset,
      sizeBytes: sum(run, ({ sizeBytes }) => sizeBytes),
      startTicks: first.startTicks,
      durationTicks: sum(run, ({ durationTicks }) => durationTicks),
    };
  });
}

function cutPoints(fragments: readonly Fragment[], segmentTicks: number): number[] {
  const points = fragments.length > 0 ? [0] : [];
  for (const [index, { startTicks, durationTicks }] of fragments.entries()) {
    const boundary = points.length * segmentTicks;
    const endTicks = startTicks + durationTicks;
    if (index > 0 && Math.abs(startTicks - boundary) <= Math.abs(endTicks - boundary)) points.push(index);
  }
  return points;
}

const sum = <T>(items: readonly T[], value: (item: T) => number): number =>
  items.reduce((total, item) => total + value(item), 0);

export interface Bandwidth {
  readonly peakBps: number;
  readonly averageBps: number;
}

/**
 * Measured bit rates as RFC 8216 §4.3.4.2 and §4.1 mean them: the peak is the largest over any contiguous set of
 * segments that lasts between 0.5 and 1.5 times the target duration, so a short last segment cannot inflate it.
 */
export function bandwidthOf(segments: readonly Segment[], timescale: number, targetS: number): Bandwidth {
  const averageBps = bitRate(segments, timescale);
  let peakBps = averageBps;
  for (let first = 0; first < segments.length; first++) {
    for (let end = first + 1; end <= segments.length; end++) {
      const set = segments.slice(first, end);
      const lastsS = sum(set, ({ durationTicks }) => durationTicks) / timescale;
      if (lastsS > targetS * 1.5) break;
      if (lastsS >= targetS * 0.5) peakBps = Math.max(peakBps, bitRate(set, timescale));
    }
  }
  return { peakBps: Math.ceil(peakBps), averageBps: Math.ceil(averageBps) };
}

const bitRate = (segments: readonly Segment[], timescale: number): number => {
  const ticks = sum(segments, ({ durationTicks }) => durationTicks);
  return ticks === 0 ? 0 : (sum(segments, ({ sizeBytes }) => sizeBytes) * 8 * timescale) / ticks;
};
