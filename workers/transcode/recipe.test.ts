import { describe, expect, it } from 'vitest';
import { isId } from '../../shared/domain/keys.ts';
import { profiles } from '../../shared/media/profiles.ts';
import { gopSecondsFor, inOneGo, type Recipe, versionIdOf } from './recipe.ts';

const recipe: Recipe = {
  profileName: 'default',
  profile: profiles.default,
  packaging: 'segments',
  packager: 'nightfill 1',
  encoder: 'ffmpeg 5.1.9',
  segmentS: 6,
  gopS: 2,
};

describe('versionIdOf', () => {
  it('is the same for the same inputs and another for any other', () => {
    const version = versionIdOf('aa', recipe);
    expect(version).toMatch(/^[0-9a-f]{16}$/);
    expect(isId(version)).toBe(true);
    expect(versionIdOf('aa', { ...recipe })).toBe(version);
    const others = [
      versionIdOf('bb', recipe),
      versionIdOf('aa', { ...recipe, encoder: 'ffmpeg 6' }),
      versionIdOf('aa', { ...recipe, segmentS: 4 }),
      versionIdOf('aa', { ...recipe, chunkS: 60 }),
      versionIdOf('aa', { ...recipe, packaging: 'single-file' }),
      versionIdOf('aa', { ...recipe, profile: { ...profiles.default, crf: 23 } }),
    ];
    expect(new Set([version, ...others]).size).toBe(7);
    expect(versionIdOf('aa', inOneGo({ ...recipe, chunkS: 60 }))).toBe(version);
  });
});

describe('gopSecondsFor', () => {
  it.each([
    [6, 2],
    [4, 2],
    [2, 2],
    [1, 1],
    [10, 2],
    [5, 5 / 3],
  ])('divides a segment of %d s evenly', (segmentS, gopS) => {
    expect(gopSecondsFor(segmentS)).toBeCloseTo(gopS, 9);
  });
});
