import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readTags } from '../../shared/hls/read-tags.ts';
import { ffmpeg, ffprobe, makeClip, makeClipFolder } from '../../shared/testing/clips.ts';
import { checkPackaged, refuseNotConformant } from './conformance.ts';
import type { PackagedAsset } from './package.ts';
import { type Made, makePackaging } from './testing/make-packaged.ts';

const folder = await makeClipFolder();
const make = makePackaging(folder.dir);
afterAll(() => folder.dispose());

const signal = new AbortController().signal;
/** What good rules find besides what a test's size brings: segments of four seconds. */
async function findingsOf(packaged: PackagedAsset): Promise<string[]> {
  const { findings } = await checkPackaged(packaged, signal);
  return findings
    .filter(({ rule }) => rule !== 'NF202')
    .map(({ rule, at, measured, expected }) => `${rule} ${at}: ${measured}, expected ${expected}`);
}

async function frames(manifest: string, stream: string): Promise<string[]> {
  const text = await ffmpeg(['-i', manifest, '-map', `0:${stream}`, '-f', 'framemd5', '-']);
  return text.split('\n').filter((line) => /^\d/.test(line));
}

async function streams(path: string): Promise<readonly Record<string, unknown>[]> {
  const { streams } = (await ffprobe(['-show_streams', path])) as { streams: readonly Record<string, unknown>[] };
  return streams;
}

describe('both packagings', () => {
  let segments: Made;
  let single: Made;
  beforeAll(async () => {
    const clip = await makeClip(folder.dir, 'clip.mp4', { size: '256x144', rate: '30000/1001', seconds: 9 });
    segments = await make(clip);
    single = await make(clip, { packaging: 'single-file' });
  });

  it('break no rule, not even one of level warning', async () => {
    expect(await findingsOf(segments.packaged)).toEqual([]);
    expect(await findingsOf(single.packaged)).toEqual([]);
  });

  it('are judged by every rule for local VOD', async () => {
    const { rules } = await checkPackaged(single.packaged, signal);
    const unjudged = rules.filter(({ looked }) => looked === 0).map(({ id }) => id);
    // Those of HTTP, of encryption and of text, and VIDEO-RANGE where the encoder wrote no colour box.
    expect(unjudged.filter((id) => id !== 'NF420' && !/^NF[67]/.test(id))).toEqual(['NF103', 'NF104', 'NF105']);
  });

  it('hold the same frames, through HLS and DASH', async () => {
    const expected = await frames(join(segments.dir, 'master.m3u8'), 'v:0');
    expect(expected).toHaveLength(270);
    for (const manifest of [
      join(segments.dir, 'manifest.mpd'),
      join(single.dir, 'master.m3u8'),
      join(single.dir, 'manifest.mpd'),
    ])
      expect(await frames(manifest, 'v:0'), manifest).toEqual(expected);
    const sound = await frames(join(segments.dir, 'master.m3u8'), 'a:0');
    expect(await frames(join(single.dir, 'master.m3u8'), 'a:0')).toEqual(sound);
    expect((await frames(join(single.dir, 'manifest.mpd'), 'a:0')).length).toBe(sound.length);
  });

  it('a single file is a file a rendition, that plays by itself too', async () => {
    const media = single.packaged.files.filter(({ facts }) => facts.role === 'media');
    expect(media.map(({ facts }) => [facts.path, facts.role, facts.contentType])).toEqual([
      ['video-144p/media.mp4', 'media', 'video/mp4'],
      ['video-90p/media.mp4', 'media', 'video/mp4'],
      ['audio-64k/media.m4a', 'media', 'audio/mp4'],
    ]);
    expect(await frames(join(single.dir, 'video-90p/media.mp4'), 'v:0')).toHaveLength(270);
    const bytes = await readFile(join(single.dir, 'video-90p/media.mp4'));
    const { segments: listed } = readTags(await readFile(join(single.dir, 'video-90p/index.m3u8'), 'utf8'));
    const last = listed.at(-1)?.byteRange;
    expect((last?.offset ?? 0) + (last?.length ?? 0)).toBe(bytes.length);
    for (const { byteRange } of listed)
      expect(bytes.toString('latin1', (byteRange?.offset ?? 0) + 4).slice(0, 4)).toBe('moof');
  });

  it.each(['segments', 'single-file'] as const)(
    'I-frames of %s are the key frames, each decodable by itself',
    async (packaging) => {
      const { dir } = packaging === 'segments' ? segments : single;
      const playlist = readTags(await readFile(join(dir, 'video-144p/iframes.m3u8'), 'utf8'));
      expect(playlist).toMatchObject({ iframesOnly: true, targetDurationS: 2, mistakes: [] });
      expect(playlist.segments).toHaveLength(5);
      for (const { uri, byteRange, map } of playlist.segments) {
        const init = await readFile(join(dir, 'video-144p', map?.uri ?? ''));
        const file = await readFile(join(dir, 'video-144p', uri));
        const [from = 0, length = 0] = [byteRange?.offset, byteRange?.length];
        const one = Buffer.concat([
          init.subarray(0, map?.byteRange?.length ?? init.length),
          file.subarray(from, from + length),
        ]);
        await writeFile(join(folder.dir, 'one.mp4'), one);
        const { packets } = (await ffprobe(['-show_packets', join(folder.dir, 'one.mp4')]).catch(() => ({
          packets: [],
        }))) as {
          packets: readonly { readonly flags: string }[];
        };
        expect(packets[0]?.flags).toMatch(/^K/);
      }
    },
  );
});

