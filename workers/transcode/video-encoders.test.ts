import { describe, expect, it } from 'vitest';
import type { SourceVideo } from '../../shared/domain/asset.ts';
import { type ProfileName, profiles } from '../../shared/media/profiles.ts';
import { makeLadder } from './ladder.ts';
import { filtersOf, pictureOf } from './picture.ts';
import { planEncode } from './plan.ts';
import type { Recipe } from './recipe.ts';
import { videoEncoderArgs } from './video-encoders.ts';

const video = (change: Partial<SourceVideo> = {}): SourceVideo => ({
  ...{ codec: 'hevc', width: 3840, height: 2160, frameRate: 30_000 / 1001, pixelFormat: 'yuv420p10le', hdr: false },
  ...change,
});
const hdr = video({
  hdr: true,
  transfer: 'pq',
  hdr10: {
    mastering: {
      ...{ green: [0.265, 0.69], blue: [0.15, 0.06], red: [0.68, 0.32], white: [0.3127, 0.329] },
      ...{ maxNits: 1000, minNits: 0.005 },
    },
    light: { maxContentNits: 1000, maxAverageNits: 400 },
  },
});

function argsOf(profileName: ProfileName, id: string, source = video()): string {
  const profile = profiles[profileName];
  const ladder = makeLadder(source, profile);
  const rung = ladder.rungs.find((candidate) => candidate.id === id);
  if (!rung) throw new Error(`no rung ${id}`);
  return videoEncoderArgs({ rung, picture: pictureOf(rung.codec, source), profile, ladder, gopS: 2 }).join(' ');
}

describe('a ladder beside H.264', () => {
  it('reaches 2160p, and leaves the rungs of H.264 as they are', () => {
    const ids = (name: ProfileName) => makeLadder(video(), profiles[name]).rungs.map(({ id }) => id);
    const plain = ids('default');
    expect(ids('hevc').slice(0, plain.length)).toEqual(plain);
    expect(ids('av1').slice(plain.length)).toEqual(
      [2160, 1440, 1080, 720, 480, 360, 240].map((height) => `video-av1-${height}p`),
    );
  });

  it('sets key frames by time, or by frames where the encoder counts them, in segments of whole groups', () => {
    const keyFrames = (name: ProfileName, id: string) =>
      /-force_key_frames (\S+) -g (\d+)/.exec(argsOf(name, id))?.slice(1);
    expect(keyFrames('default', 'video-720p')).toEqual(['expr:gte(t,n_forced*2)', '122']);
    expect(keyFrames('hevc', 'video-hevc-720p')).toEqual(['expr:gte(t,n_forced*2)', '122']);
    for (const id of ['video-720p', 'video-av1-720p'])
      expect(keyFrames('av1', id)).toEqual(['expr:gte(n,n_forced*60)', '60']);
    const recipe = (profileName: ProfileName): Recipe => ({
      ...{ profileName, profile: profiles[profileName], packager: 'p', encoder: 'e', segmentS: 6, gopS: 2 },
      packaging: 'segments',
    });
    const source = { container: 'mov', durationS: 9, video: video(), audio: null, audioTracks: [], textTracks: [] };
    expect(planEncode('in', 'out', source, recipe('av1')).recipe.segmentS).toBeCloseTo(6.006, 9);
    expect(planEncode('in', 'out', source, recipe('hevc')).recipe.segmentS).toBe(6);
  });
});

describe('HDR', () => {
  it('is 8-bit SDR in H.264 whatever comes in, and stays in the others', () => {
    expect(pictureOf('h264', hdr)).toEqual({ range: 'SDR', bits: 8 });
    expect(pictureOf('hevc', hdr)).toMatchObject({ range: 'PQ', bits: 10 });
    expect(pictureOf('av1', video({ hdr: true, transfer: 'hlg' }))).toEqual({ range: 'HLG', bits: 10 });
    expect(pictureOf('hevc', video())).toEqual({ range: 'SDR', bits: 10 });
    expect(pictureOf('hevc', video({ pixelFormat: 'yuv420p' }))).toEqual({ range: 'SDR', bits: 8 });
    expect(filtersOf(pictureOf('h264', hdr), hdr, 'scale').join()).toContain('tonemap');
    expect(filtersOf(pictureOf('hevc', hdr), hdr, 'scale').join()).not.toContain('tonemap');
  });

  it('tells each encoder its mastering display in the units that it takes', () => {
    expect(argsOf('hevc', 'video-hevc-1080p', hdr)).toContain(
      'master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50):max-cll=1000,400',
    );
    expect(argsOf('av1', 'video-av1-1080p', hdr)).toContain(
      'mastering-display=G(0.26500,0.69000)B(0.15000,0.06000)R(0.68000,0.32000)WP(0.31270,0.32900)L(1000.00000,0.00500):content-light=1000,400',
    );
    expect(argsOf('hevc', 'video-1080p', hdr)).not.toContain('1000');
  });
});
