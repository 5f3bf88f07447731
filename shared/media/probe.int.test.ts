import { copyFile, mkdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ffmpeg, makeClip, makeClipFolder } from '../testing/clips.ts';
import { probeSource } from './probe.ts';
import { UnplayableSourceError, unplayableCodes } from './unplayable.ts';

const folder = await makeClipFolder();
const { dir } = folder;
const at = (name: string): string => join(dir, name);
let clip: string;

beforeAll(async () => {
  clip = await makeClip(dir, 'clip.mp4', { rate: '30000/1001', output: ['-movflags', '+faststart'] });
});
afterAll(() => folder.dispose());

async function refusalOf(path: string): Promise<UnplayableSourceError> {
  const error = await probeSource(path).then(
    () => null,
    (caught: unknown) => caught,
  );
  if (!(error instanceof UnplayableSourceError)) throw new Error(`expected a refusal, got ${error}`);
  expect(unplayableCodes).toContain(error.code);
  expect(error.message).toMatch(/upload|convert|scale|remux/i);
  return error;
}

describe('what a playable file is', () => {
  it('tells size, rate, duration and sound of an MP4', async () => {
    expect(await probeSource(clip)).toMatchObject({
      durationS: expect.closeTo(3.02, 1),
      video: { codec: 'h264', width: 320, height: 180, frameRate: 30_000 / 1001, pixelFormat: 'yuv420p', hdr: false },
      audio: { codec: 'aac', channels: 1, sampleRateHz: 44_100 },
    });
  });

  it('reads Matroska, MPEG-TS, AVI and Ogg', async () => {
    for (const [name, codecs] of [
      ['clip.mkv', ['-c', 'copy']],
      ['clip.ts', ['-c', 'copy']],
      ['clip.avi', ['-c:v', 'mpeg4', '-c:a', 'mp3']],
      ['clip.ogg', ['-c:v', 'libtheora', '-c:a', 'libvorbis']],
    ] as const) {
      await ffmpeg(['-i', clip, ...codecs, at(name)]);
      const probed = await probeSource(at(name));
      expect(probed.durationS, name).toBeCloseTo(3, 0);
      expect(probed.video, name).toMatchObject({ width: 320, height: 180, frameRate: 30_000 / 1001 });
    }
  });

  it('finds out how long a recording of a browser is, which does not say', async () => {
    await ffmpeg(['-i', clip, '-c', 'copy', '-f', 'matroska', '-live', '1', at('live.mkv')]);
    expect((await probeSource(at('live.mkv'))).durationS).toBeCloseTo(3, 0);
  });

  it('counts a duration from where the clock begins, and by pictures where it jumps', async () => {
    await ffmpeg(['-i', clip, '-c', 'copy', '-output_ts_offset', '37.5', at('late.mkv')]);
    expect((await probeSource(at('late.mkv'))).durationS).toBeCloseTo(3, 0);
    const plain = ['-i', clip, '-c', 'copy', '-f', 'mpegts'];
    await ffmpeg([...plain, at('one.ts')]);
    await ffmpeg([...plain, '-output_ts_offset', '90', at('two.ts')]);
    const [one, two] = [await readFile(at('one.ts')), await readFile(at('two.ts'))];
    await writeFile(at('gap.ts'), Buffer.concat([one, two]));
    await writeFile(at('back.ts'), Buffer.concat([one, one, one]));
    expect((await probeSource(at('gap.ts'))).durationS).toBeGreaterThan(80);
    const gap = await probeSource(at('gap.ts'), { isWhole: true });
    expect(gap.durationS).toBeCloseTo(6, 0);
    expect(gap.clockS).toBeGreaterThan(80);
    expect((await probeSource(at('back.ts'), { isWhole: true })).durationS).toBeCloseTo(9, 0);
    const straight = await probeSource(at('one.ts'), { isWhole: true });
    expect(straight).toMatchObject(await probeSource(at('one.ts')));
    expect(straight.clockS).toBeUndefined();
  });

  it('gives the size that viewers see: after rotation and with square pixels', async () => {
    await ffmpeg(['-i', clip, '-c', 'copy', '-metadata:s:v', 'rotate=90', at('turned.mp4')]);
    expect((await probeSource(at('turned.mp4'))).video).toMatchObject({ width: 180, height: 320 });
    await ffmpeg(['-i', clip, '-vf', 'scale=240:180,setsar=4/3', '-preset', 'ultrafast', at('anamorphic.mp4')]);
    expect((await probeSource(at('anamorphic.mp4'))).video).toMatchObject({ width: 320, height: 180 });
  });

  it('gives a variable rate the rate it is meant to have', async () => {
    await ffmpeg([
      '-i',
      clip,
      '-an',
      '-vf',
      "select='mod(n,7)'",
      '-fps_mode',
      'vfr',
      '-preset',
      'ultrafast',
      at('vfr.mp4'),
    ]);
    expect((await probeSource(at('vfr.mp4'))).video?.frameRate).toBeCloseTo(30_000 / 1001, 5);
  });

  it('takes sound alone, and keeps all tracks apart by number, language and title', async () => {
    await ffmpeg(['-i', clip, '-vn', '-c:a', 'copy', at('sound.mp4')]);
    expect(await probeSource(at('sound.mp4'))).toMatchObject({ video: null, audio: { codec: 'aac' } });

    await ffmpeg([
      ...['-i', clip, '-map', '0:v', '-map', '0:a', '-map', '0:a', '-map', '0:a', '-c', 'copy'],
      ...['-metadata:s:a:0', 'language=ger', '-metadata:s:a:1', 'language=eng', '-metadata:s:a:1', 'title=Talk'],
      at('languages.mkv'),
    ]);
    const { audio, audioTracks } = await probeSource(at('languages.mkv'));
    expect(audio).toEqual(audioTracks[0]);
    expect(audioTracks.map(({ track, language, title }) => [track, language, title])).toEqual([
      [0, 'de', null],
      [1, 'en', 'Talk'],
      [2, null, null],
    ]);
  });

  it('sees HDR and the lack of sound', async () => {
    const hdr = ['-color_trc', 'smpte2084', '-color_primaries', 'bt2020', '-colorspace', 'bt2020nc'];
    const path = await makeClip(dir, 'hdr.mp4', { seconds: 1, sound: false, output: hdr });
    expect(await probeSource(path)).toMatchObject({ audio: null, video: { hdr: true } });
  });
});

