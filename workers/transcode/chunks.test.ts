import { describe, expect, it } from 'vitest';
import { chunkSecondsFor, planChunks } from './chunks.ts';
import { combineParts } from './part-progress.ts';

const at30 = { frameRate: { numerator: 30, denominator: 1 }, gopFrames: null };
const video = { codec: 'h264', width: 1920, height: 1080, frameRate: 30, pixelFormat: 'yuv420p', hdr: false };
const film = { container: 'mov,mp4,m4a,3gp,3g2,mj2', durationS: 600, video };

describe('chunkSecondsFor', () => {
  it('is a whole number of segments', () => {
    expect(chunkSecondsFor(film, 60, 6)).toBe(60);
    expect(chunkSecondsFor(film, 60, 7)).toBe(63);
    expect(chunkSecondsFor(film, 1, 6)).toBe(6);
  });

  it('is none for what is short, has no picture, or cannot be read from anywhere', () => {
    expect(chunkSecondsFor({ ...film, durationS: 89 }, 60, 6)).toBeNull();
    expect(chunkSecondsFor({ ...film, durationS: 90 }, 60, 6)).toBe(60);
    expect(chunkSecondsFor({ ...film, video: null }, 60, 6)).toBeNull();
    expect(chunkSecondsFor({ ...film, container: 'mpegts' }, 60, 6)).toBeNull();
    expect(chunkSecondsFor(film, 0, 6)).toBeNull();
  });
});

describe('planChunks', () => {
  it('cuts the output’s frames without a gap, at the first frame of a segment', () => {
    const frameRate = { numerator: 30_000, denominator: 1001 };
    const chunks = planChunks(200, { frameRate, gopFrames: null }, { chunkS: 60, segmentS: 6, gopS: 2 });
    expect(chunks.map(({ startFrame, endFrame }) => [startFrame, endFrame])).toEqual([
      [0, 1799],
      [1799, 3597],
      [3597, null],
    ]);
    expect(chunks.map(({ segmentsBefore, keyframesBefore }) => [segmentsBefore, keyframesBefore])).toEqual([
      [0, 0],
      [10, 30],
      [20, 60],
    ]);
    expect(chunks.map(({ durationS }) => durationS)).toEqual([60, 60, 80]);
    expect(chunks.map(({ seekS }) => seekS)).toEqual([null, 59, 119]);
  });

  it('keeps to whole groups where an encoder counts frames', () => {
    const frameRate = { numerator: 30_000, denominator: 1001 };
    const gopS = (60 * 1001) / 30_000;
    const chunks = planChunks(200, { frameRate, gopFrames: 60 }, { chunkS: 60, segmentS: 3 * gopS, gopS });
    expect(chunks.map(({ startFrame }) => startFrame)).toEqual([0, 1800, 3600]);
  });

  it('counts exactly where the time of a key frame is no binary fraction', () => {
    const chunks = planChunks(100, at30, { chunkS: 25, segmentS: 5, gopS: 5 / 3 });
    expect(chunks.map(({ startFrame }) => startFrame)).toEqual([0, 750, 1500, 2250]);
  });
});

describe('combineParts', () => {
  const chunks = planChunks(180, at30, { chunkS: 60, segmentS: 6, gopS: 2 });
  const part = (share: number, speed: number | null, atMs = 100_000) => ({
    renditions: { v: share, a: share },
    speed,
    atMs,
  });

  it('weighs parts by their time and adds the speeds of those that are at work', () => {
    const parts = {
      'chunk-00000': part(1, null),
      'chunk-00001': part(0.5, 2),
      'chunk-00002': part(0.25, 3),
      sound: part(0.1, 50),
    };
    expect(combineParts(parts, { chunks }, { video: ['v'], audio: ['a'] }, 101_000)).toEqual({
      renditions: { v: (1 + 0.5 + 0.25) / 3, a: 0.1 },
      speed: 5,
    });
    expect(combineParts(parts, { chunks }, { video: ['v'], audio: ['a'] }, 200_000).speed).toBeNull();
    expect(combineParts({}, { chunks }, { video: ['v'], audio: [] }, 0)).toEqual({ renditions: { v: 0 }, speed: null });
  });
});
