import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readTags } from '../../shared/hls/read-tags.ts';
import { ffmpeg, ffprobe, makeClip, makeClipFolder } from '../../shared/testing/clips.ts';
import { parseContentSecrets } from '../../shared/tokens/content-keys.ts';
import { checkPackaged } from './conformance.ts';
import { makeSealing, type Sealing } from './seal.ts';
import { type Made, makePackaging } from './testing/make-packaged.ts';

const folder = await makeClipFolder();
const make = makePackaging(folder.dir);
afterAll(() => folder.dispose());

const [secret] = parseContentSecrets('a secret that only this test knows of');
if (!secret) throw new Error('a secret was given');
const place = { assetId: 'film', version: 'v1' };
const cbcs = makeSealing('cbcs', secret, place);
const aes = makeSealing('aes-128', secret, place);

let clip: string;
let clear: Made;
let whole: Made;
let samples: Made;
let single: Made;
beforeAll(async () => {
  clip = await makeClip(folder.dir, 'clip.mp4', { size: '256x144', seconds: 5 });
  clear = await make(clip);
  whole = await make(clip, { sealing: aes });
  samples = await make(clip, { sealing: cbcs });
  single = await make(clip, { sealing: cbcs, packaging: 'single-file' });
});

/** Decoded pictures or sound, by time and digest. */
async function frames(input: readonly string[], stream = '0'): Promise<string[]> {
  const text = await ffmpeg([...input, '-map', `0:${stream}`, '-f', 'framemd5', '-']);
  return text.split('\n').filter((line) => /^\d/.test(line));
}

const textOf = ({ dir }: Made, path: string): Promise<string> => readFile(join(dir, path), 'utf8');
const keyOption = (sealing: Sealing, kind: 'video' | 'audio') => [
  '-decryption_key',
  sealing.keyOf(kind).key.toString('hex'),
];

/** A rendition's init segment and segments as one file, as a player puts them together. */
async function joined({ dir, packaged }: Made, rendition: string): Promise<string> {
  const files = packaged.files.filter(({ facts }) => facts.rendition === rendition && facts.role !== 'playlist');
  const bytes = await Promise.all(files.map(({ facts }) => readFile(join(dir, facts.path))));
  const path = join(dir, `${rendition}.mp4`);
  await writeFile(path, Buffer.concat(bytes));
  return path;
}

describe('a version encrypted by AES-128', () => {
  it('is decrypted by ffmpeg’s HLS to the frames of the clear one', async () => {
    await mkdir(join(whole.dir, 'keys'));
    for (const { id, kind } of whole.packaged.encryption?.keys ?? [])
      await writeFile(join(whole.dir, 'keys', id), aes.keyOf(kind).key);
    const through = ({ dir }: Made) => [
      ...['-allowed_extensions', 'ALL', '-protocol_whitelist', 'file,crypto,data'],
      ...['-i', join(dir, 'master.m3u8')],
    ];
    for (const stream of ['v:0', 'v:1', 'a:0'])
      expect(await frames(through(whole), stream), stream).toEqual(await frames(through(clear), stream));
  });

  it('keeps its init segments clear, and has neither DASH nor I-frames', async () => {
    expect(await textOf(whole, 'video-144p/init.mp4')).toBe(await textOf(clear, 'video-144p/init.mp4'));
    expect(whole.packaged.playlists).toEqual({ hls: 'master.m3u8', dash: null });
    expect(whole.packaged.files.map(({ facts }) => facts.path).filter((path) => /mpd|iframes/.test(path))).toEqual([]);
    const lines = (await textOf(whole, 'video-144p/index.m3u8')).split('\n').filter((line) => /MAP|KEY/.test(line));
    expect(lines).toEqual([
      '#EXT-X-MAP:URI="init.mp4"',
      `#EXT-X-KEY:METHOD=AES-128,URI="../keys/${aes.keyOf('video').id}"`,
    ]);
  });
});