describe('what is refused, with a reason', () => {
  it('what is no media at all', async () => {
    await writeFile(at('empty.mp4'), '');
    expect((await refusalOf(at('empty.mp4'))).code).toBe('empty-file');
    await writeFile(at('text.mp4'), 'dear diary, '.repeat(1000));
    expect((await refusalOf(at('text.mp4'))).code).toBe('not-a-media-file');
  });

  it('pictures and words, whatever they are called', async () => {
    await ffmpeg(['-i', clip, '-frames:v', '1', at('picture.png')]);
    await copyFile(at('picture.png'), at('picture.mp4'));
    expect((await refusalOf(at('picture.mp4'))).code).toBe('container-not-allowed');
    await writeFile(at('drawing.mp4'), '<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64"/>');
    expect(['container-not-allowed', 'not-a-media-file']).toContain((await refusalOf(at('drawing.mp4'))).code);
    const text = ['-f', 'lavfi', '-i', 'testsrc2=size=32x32:duration=1', '-i', at('words.srt'), '-map', '1'];
    await writeFile(at('words.srt'), '1\n00:00:00,000 --> 00:00:01,000\nwords\n');
    await ffmpeg([...text, '-c:s', 'mov_text', at('words.mp4')]);
    expect((await refusalOf(at('words.mp4'))).code).toBe('no-video-stream');
  });

  it('scripts that would open other files', async () => {
    await mkdir(at('secret'), { recursive: true });
    await copyFile(clip, at('secret/private.mp4'));
    const hostile = {
      'hls.mp4': `#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\n${at('secret/private.mp4')}\n#EXT-X-ENDLIST\n`,
      'concat.mp4': `ffconcat version 1.0\nfile '${at('secret/private.mp4')}'\n`,
      'dash.mp4': '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period/></MPD>',
    };
    for (const [name, content] of Object.entries(hostile)) {
      await writeFile(at(name), content);
      expect(['container-not-allowed', 'not-a-media-file'], name).toContain((await refusalOf(at(name))).code);
    }
  });

  it('files that were cut off', async () => {
    const { length } = await readFile(clip);
    await copyFile(clip, at('cut.mp4'));
    await truncate(at('cut.mp4'), Math.floor(length * 0.9));
    expect((await refusalOf(at('cut.mp4'))).code).toBe('truncated');

    await ffmpeg(['-i', clip, '-c', 'copy', at('index-last.mp4')]);
    await truncate(at('index-last.mp4'), Math.floor(length * 0.9));
    expect((await refusalOf(at('index-last.mp4'))).code).toBe('truncated');

    for (const [name, codecs] of [
      ['cut.mkv', ['-c', 'copy']],
      ['cut.avi', ['-c:v', 'mpeg4', '-c:a', 'mp3']],
    ] as const) {
      await ffmpeg(['-i', clip, ...codecs, at(name)]);
      await truncate(at(name), Math.floor((await readFile(at(name))).length * 0.5));
      expect((await refusalOf(at(name))).code, name).toBe('truncated');
    }
  });

  it('frames beyond what is taken', async () => {
    const wide = await makeClip(dir, 'wide.mp4', { size: '8224x32', seconds: 0.2, sound: false });
    expect((await refusalOf(wide)).code).toBe('too-large-frame');
    const tiny = await makeClip(dir, 'tiny.mkv', { size: '8x8', seconds: 0.2, sound: false });
    expect((await refusalOf(tiny)).code).toBe('too-small-frame');
  });

  it('a recording that tells in no way how long it is', async () => {
    const head = at('head.mkv');
    await ffmpeg(['-i', clip, '-c', 'copy', '-f', 'matroska', '-live', '1', head]);
    const bytes = await readFile(head);
    const firstCluster = bytes.indexOf(Buffer.from([0x1f, 0x43, 0xb6, 0x75]));
    await truncate(head, firstCluster + 15);
    expect((await refusalOf(head)).code).toBe('no-duration');
  });
});

