import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readTags } from '../../shared/hls/read-tags.ts';
import type { CodecLadder } from '../../shared/media/profiles.ts';
import { ffmpeg, ffprobe, makeClip, makeClipFolder } from '../../shared/testing/clips.ts';
import { checkPackaged } from './conformance.ts';
import type { PackagedAsset } from './package.ts';
import { type Made, makePackaging, smallProfile } from './testing/make-packaged.ts';

const folder = await makeClipFolder();
const make = makePackaging(folder.dir);
afterAll(() => folder.dispose());

const rungs = [
  { heightPx: 144, maxRateBps: 90_000 },
  { heightPx: 90, maxRateBps: 50_000 },
];
const beside: Readonly<Record<CodecLadder['codec'], CodecLadder>> = {
  hevc: { codec: 'hevc', rungs, crf: 26, preset: 'ultrafast' },
  av1: { codec: 'av1', rungs, crf: 35, preset: '12' },
};
const profileOf = (codec: CodecLadder['codec']) => ({ ...smallProfile, beside: beside[codec] });

const signal = new AbortController().signal;
async function findingsOf(packaged: PackagedAsset): Promise<string[]> {
  const { findings } = await checkPackaged(packaged, signal);
  return findings
    .filter(({ rule }) => rule !== 'NF202')
    .map(({ rule, at, measured, expected }) => `${rule} ${at}: ${measured}, expected ${expected}`);
}
const digests = ({ packaged }: Made) => packaged.files.map(({ facts }) => `${facts.path} ${facts.sha256}`);

interface Stream {
  readonly codec_name: string;
  readonly codec_tag_string: string;
  readonly pix_fmt: string;
  readonly height: number;
  readonly color_transfer?: string;
  readonly color_primaries?: string;
  readonly color_space?: string;
}
async function videosOf(path: string): Promise<readonly Stream[]> {
  const { streams } = (await ffprobe(['-select_streams', 'v', '-show_streams', path])) as {
    readonly streams: readonly Stream[];
  };
  return streams;
}
const variantsOf = async ({ dir }: Made) => readTags(await readFile(join(dir, 'master.m3u8'), 'utf8')).variants;

describe.each([
  { codec: 'hevc', name: 'hevc', codecs: /^hvc1\.1\.6\.L\d+\.[0-9A-F.]+$/, tag: 'hvc1' },
  { codec: 'av1', name: 'av1', codecs: /^av01\.0\.\d\dM\.08$/, tag: 'av01' },
] as const)('$codec beside H.264', ({ codec, name, codecs, tag }) => {
  let clip: string;
  let made: Made;
  beforeAll(async () => {
    clip = await makeClip(folder.dir, `${codec}.mp4`, { size: '256x144', rate: '30000/1001', seconds: 5 });
    made = await make(clip, { profile: profileOf(codec) });
  });

  it('is a ladder of its own behind that of H.264, each with I-frames', async () => {
    const [video, small, ...others] = made.packaged.renditions;
    expect([video?.id, small?.id]).toEqual(['video-144p', 'video-90p']);
    expect(others.map(({ id }) => id)).toEqual([`video-${codec}-144p`, `video-${codec}-90p`, 'audio-64k']);
    for (const rendition of others.slice(0, 2)) expect(rendition.codecs).toMatch(codecs);
    const variants = await variantsOf(made);
    const listed = variants.map(({ attributes }) => attributes.get('CODECS')?.split('.')[0]);
    expect(listed).toEqual(['avc1', 'avc1', tag, tag]);
    expect(variants.some(({ attributes }) => attributes.has('VIDEO-RANGE'))).toBe(false);
    const dash = await readFile(join(made.dir, 'manifest.mpd'), 'utf8');
    expect(dash.match(/<AdaptationSet /g)).toHaveLength(3);
  });

  it('breaks no rule, in either packaging', async () => {
    expect(await findingsOf(made.packaged)).toEqual([]);
    const single = await make(clip, { profile: profileOf(codec), packaging: 'single-file' });
    expect(await findingsOf(single.packaged)).toEqual([]);
    const [found] = (await videosOf(join(single.dir, 'manifest.mpd'))).filter((video) => video.codec_name === name);
    expect(found?.codec_tag_string).toBe(tag);
  });

  it('has every frame of every rung, through HLS and DASH', async () => {
    for (const manifest of ['master.m3u8', 'manifest.mpd']) {
      const path = join(made.dir, manifest);
      expect((await videosOf(path)).map(({ codec_name }) => codec_name)).toEqual(['h264', 'h264', codec, codec]);
      // One at a time: of several of H.264 together, ffmpeg's DASH reader drops the last frame of the second.
      for (const index of [0, 1, 2, 3]) {
        const text = await ffmpeg(['-i', path, '-map', `0:v:${index}`, '-f', 'framemd5', '-']);
        expect(text.match(/^\d/gm), `${manifest} ${index}`).toHaveLength(150);
      }
    }
  });

  it('is cut where H.264 is, at a frame', async () => {
    const of = async (id: string) =>
      readTags(await readFile(join(made.dir, `${id}/index.m3u8`), 'utf8')).segments.map(({ durationS }) => durationS);
    const expected = await of('video-144p');
    expect(expected).toEqual([4.004, 1.001]);
    for (const id of [`video-${codec}-144p`, `video-${codec}-90p`]) expect(await of(id)).toEqual(expected);
  });

  it('comes out the same again, however the work is divided', async () => {
    expect(digests(await make(clip, { runs: 3, profile: profileOf(codec) }))).toEqual(digests(made));
  });
});

