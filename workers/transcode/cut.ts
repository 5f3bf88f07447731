/** Where segments begin and what they weigh: pure. */
import { type Bandwidth, measureBandwidth } from '../../shared/domain/conformance/bandwidth.ts';
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

/** Measured bit rates of a rendition, in whole bits a second. */
export function bandwidthOf(
  spans: readonly Pick<Segment, 'sizeBytes' | 'durationTicks'>[],
  timescale: number,
  targetS: number,
): Bandwidth {
  const timed = spans.map(({ sizeBytes, durationTicks }) => ({ sizeBytes, durationS: durationTicks / timescale }));
  const { peakBps, averageBps } = measureBandwidth(timed, targetS);
  return { peakBps: Math.ceil(peakBps), averageBps: Math.ceil(averageBps) };
}

/** A key frame with the header boxes before it: what an I-frame playlist names. */
export interface IframeSpan {
  /** Number of the segment that it lies in. */
  readonly segment: number;
  /** Within the rendition's encoded file, as `Segment.offset` is. */
  readonly offset: number;
  readonly sizeBytes: number;
  /** Until the next one. */
  readonly durationTicks: number;
}

/** The first frame of every fragment: fragments begin at key frames, and only there. */
export function iframesOf({ fragments }: CutTrack, segments: readonly Segment[]): IframeSpan[] {
  return fragments.map(({ offset, firstSampleEndBytes, durationTicks }) => ({
    segment: segments.findLastIndex((segment) => segment.offset <= offset),
    offset,
    sizeBytes: firstSampleEndBytes,
    durationTicks,
  }));
}
