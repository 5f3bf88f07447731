import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parsePlaylist } from '../../shared/hls/parse.ts';
import { type ClipOptions, ffmpeg, ffprobe, makeClip, makeClipFolder } from '../../shared/testing/clips.ts';
import { type Made, makePackaging } from './testing/make-packaged.ts';

const folder = await makeClipFolder();
afterAll(() => folder.dispose());

const make = makePackaging(folder.dir);
const makeFrom = async (name: string, options: ClipOptions): Promise<Made> =>
  make(await makeClip(folder.dir, name, options));

interface Packet {
  readonly pts_time: string;
  readonly flags: string;
}
async function packetsOf(path: string, stream: string): Promise<readonly Packet[]> {
  const { packets } = (await ffprobe([
    ...['-select_streams', stream, '-show_entries', 'packet=pts_time,flags', path],
  ])) as { readonly packets: readonly Packet[] };
  return packets;
}
const keyframeTimes = async (path: string): Promise<number[]> =>
  (await packetsOf(path, 'v:0')).filter(({ flags }) => flags.startsWith('K')).map(({ pts_time }) => Number(pts_time));

async function mediaPlaylist(dir: string, rendition: string) {
  const playlist = parsePlaylist(await readFile(join(dir, rendition, 'index.m3u8'), 'utf8'));
  if (playlist.kind !== 'media') throw new Error('not a media playlist');
  return playlist;
}
const digests = ({ packaged }: Made): string[] => packaged.files.map(({ facts }) => `${facts.path} ${facts.sha256}`);

describe('a 29.97 clip with sound', () => {
  const options = { size: '256x144', rate: '30000/1001', seconds: 9 };
  let made: Made;
  beforeAll(async () => {
    made = await makeFrom('ntsc.mp4', options);
  });

  it('becomes an aligned ladder with keyframes every two seconds and segments of four', async () => {
    expect(made.packaged.renditions.map(({ id, width, height }) => [id, width, height])).toEqual([
      ['video-144p', 256, 144],
      ['video-90p', 160, 90],
      ['audio-64k', null, null],
    ]);
    const times = await keyframeTimes(join(made.dir, 'video-144p/index.m3u8'));
    expect(times.map((time) => Math.floor(time))).toEqual([0, 2, 4, 6, 8]);
    expect(await keyframeTimes(join(made.dir, 'video-90p/index.m3u8'))).toEqual(times);

    const [first, second] = [await mediaPlaylist(made.dir, 'video-144p'), await mediaPlaylist(made.dir, 'video-90p')];
    expect(first.segments.map(({ durationS }) => Math.round(durationS))).toEqual([4, 4, 1]);
    expect(second.segments).toEqual(first.segments);
    const audio = await mediaPlaylist(made.dir, 'audio-64k');
    for (const [index, { startS }] of audio.segments.entries())
      expect(Math.abs(startS - (first.segments[index]?.startS ?? 0))).toBeLessThan(0.3);
  });

  it('states durations that are those of the frames', async () => {
    const { segments, durationS } = await mediaPlaylist(made.dir, 'video-144p');
    expect(durationS).toBeCloseTo((270 * 1001) / 30_000, 5);
    for (const { uri, durationS: states } of segments) {
      const joined = join(made.dir, 'joined.mp4');
      const init = await readFile(join(made.dir, 'video-144p/init.mp4'));
      await writeFile(joined, Buffer.concat([init, await readFile(join(made.dir, 'video-144p', uri))]));
      const packets = await packetsOf(joined, 'v:0');
      expect(packets[0]?.flags).toMatch(/^K/);
      expect(states).toBeCloseTo((packets.length * 1001) / 30_000, 5);
    }
  });

  it('plays from the first to the last frame through HLS and DASH, sound in time with the picture', async () => {
    for (const [manifest, rendition] of [
      ['master.m3u8', 'v:0'],
      ['master.m3u8', 'v:1'],
      ['manifest.mpd', 'v:0'],
    ] as const) {
      const frames = await ffmpeg([
        ...['-i', join(made.dir, manifest), '-map', `0:${rendition}`, '-f', 'framemd5', '-'],
      ]);
      expect(
        frames.split('\n').filter((line) => /^\d/.test(line)),
        manifest,
      ).toHaveLength(270);
    }
    const { streams } = (await ffprobe([
      '-show_entries',
      'stream=codec_type,start_time',
      join(made.dir, 'master.m3u8'),
    ])) as {
      readonly streams: readonly { readonly codec_type: string; readonly start_time: string }[];
    };
    // The encoder's priming lies before zero, where players drop it.
    for (const { codec_type, start_time } of streams)
      expect(Number(start_time)).toBeCloseTo(codec_type === 'audio' ? -1024 / 48_000 : 0, 3);
  });

  it('names codecs, sizes and measured bit rates', async () => {
    const master = parsePlaylist(await readFile(join(made.dir, 'master.m3u8'), 'utf8'));
    if (master.kind !== 'master') throw new Error('not a master playlist');
    expect(master.audio).toMatchObject([{ uri: 'audio-64k/index.m3u8', channels: 2 }]);
    for (const variant of master.variants) {
      expect(variant.codecs).toMatch(/^avc1\.64[0-9a-f]{4},mp4a\.40\.2$/);
      expect(variant.frameRate).toBeCloseTo(29.97, 2);
      const id = dirname(variant.uri);
      const { durationS } = await mediaPlaylist(made.dir, id);
      const bytes = made.packaged.files
        .filter(({ facts }) => facts.rendition === id && facts.role === 'segment')
        .reduce((sum, { facts }) => sum + facts.sizeBytes, 0);
      const audio = made.packaged.renditions.find(({ kind }) => kind === 'audio');
      expect(variant.averageBandwidthBps).toBeCloseTo(
        Math.ceil((bytes * 8) / durationS) + (audio?.averageBandwidthBps ?? 0),
        -1,
      );
      expect(variant.bandwidthBps).toBeGreaterThanOrEqual(variant.averageBandwidthBps ?? 0);
    }
  });

  it('lists every file with the digest of its bytes, media before playlists', async () => {
    const roles = made.packaged.files.map(({ facts }) => facts.role);
    expect(roles.indexOf('playlist')).toBeGreaterThan(roles.lastIndexOf('segment'));
    for (const { facts } of made.packaged.files) {
      const bytes = await readFile(join(made.dir, facts.path));
      expect([bytes.length, createHash('sha256').update(bytes).digest('hex')]).toEqual([facts.sizeBytes, facts.sha256]);
    }
  });

  it('comes out the same on a second run however the work is divided, and tells nothing of the source’s tags', async () => {
    expect(digests(await make(join(folder.dir, 'ntsc.mp4'), { runs: 1 }))).toEqual(digests(made));
    const tagged = join(folder.dir, 'tagged.mp4');
    await ffmpeg([
      ...['-i', join(folder.dir, 'ntsc.mp4'), '-c', 'copy', '-movflags', 'use_metadata_tags'],
      ...['-metadata', 'location=+52.5-013.4/', '-metadata', 'creation_time=2019-12-20T20:08:34Z', tagged],
    ]);
    expect(digests(await make(tagged))).toEqual(digests(made));
  });
});