/** Of the first frame: light levels, and the mastering display. */
async function staticMetadata(path: string): Promise<readonly (Readonly<Record<string, unknown>> | undefined)[]> {
  const args = ['-select_streams', 'v:0', '-read_intervals', '%+#1', '-show_frames'];
  const { frames } = (await ffprobe([...args, '-show_entries', 'frame=side_data_list', path])) as {
    readonly frames: readonly { readonly side_data_list?: readonly Record<string, unknown>[] }[];
  };
  const all = frames.flatMap(({ side_data_list = [] }) => side_data_list);
  return [all.find((data) => 'max_content' in data), all.find((data) => 'green_x' in data)];
}
const fraction = (value: unknown): number => {
  const [numerator = 0, denominator = 1] = String(value).split('/').map(Number);
  return numerator / denominator;
};

describe('HDR', () => {
  const toHdr = (transfer: string): string[] => [
    '-vf',
    [
      'format=yuv444p,setparams=color_primaries=bt709:color_trc=bt709:colorspace=bt709:range=tv',
      'zscale=t=linear:npl=203,format=gbrpf32le',
      `zscale=p=bt2020:t=${transfer}:m=bt2020nc:r=tv,format=yuv420p10le`,
    ].join(','),
    ...['-c:v', 'libx265', '-preset', 'ultrafast', '-tag:v', 'hvc1', '-x265-params'],
    'log-level=error:master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50):max-cll=1000,400',
    ...['-pix_fmt', 'yuv420p10le'],
  ];

  it.each([
    { codec: 'hevc', transfer: 'smpte2084', range: 'PQ', codecs: /^hvc1\.2\./ },
    { codec: 'hevc', transfer: 'arib-std-b67', range: 'HLG', codecs: /^hvc1\.2\./ },
    { codec: 'av1', transfer: 'smpte2084', range: 'PQ', codecs: /^av01\.0\.\d\dM\.10\.0\.11\d\.09\.16\.09\.0$/ },
  ] as const)('$range stays so in $codec, and is SDR in H.264', async ({ codec, transfer, range, codecs }) => {
    const source = { size: '256x144', seconds: 1, sound: false, output: toHdr(transfer) };
    const made = await make(await makeClip(folder.dir, `${codec}-${range}.mp4`, source), { profile: profileOf(codec) });
    expect(await findingsOf(made.packaged)).toEqual([]);

    const variants = (await variantsOf(made)).map(({ attributes }) => attributes);
    expect(variants.map((attributes) => attributes.get('VIDEO-RANGE'))).toEqual(['SDR', 'SDR', range, range]);
    expect(variants.at(-1)?.get('CODECS')).toMatch(codecs);
    const found = await videosOf(join(made.dir, 'master.m3u8'));
    const plain = found.find(({ codec_name }) => codec_name === 'h264');
    const deep = found.find(({ codec_name }) => codec_name === codec);
    expect(plain).toMatchObject({ pix_fmt: 'yuv420p', color_transfer: 'bt709', color_primaries: 'bt709' });
    expect(deep).toMatchObject({
      pix_fmt: 'yuv420p10le',
      color_transfer: transfer,
      color_primaries: 'bt2020',
      color_space: 'bt2020nc',
    });
    const [light, display] = await staticMetadata(join(made.dir, `video-${codec}-90p/index.m3u8`));
    if (range === 'PQ') {
      expect(light).toMatchObject({ max_content: 1000, max_average: 400 });
      for (const [name, value] of [
        ['green_x', 0.265],
        ['white_point_y', 0.329],
        ['min_luminance', 0.005],
        ['max_luminance', 1000],
      ] as const)
        expect(fraction(display?.[name]), name).toBeCloseTo(value, 3);
    }
    const dash = await readFile(join(made.dir, 'manifest.mpd'), 'utf8');
    const property = range === 'PQ' ? 'EssentialProperty' : 'SupplementalProperty';
    const value = range === 'PQ' ? 16 : 18;
    expect(dash).toContain(`<${property} schemeIdUri="urn:mpeg:mpegB:cicp:TransferCharacteristics" value="${value}"/>`);
  });
});