describe('subtitles', () => {
  /** Blu-ray bitmaps: display sets that show nothing, one a second. */
  const pgs = (): Buffer => {
    const segment = (type: number, body: readonly number[], second: number): Buffer => {
      const head = Buffer.alloc(13);
      head.write('PG');
      head.writeUInt32BE(second * 90_000, 2);
      head[10] = type;
      head.writeUInt16BE(body.length, 11);
      return Buffer.concat([head, Buffer.from(body)]);
    };
    const composition = [1, 64, 0, 180, 16, 0, 1, 128, 0, 0, 0];
    return Buffer.concat([1, 2].flatMap((at) => [segment(0x16, composition, at), segment(0x80, [], at)]));
  };

  it('are told by form, language and use; pictures are named as such', async () => {
    await writeFile(at('pictures.sup'), pgs());
    await writeFile(at('said.srt'), '1\n00:00:01,000 --> 00:00:02,000\nHallo\n');
    const path = at('subtitled.mkv');
    await ffmpeg([
      ...[
        '-i',
        clip,
        '-i',
        at('pictures.sup'),
        '-i',
        at('said.srt'),
        '-map',
        '0',
        '-map',
        '1',
        '-map',
        '2',
        '-map',
        '2',
      ],
      ...['-c', 'copy', '-c:s:1', 'subrip', '-c:s:2', 'ass', '-metadata:s:s:1', 'language=ger'],
      ...['-metadata:s:s:2', 'title=English SDH', '-disposition:s:1', 'forced', path],
    ]);
    const { textTracks } = await probeSource(path);
    expect(textTracks).toMatchObject([
      { track: 0, codec: 'hdmv_pgs_subtitle', form: 'picture' },
      { track: 1, codec: 'subrip', form: 'text', language: 'de', forced: true, hearingImpaired: false },
      { track: 2, codec: 'ass', form: 'text', language: null, title: 'English SDH', hearingImpaired: true },
    ]);
  });
});

describe('what is not the file’s fault', () => {
  it('a missing ffprobe is no refusal', async () => {
    await expect(probeSource(clip, { ffprobePath: at('no-such-program') })).rejects.toMatchObject({
      code: 'not-started',
    });
  });

  it('stops with the caller’s reason when it is told to', async () => {
    const stop = new AbortController();
    const probing = probeSource(clip, { signal: stop.signal });
    stop.abort(new Error('enough'));
    await expect(probing).rejects.toThrow('enough');
  });
});
