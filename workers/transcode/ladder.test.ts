import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { profiles } from '../../shared/media/profiles.ts';
import { makeLadder } from './ladder.ts';

const sizes = (width: number, height: number, frameRate = 30): string[] =>
  makeLadder({ width, height, frameRate }, profiles.default).rungs.map(
    (rung) => `${rung.id} ${rung.width}x${rung.height}`,
  );

describe('makeLadder', () => {
  it('steps down from the source', () => {
    expect(sizes(1920, 1080)).toEqual([
      'video-1080p 1920x1080',
      'video-720p 1280x720',
      'video-480p 854x480',
      'video-360p 640x360',
      'video-240p 426x240',
    ]);
    expect(sizes(3840, 2160)[0]).toBe('video-1080p 1920x1080');
    expect(sizes(1280, 720)[0]).toBe('video-720p 1280x720');
  });

  it('goes by the shorter side of a portrait, and by the longer one of a wide film', () => {
    expect(sizes(1080, 1920)[0]).toBe('video-1080p 1080x1920');
    expect(sizes(720, 1280)).toContain('video-480p 480x854');
    expect(sizes(1920, 800)).toEqual([
      'video-1080p 1920x800',
      'video-720p 1280x534',
      'video-480p 854x356',
      'video-360p 640x266',
      'video-240p 426x178',
    ]);
  });

  it('gives a source below every rung one rung at its own even size', () => {
    expect(sizes(161, 91)).toEqual(['video-90p 160x90']);
  });

  it('keeps 29.97 a fraction and gives high rates more bits', () => {
    const slow = makeLadder({ width: 1280, height: 720, frameRate: 30_000 / 1001 }, profiles.default);
    const fast = makeLadder({ width: 1280, height: 720, frameRate: 60 }, profiles.default);
    expect(slow.frameRate).toEqual({ numerator: 30_000, denominator: 1001 });
    expect(fast.rungs[0]?.maxRateBps).toBeGreaterThan(slow.rungs[0]?.maxRateBps ?? 0);
  });

  it('never upscales, always has a rung, keeps sides even and the aspect, whatever the source', () => {
    const side = fc.integer({ min: 16, max: 8192 });
    fc.assert(
      fc.property(side, side, (width, height) => {
        const { rungs } = makeLadder({ width, height, frameRate: 25 }, profiles.default);
        expect(rungs.length).toBeGreaterThan(0);
        expect(new Set(rungs.map(({ id }) => id)).size).toBe(rungs.length);
        for (const rung of rungs) {
          expect(rung.width).toBeLessThanOrEqual(width);
          expect(rung.height).toBeLessThanOrEqual(height);
          expect([rung.width % 2, rung.height % 2]).toEqual([0, 0]);
          // Within the pixel that rounding to even sides may cost.
          expect(Math.abs(rung.width * height - rung.height * width)).toBeLessThanOrEqual(2 * (width + height));
        }
      }),
    );
  });
});
