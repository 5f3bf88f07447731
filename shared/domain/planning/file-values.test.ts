import { describe, expect, it } from 'vitest';
import { audienceOf, steepCurve, version } from '../../testing/plan-case.ts';
import { digestAt, makeValuer, peakRatio } from './file-values.ts';

const digest = (at: number): string => at.toString(16).padStart(64, '0');

describe('a valued version', () => {
  const { manifest, manifestFile } = version('a', { 'video-240p': [900, 800, 700], 'audio-1': [90, 80, 70] });
  const files = manifest.files.map((file, at) => ({ ...file, sha256: digest(at) }));
  const valued = makeValuer(audienceOf(steepCurve))({ manifest: { ...manifest, files }, manifestFile });

  it('keeps of each file what a plan tells of it, the manifest first', () => {
    expect(valued.paths[0]).toBe('asset.json');
    expect(digestAt(valued, 0)).toBe(manifestFile.sha256);
    expect(valued.sizes).toHaveLength(files.length + 1);
    for (const { path, sha256, sizeBytes, rendition } of files) {
      const at = valued.paths.indexOf(path);
      expect([digestAt(valued, at), valued.sizes[at], valued.renditions[at]]).toEqual([sha256, sizeBytes, rendition]);
    }
  });

  it('spreads the title’s worth over its bytes and makes none of them worth more than can be said without a manifest', () => {
    const worth = valued.factors.reduce((sum, factor, at) => sum + factor * (valued.sizes[at] ?? 0), 0);
    expect(worth / valued.sizeBytes).toBeCloseTo(1, 6);
    expect(Math.max(...valued.factors)).toBeLessThanOrEqual(peakRatio('a', audienceOf(steepCurve)) * (1 + 1e-9));
  });
});
