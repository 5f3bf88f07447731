import { describe, expect, it } from 'vitest';
import { positionBins, type WatchedDay } from '../demand.ts';
import type { Rendition } from '../manifest.ts';
import { learnAudience } from './audience.ts';
import { renditionShares } from './rendition-shares.ts';

const hourMs = 3_600_000;
const early = (hours: number): number[] =>
  Array.from({ length: positionBins }, (_, bin) => (bin < 5 ? (hours * hourMs) / 5 : 0));
const day = (of: Partial<WatchedDay>): WatchedDay => ({
  day: '2026-11-20',
  binsMs: early(0),
  mixMs: {},
  assets: [],
  ...of,
});
const rendition = (id: string, of: Partial<Rendition>): Rendition => ({
  id,
  kind: 'video',
  codecs: 'avc1.64',
  bandwidthBps: (of.height ?? 1) * 1_000,
  averageBandwidthBps: 1,
  width: null,
  height: null,
  frameRate: null,
  channels: null,
  sampleRateHz: null,
  playlist: '',
  ...of,
});

describe('how a region watches', () => {
  it('is not known without anything played, and close to flat after little', () => {
    expect(learnAudience([])).toBeNull();
    expect(learnAudience([day({})])).toBeNull();
    const little = learnAudience([day({ binsMs: early(1) })]);
    expect(little?.curve[0]).toBeCloseTo(1 + 3 / 21, 3);
    const much = learnAudience([day({ binsMs: early(10_000) })]);
    expect(much?.curve[0]).toBeCloseTo(4, 1);
    expect(much?.curve[19]).toBeCloseTo(0, 1);
  });

  it('gives a title its own curve by its evidence, drawn towards the region’s', () => {
    const flat = Array.from({ length: positionBins }, () => 50 * hourMs);
    const audience = learnAudience([
      day({
        binsMs: flat,
        assets: [
          { assetId: 'left', binsMs: early(90) },
          { assetId: 'rare', binsMs: early(0.5) },
        ],
      }),
    ]);
    expect(audience?.assets.map(({ assetId }) => assetId)).toEqual(['left']);
    expect(audience?.assets[0]?.curve[0]).toBeCloseTo(0.9 * 4 + 0.1, 1);
  });

  it('sends viewers of a height to what a title has up to it, in their codec', () => {
    const audience = learnAudience([
      day({
        binsMs: early(1e6),
        mixMs: { 'v1080-avc1': 6e9, 'v1080-av01': 2e9, 'v240-avc1': 2e9, 'a2-en': 9e9, 'a2-de': 1e9 },
      }),
    ]);
    const shares = renditionShares(
      [
        rendition('low', { height: 240 }),
        rendition('mid', { height: 480 }),
        rendition('new', { height: 480, codecs: 'av01.0' }),
        rendition('en', { kind: 'audio', codecs: 'mp4a', channels: 2, language: 'en' }),
        rendition('de', { kind: 'audio', codecs: 'mp4a', channels: 2, language: 'de' }),
      ],
      audience,
    );
    expect(shares.get('mid')).toBeCloseTo(0.6, 2);
    expect(shares.get('new')).toBeCloseTo(0.2, 2);
    // A player begins with the lowest: it counts as much as the most watched.
    expect(shares.get('low')).toBeCloseTo(0.6, 2);
    expect((shares.get('en') ?? 0) / (shares.get('de') ?? 1)).toBeCloseTo(9, 1);
  });
});
