import { describe, expect, it } from 'vitest';
import type { Manifest, ManifestFile } from '../../shared/domain/manifest.ts';
import type { Version } from './manifest-shape.ts';
import { makeWatched, playPlaceOf } from './watched.ts';

const file = (path: string, of: Partial<ManifestFile>): ManifestFile => ({
  path,
  role: 'segment',
  sizeBytes: 1_000,
  sha256: '',
  contentType: 'video/mp4',
  rendition: 'v',
  index: 0,
  startS: 0,
  durationS: 4,
  ...of,
});
const version = {
  manifest: {
    durationS: 80,
    renditions: [
      { id: 'v', kind: 'video', codecs: 'avc1.640028', width: 1920, height: 1080 },
      { id: 'a', kind: 'audio', codecs: 'mp4a.40.2', channels: 2, language: 'en' },
      { id: 't', kind: 'text', codecs: 'wvtt' },
    ],
  } as unknown as Manifest,
  leadRenditions: new Set(['v']),
} as unknown as Version;

describe('what is watched', () => {
  it('counts played time by place in the title and by class of rendition', () => {
    let nowMs = Date.parse('2026-11-20T23:59:00Z');
    const watched = makeWatched({ now: () => nowMs });
    const play = (of: ManifestFile, offset = 0, bytes = of.sizeBytes) => {
      const place = playPlaceOf(of, version);
      if (place) watched.played('x', place, offset, bytes);
    };
    // Each twentieth of the title is 4 s long.
    play(file('0', {}));
    play(file('5', { startS: 20 }), 0, 500);
    play(file('a', { rendition: 'a' }));
    play(file('t', { rendition: 't' }));
    play(file('init', { role: 'init' }));
    nowMs += 120_000;
    // One file for all, read from its middle: a range that goes over two twentieths.
    play(file('whole', { role: 'media', sizeBytes: 80_000, startS: null, durationS: null }), 38_000, 4_000);
    const [first, second, ...more] = watched.take();
    expect(more).toEqual([]);
    expect(first).toMatchObject({ day: '2026-11-20', mixMs: { 'v1080-avc1': 6_000, 'a2-en': 4_000 } });
    expect(first?.binsMs.slice(0, 6)).toEqual([4_000, 0, 0, 0, 0, 2_000]);
    expect(second).toMatchObject({ day: '2026-11-21', mixMs: { 'v1080-avc1': 4_000 } });
    expect(second?.assets).toMatchObject([{ assetId: 'x' }]);
    expect(second?.assets[0]?.binsMs.slice(8, 12)).toEqual([0, 2_000, 2_000, 0]);
    expect(watched.take()).toEqual([]);
  });

  it('leaves out what a manifest does not place in time', () => {
    expect(playPlaceOf(file('x', { startS: null }), version)).toBeNull();
    const bare = { ...version, manifest: { renditions: [{ id: 'v', kind: 'video' }] } } as unknown as Version;
    expect(playPlaceOf(file('y', {}), bare)).toBeNull();
  });
});