describe('pictures', () => {
  it('beside the media: a poster and a storyboard whose every cue lies in a picture', async () => {
    const clip = await makeClip(folder.dir, 'pictures.mp4', { size: '256x144', seconds: 9 });
    const { packaged, dir } = await make(clip);
    expect(packaged.images).toEqual({ poster: 'previews/poster.jpg', storyboard: 'previews/storyboard.vtt' });
    expect(await streams(join(dir, 'previews/poster.jpg'))).toMatchObject([{ codec_name: 'mjpeg', width: 256 }]);
    const [sheet] = await streams(join(dir, 'previews/sprite-000.jpg'));
    const text = await readFile(join(dir, 'previews/storyboard.vtt'), 'utf8');
    const cues = [...text.matchAll(/^(\S+)#xywh=(\d+),(\d+),(\d+),(\d+)$/gm)];
    expect(cues).toHaveLength(5);
    for (const [, name, x, y, width, height] of cues) {
      expect(name).toBe('sprite-000.jpg');
      expect(Number(x) + Number(width)).toBeLessThanOrEqual(Number(sheet?.width));
      expect(Number(y) + Number(height)).toBeLessThanOrEqual(Number(sheet?.height));
    }
    const facts = packaged.files.filter((file) => file.facts.role === 'preview').map((file) => file.facts.contentType);
    expect(facts).toEqual(['image/jpeg', 'image/jpeg', 'text/vtt']);
  });
});

describe('sound', () => {
  it('of several languages and 5.1 is all kept, and named', async () => {
    const source = join(folder.dir, 'languages.mkv');
    await ffmpeg([
      ...['-f', 'lavfi', '-i', 'testsrc2=size=256x144:rate=25:duration=3'],
      ...[
        '-f',
        'lavfi',
        '-i',
        'sine=440:d=3',
        '-f',
        'lavfi',
        '-i',
        'anoisesrc=d=3:a=0.1,pan=5.1|c0=c0|c1=c0|c2=c0|c3=c0|c4=c0|c5=c0',
      ],
      ...['-map', '0:v', '-map', '1:a', '-map', '2:a', '-map', '1:a', '-c:v', 'libx264', '-preset', 'ultrafast'],
      ...[
        '-pix_fmt',
        'yuv420p',
        '-c:a',
        'aac',
        '-metadata:s:a:0',
        'language=ger',
        '-metadata:s:a:1',
        'language=eng',
        source,
      ],
    ]);
    const { packaged, dir } = await make(source);
    const sounds = packaged.renditions.filter(({ kind }) => kind === 'audio');
    expect(sounds.map(({ id, language, name, channels }) => [id, language, name, channels])).toEqual([
      ['audio-64k', 'de', 'Deutsch', 2],
      ['audio2-64k', 'en', 'English', 2],
      ['audio2-160k', 'en', 'English 5.1', 6],
      ['audio3-64k', null, 'Original', 2],
    ]);
    expect(await findingsOf(packaged)).toEqual([]);
    const { media } = readTags(await readFile(join(dir, 'master.m3u8'), 'utf8'));
    expect(
      media.map((tag) => [
        tag.get('NAME'),
        tag.get('LANGUAGE'),
        tag.get('DEFAULT'),
        tag.get('AUTOSELECT'),
        tag.get('CHANNELS'),
      ]),
    ).toEqual([
      ['Deutsch', 'de', 'YES', 'YES', '2'],
      ['English', 'en', 'NO', 'YES', '2'],
      ['English 5.1', 'en', 'NO', 'NO', '6'],
      ['Original', 'und', 'NO', 'YES', '2'],
    ]);
    const found = (await streams(join(dir, 'master.m3u8'))).filter(({ codec_type }) => codec_type === 'audio');
    expect(found.map(({ channels }) => channels).toSorted()).toEqual([2, 2, 2, 6]);
    const dash = await readFile(join(dir, 'manifest.mpd'), 'utf8');
    expect(dash).toContain('lang="de"');
    expect(dash.match(/<AdaptationSet/g)).toHaveLength(5);
  });

  it.each(['segments', 'single-file'] as const)('alone is published as %s', async (packaging) => {
    const source = join(folder.dir, 'sound.m4a');
    await ffmpeg(['-f', 'lavfi', '-i', 'sine=duration=5', '-c:a', 'aac', source]);
    const { packaged, dir } = await make(source, { packaging });
    expect(packaged.renditions.map(({ id, kind }) => [id, kind])).toEqual([['audio-64k', 'audio']]);
    expect(await findingsOf(packaged)).toEqual([]);
    const { variants } = readTags(await readFile(join(dir, 'master.m3u8'), 'utf8'));
    expect(variants.map(({ uri, attributes }) => [uri, attributes.get('CODECS')])).toEqual([
      ['audio-64k/index.m3u8', 'mp4a.40.2'],
    ]);
    expect((await frames(join(dir, 'master.m3u8'), 'a:0')).length).toBeGreaterThan(230);
    expect((await frames(join(dir, 'manifest.mpd'), 'a:0')).length).toBeGreaterThan(230);
  });
});

describe('a picture of one frame', () => {
  it('is published and breaks no rule of level error', async () => {
    const source = join(folder.dir, 'one-frame.mp4');
    await ffmpeg([
      '-f',
      'lavfi',
      '-i',
      'testsrc2=size=256x144:rate=25',
      '-frames:v',
      '1',
      '-pix_fmt',
      'yuv420p',
      source,
    ]);
    const { packaged } = await make(source);
    expect((await checkPackaged(packaged, signal)).counts.error).toBe(0);
  });
});

it('what breaks a rule is refused with the rule', async () => {
  const clip = await makeClip(folder.dir, 'short.mp4', { size: '256x144', seconds: 1 });
  const { packaged } = await make(clip);
  const files = packaged.files.map(({ facts, content }) =>
    facts.path === 'master.m3u8' && content instanceof Uint8Array
      ? {
          facts,
          content: Buffer.from(
            Buffer.from(content)
              .toString()
              .replace(/RESOLUTION=\d+x/g, 'RESOLUTION=99x'),
          ),
        }
      : { facts, content },
  );
  await expect(refuseNotConformant({ ...packaged, files }, signal)).rejects.toThrow(/NF404 .*RESOLUTION.*99x/);
  await expect(refuseNotConformant(packaged, signal)).resolves.toBeUndefined();
});