describe('a version encrypted by CBCS', () => {
  it.each(['video-144p', 'video-90p', 'audio-64k'])(
    'has %s, which its key decrypts to the clear frames',
    async (id) => {
      const kind = id.startsWith('video') ? 'video' : 'audio';
      const expected = await frames(['-i', await joined(clear, id)]);
      const input = ['-seekable', '0', ...keyOption(cbcs, kind), '-i', await joined(samples, id)];
      expect(await frames(input)).toEqual(expected);
      const file = join(single.dir, id, kind === 'video' ? 'media.mp4' : 'media.m4a');
      expect(await frames(['-seekable', '0', ...keyOption(cbcs, kind), '-i', file])).toEqual(expected);
    },
  );

  it('names its keys in HLS and DASH', async () => {
    const { id } = cbcs.keyOf('video');
    const keys = (folder: string, tag: string) => [
      `#${tag}:METHOD=SAMPLE-AES,URI="${folder}keys/${id}",KEYFORMAT="identity",KEYFORMATVERSIONS="1"`,
      `#${tag}:METHOD=SAMPLE-AES,URI="${folder}keys/${id}",KEYFORMAT="org.w3.clearkey",KEYFORMATVERSIONS="1",KEYID=0x${id}`,
    ];
    for (const playlist of ['video-144p/index.m3u8', 'video-144p/iframes.m3u8'])
      expect(await textOf(samples, playlist)).toContain(keys('../', 'EXT-X-KEY').join('\n'));
    expect(await textOf(samples, 'master.m3u8')).toContain(keys('', 'EXT-X-SESSION-KEY').join('\n'));
    const uuid = id.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
    expect(await textOf(single, 'manifest.mpd')).toContain(`value="cbcs" cenc:default_KID="${uuid}"`);
  });

  it('has I-frames that its key decrypts, each by itself', async () => {
    const { segments } = readTags(await textOf(samples, 'video-144p/iframes.m3u8'));
    expect(segments).toHaveLength(3);
    const init = await readFile(join(samples.dir, 'video-144p/init.mp4'));
    for (const { uri, byteRange } of segments) {
      const segment = await readFile(join(samples.dir, 'video-144p', uri));
      const { offset = 0, length = 0 } = byteRange ?? {};
      const one = join(folder.dir, 'one.mp4');
      await writeFile(one, Buffer.concat([init, segment.subarray(offset, offset + length)]));
      const shown = await ffprobe([
        ...keyOption(cbcs, 'video'),
        '-seekable',
        '0',
        '-show_frames',
        '-read_intervals',
        '%+#1',
        one,
      ]).catch(() => null);
      expect(shown).toMatchObject({ frames: [{ pict_type: 'I' }] });
    }
  });
});

describe('encrypted versions', () => {
  it('break no rule that they can keep', async () => {
    const findings = async ({ packaged }: Made): Promise<string[]> => {
      const report = await checkPackaged(packaged, new AbortController().signal);
      return report.findings.filter(({ rule }) => rule !== 'NF202').map(({ rule, measured }) => `${rule} ${measured}`);
    };
    expect(await findings(samples)).toEqual([]);
    expect(await findings(single)).toEqual([]);
    // There can be no I-frames.
    expect((await findings(whole)).filter((finding) => !/^NF50/.test(finding))).toEqual([]);
  });

  it('hold no key and no clear media anywhere', async () => {
    for (const [made, sealing] of [
      [whole, aes],
      [samples, cbcs],
      [single, cbcs],
    ] as const)
      for (const { facts } of made.packaged.files) {
        const bytes = await readFile(join(made.dir, facts.path));
        for (const kind of ['video', 'audio'] as const) {
          const { key } = sealing.keyOf(kind);
          for (const form of [key, key.toString('hex'), key.toString('base64'), key.toString('base64url')])
            expect(bytes.includes(form), facts.path).toBe(false);
        }
      }
    await expect(frames(['-i', await joined(samples, 'video-144p')])).rejects.toThrow();
  });

  it('are the same bytes each time, and other bytes under another version', async () => {
    const digests = ({ packaged }: Made) => packaged.files.map(({ facts }) => `${facts.path} ${facts.sha256}`);
    expect(digests(await make(clip, { sealing: cbcs, runs: 1 }))).toEqual(digests(samples));
    const other = await make(clip, { sealing: makeSealing('cbcs', secret, { ...place, version: 'v2' }) });
    const init = (made: Made) => made.packaged.files.find(({ facts }) => facts.role === 'init')?.facts.sha256;
    expect(init(other)).not.toBe(init(samples));
  });
});
