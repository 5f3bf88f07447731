import { describe, expect, it } from 'vitest';
import { buildMasterPlaylist, buildMediaPlaylist, type MasterRendition } from './build.ts';
import { parsePlaylist } from './parse.ts';

const video = (height: number, bandwidthBps: number): MasterRendition => ({
  id: `video-${height}p`,
  kind: 'video',
  codecs: 'avc1.64001f',
  bandwidthBps,
  averageBandwidthBps: bandwidthBps - 1000,
  width: (height * 16) / 9,
  height,
  frameRate: 30_000 / 1001,
  channels: null,
  playlist: `video-${height}p/index.m3u8`,
});
const audio: MasterRendition = {
  id: 'audio-128k',
  kind: 'audio',
  codecs: 'mp4a.40.2',
  bandwidthBps: 130_000,
  averageBandwidthBps: 128_000,
  width: null,
  height: null,
  frameRate: null,
  channels: 2,
  playlist: 'audio-128k/index.m3u8',
};

describe('the multivariant playlist', () => {
  it('says everything that a player chooses by', () => {
    expect(buildMasterPlaylist([video(1080, 5_000_000), video(720, 2_500_000), video(360, 800_000), audio])).toBe(
      [
        '#EXTM3U',
        '#EXT-X-VERSION:7',
        '#EXT-X-INDEPENDENT-SEGMENTS',
        '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME="Original",DEFAULT=YES,AUTOSELECT=YES,LANGUAGE="und",CHANNELS="2",URI="audio-128k/index.m3u8"',
        '#EXT-X-STREAM-INF:BANDWIDTH=2630000,AVERAGE-BANDWIDTH=2627000,CODECS="avc1.64001f,mp4a.40.2",RESOLUTION=1280x720,FRAME-RATE=29.970,AUDIO="audio"',
        'video-720p/index.m3u8',
        '#EXT-X-STREAM-INF:BANDWIDTH=5130000,AVERAGE-BANDWIDTH=5127000,CODECS="avc1.64001f,mp4a.40.2",RESOLUTION=1920x1080,FRAME-RATE=29.970,AUDIO="audio"',
        'video-1080p/index.m3u8',
        '#EXT-X-STREAM-INF:BANDWIDTH=930000,AVERAGE-BANDWIDTH=927000,CODECS="avc1.64001f,mp4a.40.2",RESOLUTION=640x360,FRAME-RATE=29.970,AUDIO="audio"',
        'video-360p/index.m3u8',
        '',
      ].join('\n'),
    );
  });

  it('lists codec by codec behind the first one’s start, and says the range of all where one is HDR', () => {
    const hdr = (height: number, bandwidthBps: number): MasterRendition => ({
      ...video(height, bandwidthBps),
      codecs: 'hvc1.2.4.L93.B0',
      videoRange: 'PQ',
      playlist: `video-hevc-${height}p/index.m3u8`,
      iframes: { playlist: `i${height}.m3u8`, bandwidthBps: 9, averageBandwidthBps: 9 },
    });
    const text = buildMasterPlaylist([
      ...[video(1080, 5_000_000), video(720, 2_500_000), video(360, 800_000)],
      ...[hdr(1080, 2_000_000), hdr(360, 400_000)],
    ]);
    const order = [...text.matchAll(/VIDEO-RANGE=(\w+).*\n(.+)\/index/g)].map(([, range, id]) => `${range} ${id}`);
    expect(order).toEqual([
      ...['SDR video-720p', 'SDR video-1080p', 'SDR video-360p'],
      ...['PQ video-hevc-1080p', 'PQ video-hevc-360p'],
    ]);
    expect(text.match(/I-FRAME-STREAM-INF.*VIDEO-RANGE=PQ/g)).toHaveLength(2);
    expect(text).not.toContain('SCORE');
  });

  it('leaves the sound out of a silent asset', () => {
    const text = buildMasterPlaylist([video(720, 2_500_000)]);
    expect(text).not.toContain('AUDIO');
    expect(parsePlaylist(text)).toMatchObject({ kind: 'master', audio: [], variants: [{ codecs: 'avc1.64001f' }] });
  });

  it('is read back as it was written', () => {
    expect(parsePlaylist(buildMasterPlaylist([video(720, 2_500_000), audio]))).toEqual({
      kind: 'master',
      variants: [
        {
          uri: 'video-720p/index.m3u8',
          bandwidthBps: 2_630_000,
          averageBandwidthBps: 2_627_000,
          codecs: 'avc1.64001f,mp4a.40.2',
          width: 1280,
          height: 720,
          frameRate: 29.97,
          audioGroup: 'audio',
        },
      ],
      audio: [{ groupId: 'audio', name: 'Original', uri: 'audio-128k/index.m3u8', isDefault: true, channels: 2 }],
    });
  });
});

describe('a media playlist', () => {
  it('states exact durations and a target that holds them all', () => {
    const text = buildMediaPlaylist({
      map: { uri: 'init.mp4' },
      segments: [
        { uri: 'seg-00000.m4s', durationS: 6.006 },
        { uri: 'seg-00001.m4s', durationS: 5.9393333333333 },
        { uri: 'seg-00002.m4s', durationS: 2 },
      ],
    });
    expect(text).toBe(
      [
        '#EXTM3U',
        '#EXT-X-VERSION:7',
        '#EXT-X-INDEPENDENT-SEGMENTS',
        '#EXT-X-TARGETDURATION:6',
        '#EXT-X-PLAYLIST-TYPE:VOD',
        '#EXT-X-MAP:URI="init.mp4"',
        '#EXTINF:6.006,',
        'seg-00000.m4s',
        '#EXTINF:5.939333,',
        'seg-00001.m4s',
        '#EXTINF:2,',
        'seg-00002.m4s',
        '#EXT-X-ENDLIST',
        '',
      ].join('\n'),
    );
    expect(parsePlaylist(text)).toMatchObject({
      kind: 'media',
      ended: true,
      targetDurationS: 6,
      durationS: expect.closeTo(13.945333, 6),
      segments: [{ startS: 0, map: { uri: 'init.mp4', byteRange: null } }, { startS: 6.006 }, { durationS: 2 }],
    });
  });

  it('addresses parts of one file', () => {
    const text = buildMediaPlaylist({
      map: { uri: 'media.mp4', byteRange: { offset: 0, length: 700 } },
      segments: [
        { uri: 'media.mp4', durationS: 6, byteRange: { offset: 700, length: 1000 } },
        { uri: 'media.mp4', durationS: 6, byteRange: { offset: 1700, length: 900 } },
      ],
    });
    expect(parsePlaylist(text)).toMatchObject({
      segments: [
        { byteRange: { offset: 700, length: 1000 }, map: { byteRange: { offset: 0, length: 700 } } },
        { byteRange: { offset: 1700, length: 900 } },
      ],
    });
  });
});

describe('what is no playlist', () => {
  it.each(['', 'hello', '<html></html>', '#EXTM3U\n#EXT-X-STREAM-INF:CODECS="avc1"\nv.m3u8\n'])('%j throws', (text) => {
    expect(() => parsePlaylist(text)).toThrow();
  });
});
