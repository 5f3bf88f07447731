import { describe, expect, it } from 'vitest';
import { profiles } from '../../shared/media/profiles.ts';
import { planAudio } from './plan.ts';

const track = (number: number, channels: number, language: string | null = null, title: string | null = null) => ({
  track: number,
  codec: 'aac',
  sampleRateHz: 48_000,
  channels,
  language,
  title,
});
const plan = (...tracks: ReturnType<typeof track>[]) =>
  planAudio(tracks, profiles.default).map(({ id, channels, rateBps, name }) => `${id} ${channels} ${rateBps} ${name}`);

describe('the sound of an asset', () => {
  it('is stereo for every track, and 5.1 beside it where there are six channels or more', () => {
    expect(plan(track(0, 1), track(1, 8, 'en'))).toEqual([
      'audio-128k 2 128000 Original',
      'audio2-128k 2 128000 English',
      'audio2-320k 6 320000 English 5.1',
    ]);
    expect(plan()).toEqual([]);
  });

  it('keeps the number of a track behind one that cannot be decoded', () => {
    expect(planAudio([track(1, 2)], profiles.default)).toMatchObject([{ id: 'audio-128k', track: 1 }]);
  });

  it('has a name of its own for every choice, without what would end an attribute', () => {
    const names = planAudio(
      [track(0, 2, 'de'), track(1, 2, 'de'), track(2, 2, 'de', 'Say "hi"\n'), track(3, 2, 'xx-Zzzz')],
      profiles.default,
    ).map(({ name }) => name);
    expect(names.slice(0, 3)).toEqual(['Deutsch', 'Deutsch (2)', 'Say hi']);
    expect(new Set(names).size).toBe(4);
  });

  it('ends after sixteen tracks', () => {
    expect(plan(...Array.from({ length: 40 }, (_, index) => track(index, 2)))).toHaveLength(16);
  });
});