it('10 bits of SDR stay 10 bits in HEVC, and a picture too small for AV1 is H.264 alone', async () => {
  const deep = ['-pix_fmt', 'yuv420p10le', '-c:v', 'libx265', '-x265-params', 'log-level=error'];
  const clip = await makeClip(folder.dir, 'deep.mp4', { size: '256x144', seconds: 1, sound: false, output: deep });
  const made = await make(clip, { profile: profileOf('hevc') });
  const formats = (await videosOf(join(made.dir, 'master.m3u8'))).map(
    (video) => `${video.codec_name} ${video.pix_fmt}`,
  );
  expect([...new Set(formats)].toSorted()).toEqual(['h264 yuv420p', 'hevc yuv420p10le']);
  expect(await findingsOf(made.packaged)).toEqual([]);

  const tiny = await makeClip(folder.dir, 'tiny.mp4', { size: '64x48', seconds: 1, sound: false });
  const { packaged } = await make(tiny, { profile: profileOf('av1') });
  expect(packaged.renditions.map(({ id }) => id)).toEqual(['video-48p']);
});

it('a tone-mapped picture is neither dark nor washed out', async () => {
  const clip = await makeClip(folder.dir, 'bars.mp4', {
    ...{ size: '256x144', seconds: 1, sound: false },
    output: ['-vf', 'drawbox=c=gray:t=fill', '-color_trc', 'smpte2084', '-color_primaries', 'bt2020'],
  });
  const { dir } = await make(clip);
  const text = await ffmpeg([
    ...['-i', join(dir, 'video-144p/index.m3u8'), '-frames:v', '1', '-vf'],
    ...['signalstats,metadata=print:key=lavfi.signalstats.YAVG:file=-', '-f', 'null', '-'],
  ]);
  const mean = Number(/YAVG=([\d.]+)/.exec(text)?.[1]);
  expect(mean).toBeGreaterThan(60);
  expect(mean).toBeLessThan(200);
});
