import { describe, expect, it } from 'vitest';
import { bandwidthOf, cutSegments } from './cut.ts';

const timescale = 1000;
/** Fragments of the given lengths in milliseconds, 1,000 bytes each. */
const fragments = (...lengths: number[]) => {
  let startTicks = 0;
  return lengths.map((durationTicks, index) => {
    const fragment = { offset: 700 + index * 1000, sizeBytes: 1000, startTicks, durationTicks, samples: 1 };
    startTicks += durationTicks;
    return { ...fragment, startsWithKeyframe: true, firstSampleEndBytes: 400 };
  });
};
const cut = (segmentS: number, ...lengths: number[]): number[] =>
  cutSegments({ fragments: fragments(...lengths), timescale }, segmentS).map(({ durationTicks }) => durationTicks);

describe('cutSegments', () => {
  it('cuts at the fragment nearest to each multiple, without drift', () => {
    expect(cut(6, 2002, 2002, 2002, 2002, 2002, 2002, 2002)).toEqual([6006, 6006, 2002]);
    const audio = cut(6, ...new Array(120).fill(512));
    const ends = audio.map((_, index) => audio.slice(0, index + 1).reduce((sum, length) => sum + length, 0));
    for (const [index, end] of ends.slice(0, -1).entries())
      expect(Math.abs(end - 6000 * (index + 1))).toBeLessThan(257);
  });

  it('leaves a short source in one piece and does not cut early for a short end', () => {
    expect(cut(6, 1500)).toEqual([1500]);
    expect(cut(6, 2000, 2000, 1900)).toEqual([5900]);
    expect(cut(6, 2000, 2000, 2000, 2000, 2000, 300)).toEqual([6000, 4300]);
    expect(cut(6)).toEqual([]);
  });

  it('covers every byte once, in order', () => {
    const all = fragments(2000, 2000, 2000, 2000, 2000, 2000, 2000);
    let next = 700;
    for (const { offset, sizeBytes } of cutSegments({ fragments: all, timescale }, 6)) {
      expect(offset).toBe(next);
      next += sizeBytes;
    }
    expect(next).toBe(700 + 7 * 1000);
  });

  it('refuses a segment that a player could not start with', () => {
    const broken = fragments(6000, 6000).map((fragment, index) => ({ ...fragment, startsWithKeyframe: index === 0 }));
    expect(() => cutSegments({ fragments: broken, timescale }, 6)).toThrow(/keyframe/);
  });
});

describe('bandwidthOf', () => {
  const segment = (sizeBytes: number, seconds: number) => ({
    offset: 0,
    sizeBytes,
    startTicks: 0,
    durationTicks: seconds * timescale,
  });

  it('peaks over segments of a usual length, not over a short last one', () => {
    const segments = [segment(6000, 6), segment(12_000, 6), segment(5000, 0.1)];
    const { peakBps, averageBps } = bandwidthOf(segments, timescale, 6);
    expect(averageBps).toBe(Math.ceil((23_000 * 8) / 12.1));
    expect(peakBps).toBe(Math.ceil((17_000 * 8) / 6.1));
  });

  it('is the average where all is shorter than half the target', () => {
    expect(bandwidthOf([segment(1000, 1)], timescale, 6)).toEqual({ peakBps: 8000, averageBps: 8000 });
  });
});
