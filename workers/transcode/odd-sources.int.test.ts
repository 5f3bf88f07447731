import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ffmpeg, ffprobe, makeClip, makeClipFolder } from '../../shared/testing/clips.ts';
import { type Made, makePackaging, smallProfile } from './testing/make-packaged.ts';

const folder = await makeClipFolder();
const make = makePackaging(folder.dir);
afterAll(() => folder.dispose());

const at = (name: string): string => join(folder.dir, name);

describe('colours', () => {
  const tagsOf = async (path: string): Promise<unknown> => {
    const entries = 'stream=color_range,color_space,color_primaries,color_transfer';
    const found = await ffprobe(['-select_streams', 'v:0', '-show_entries', entries, path]);
    return (found as { readonly streams: readonly unknown[] }).streams[0];
  };
  const told = (matrix: string, primaries = matrix, transfer = matrix) => ({
    ...{ color_range: 'tv', color_space: matrix, color_primaries: primaries, color_transfer: transfer },
  });
  const shortClip = { seconds: 0.2, sound: false };

  it('of a source that names none are those of its size, in every rung', async () => {
    const profile = { ...smallProfile, rungs: [720, 90].map((heightPx) => ({ heightPx, maxRateBps: 200_000 })) };
    const hd = await make(await makeClip(folder.dir, 'hd.mp4', { ...shortClip, size: '1280x720' }), { profile });
    for (const rung of ['video-720p', 'video-90p'])
      expect(await tagsOf(join(hd.dir, rung, 'index.m3u8')), rung).toEqual(told('bt709'));
    const sd = await make(await makeClip(folder.dir, 'sd.mp4', { ...shortClip, size: '160x120' }));
    expect(await tagsOf(join(sd.dir, 'master.m3u8'))).toEqual(told('smpte170m'));
  });

  it('of RGB become BT.709, and look the same', async () => {
    const source = at('rgb.mkv');
    const plane = ['-f', 'lavfi', '-i', 'color=c=0xE01880:s=256x144:r=25:d=0.2', '-c:v', 'libx264rgb', '-qp', '0'];
    await ffmpeg([...plane, '-preset', 'ultrafast', source]);
    const { dir } = await make(source);
    const playlist = join(dir, 'master.m3u8');
    expect(await tagsOf(playlist)).toEqual(told('bt709'));
    const pixel = at('pixel.rgb');
    const filter = ['-frames:v', '1', '-vf', 'crop=2:2,zscale=m=gbr:r=pc,format=gbrp'];
    await ffmpeg(['-i', playlist, '-map', '0:v:0', ...filter, '-f', 'rawvideo', pixel]);
    const bytes = await readFile(pixel);
    const shown = [8, 0, 4].map((plane) => bytes[plane]);
    for (const [index, value] of [0xe0, 0x18, 0x80].entries())
      expect(Math.abs((shown[index] ?? 0) - value), `${shown}`).toBeLessThan(6);
  });
});

describe('sound', () => {
  /** Seconds at which the first rendition of sound begins to be heard. */
  async function onsetOf(dir: string): Promise<number> {
    const path = join(dir, 'audio-64k', 'index.m3u8');
    const pcm = at('sound.pcm');
    await ffmpeg(['-i', path, '-ac', '1', '-ar', '48000', '-f', 's16le', pcm]);
    const bytes = await readFile(pcm);
    const samples = new Int16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2);
    return samples.findIndex((sample) => Math.abs(sample) > 3_000) / 48_000;
  }

  it('stays with the picture where its time stamps leave a hole, however small', async () => {
    // A gap of 59 ms behind its first packet: what ffmpeg's own fragmented MP4 has when there are B-frames.
    const whole = at('whole.mp4');
    const tone = "aevalsrc='if(gte(t,1),0.8*sin(2*PI*1000*t),0)':s=48000:d=2";
    await ffmpeg([
      ...['-f', 'lavfi', '-i', 'testsrc2=size=160x120:rate=25:d=2', '-f', 'lavfi', '-i', tone],
      ...['-c:v', 'libx264', '-preset', 'veryfast', '-pix_fmt', 'yuv420p', '-c:a', 'aac', whole],
    ]);
    const holed = at('holed.mp4');
    await ffmpeg(['-i', whole, '-c', 'copy', '-movflags', '+frag_keyframe+empty_moov', holed]);
    const { packets } = (await ffprobe(['-select_streams', 'a', '-show_entries', 'packet=pts_time', holed])) as {
      readonly packets: readonly { readonly pts_time: string }[];
    };
    expect(Number(packets[1]?.pts_time) - Number(packets[0]?.pts_time)).toBeCloseTo(0.08, 3);
    const { dir } = await make(holed);
    expect(Math.abs((await onsetOf(dir)) - 1.08)).toBeLessThan(0.04);
  });
});

describe('tracks of different length', () => {
  const lengthsOf = ({ packaged }: Made): number[] =>
    packaged.renditions.map(({ id }) =>
      packaged.files
        .filter((file) => file.facts.rendition === id)
        .reduce((sum, { facts }) => sum + (facts.durationS ?? 0), 0),
    );
  const inputs = (videoS: number, ...audioS: readonly number[]): string[] => [
    ...['-f', 'lavfi', '-i', `testsrc2=size=160x120:rate=25:d=${videoS}`],
    ...audioS.flatMap((seconds) => ['-f', 'lavfi', '-i', `sine=frequency=440:d=${seconds}`]),
    ...['-map', '0', ...audioS.flatMap((_, index) => ['-map', `${index + 1}`])],
    ...['-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p', '-c:a', 'aac'],
  ];

  it.each(['mp4', 'mkv'])('end together in %s: the last picture stays, and silence follows', async (ending) => {
    const source = at(`uneven.${ending}`);
    await ffmpeg([...inputs(1, 3, 2), source]);
    const lengths = lengthsOf(await make(source));
    expect(lengths.length).toBeGreaterThanOrEqual(3);
    for (const length of lengths) expect(length, `${lengths}`).toBeCloseTo(3, 0);
    expect(Math.max(...lengths) - Math.min(...lengths)).toBeLessThan(0.25);
  });
});