describe('sources that are not as one would wish', () => {
  it('a silent one has no audio group and no gap', async () => {
    const { packaged, dir } = await makeFrom('silent.mp4', { size: '256x144', seconds: 3, sound: false });
    expect(packaged.renditions.map(({ kind }) => kind)).toEqual(['video', 'video']);
    expect(await readFile(join(dir, 'master.m3u8'), 'utf8')).not.toContain('AUDIO');
    expect(await packetsOf(join(dir, 'master.m3u8'), 'v:0')).toHaveLength(90);
  });

  it('a tiny one keeps its size', async () => {
    const { packaged } = await makeFrom('tiny.mp4', { size: '64x48', seconds: 1 });
    expect(packaged.renditions[0]).toMatchObject({ id: 'video-48p', width: 64, height: 48 });
  });

  it('a turned one stands upright', async () => {
    const clip = await makeClip(folder.dir, 'lying.mp4', { size: '256x144', seconds: 1 });
    const turned = join(folder.dir, 'turned.mp4');
    await ffmpeg(['-i', clip, '-c', 'copy', '-metadata:s:v', 'rotate=90', turned]);
    expect((await make(turned)).packaged.renditions[0]).toMatchObject({ width: 144, height: 256 });
  });

  it('a variable rate becomes a constant one of the same length', async () => {
    const clip = await makeClip(folder.dir, 'even.mp4', { size: '256x144', seconds: 4 });
    const uneven = join(folder.dir, 'uneven.mp4');
    const drop = ['-vf', "select='mod(n,3)+lt(n,30)'", '-fps_mode', 'vfr'];
    await ffmpeg(['-i', clip, ...drop, '-c:a', 'copy', '-preset', 'ultrafast', uneven]);
    const { dir } = await make(uneven);
    const times = (await packetsOf(join(dir, 'video-144p/index.m3u8'), 'v:0')).map(({ pts_time }) => Number(pts_time));
    const sorted = times.toSorted((a, b) => a - b);
    expect(sorted).toHaveLength(120);
    for (const [index, time] of sorted.entries()) expect(time).toBeCloseTo(index / 30, 3);
  });

  it('HDR is brought down to what every screen shows', async () => {
    const hdr = ['-color_trc', 'smpte2084', '-color_primaries', 'bt2020', '-colorspace', 'bt2020nc'];
    const { dir } = await makeFrom('hdr.mp4', { size: '256x144', seconds: 1, sound: false, output: hdr });
    const { streams } = (await ffprobe([
      '-show_entries',
      'stream=color_transfer,pix_fmt',
      join(dir, 'master.m3u8'),
    ])) as {
      readonly streams: readonly unknown[];
    };
    expect(streams[0]).toMatchObject({ color_transfer: 'bt709', pix_fmt: 'yuv420p' });
  });

  it('sound that starts late stays in time', async () => {
    const clip = await makeClip(folder.dir, 'together.mp4', { size: '256x144', seconds: 3 });
    const late = join(folder.dir, 'late.mkv');
    await ffmpeg([
      ...['-i', clip, '-itsoffset', '1', '-i', clip, '-map', '0:v', '-map', '1:a', '-c', 'copy', '-t', '3', late],
    ]);
    const { dir } = await make(late);
    const loud = await ffmpeg([
      ...['-i', join(dir, 'master.m3u8'), '-map', '0:a:0', '-af'],
      ...['silencedetect=noise=-40dB:duration=0.3,ametadata=print:key=lavfi.silence_end:file=-', '-f', 'null', '-'],
    ]);
    expect(Number(/silence_end=([\d.]+)/.exec(loud)?.[1])).toBeCloseTo(1, 1);
  });
});
