/** Files of strangers, from admission to publication: each is published, or fails with a code and a reason; nothing else happens. */
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { makeStoreDocuments } from '../../shared/adapters/documents/store-documents.ts';
import { makeFolderObjectStore } from '../../shared/adapters/folder/folder-object-store.ts';
import { storeKeys } from '../../shared/domain/keys.ts';
import type { Manifest } from '../../shared/domain/manifest.ts';
import { probeSource } from '../../shared/media/probe.ts';
import { profiles } from '../../shared/media/profiles.ts';
import { systemClock } from '../../shared/platform/clock.ts';
import { makeTestAsset } from '../../shared/testing/catalogue-contract.ts';
import { ffmpeg, makeClip, makeClipFolder } from '../../shared/testing/clips.ts';
import { failureOf, isPermanent } from './failure.ts';
import { makeMakeVersion } from './make-version.ts';
import { packager, type Recipe } from './recipe.ts';
import { makeScratch } from './scratch.ts';

const clips = await makeClipFolder();
const at = (name: string): string => join(clips.dir, name);
const requests: string[] = [];
let server: Server;
let url: string;
let clip: string;
let scratchDir: string;

beforeAll(async () => {
  server = createServer((request, response) => {
    requests.push(request.url ?? '');
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  scratchDir = await mkdtemp(join(tmpdir(), 'nightfill-scratch-'));
  clip = await makeClip(clips.dir, 'clip.mp4', { size: '160x90', seconds: 3, output: ['-movflags', '+faststart'] });
});
afterEach(async () => {
  expect(requests, 'requests into the network').toEqual([]);
  expect(await readdir(scratchDir), 'scratch folders left').toEqual([]);
});
afterAll(async () => {
  server.close();
  await clips.dispose();
  await rm(scratchDir, { recursive: true, force: true });
});

type Fate = { readonly published: Manifest } | { readonly code: string; readonly reason: string };

const recipe: Recipe = {
  profileName: 'preview',
  profile: profiles.preview,
  packaging: 'segments',
  packager,
  encoder: 'ffmpeg',
  segmentS: 6,
  gopS: 2,
};

/** What ingest and then the worker make of a file. */
async function fateOf(path: string): Promise<Fate> {
  const storeDir = await mkdtemp(join(tmpdir(), 'nightfill-store-'));
  const store = makeFolderObjectStore({ root: storeDir });
  try {
    const facts = await probeSource(path);
    const { sha256, sizeBytes } = await store.put(storeKeys.upload('film'), await readFile(path));
    const makeVersion = makeMakeVersion({
      store,
      catalogue: { setProgress: async () => undefined },
      documents: makeStoreDocuments(store),
      clock: systemClock,
      scratch: makeScratch(scratchDir),
      encodeRuns: 1,
      ffmpegPath: 'ffmpeg',
      ffprobePath: 'ffprobe',
      contentSecrets: [],
    });
    const source = { fileName: 'film.mp4', sizeBytes, sha256, ...facts };
    const asset = makeTestAsset('film', { source, sourceKey: storeKeys.upload('film') });
    return { published: await makeVersion({ asset, version: 'v1', recipe, signal: AbortSignal.timeout(60_000) }) };
  } catch (error) {
    expect(isPermanent(error), String(error)).toBe(true);
    const left: string[] = [];
    for await (const { key } of store.list('assets/')) left.push(key);
    expect(left, 'objects of what was not published').toEqual([]);
    return failureOf(error);
  } finally {
    await store.close();
    await rm(storeDir, { recursive: true, force: true });
  }
}

async function expectFailure(path: string, codes: RegExp): Promise<void> {
  const fate = await fateOf(path);
  if ('published' in fate) throw new Error(`${path} was published`);
  expect(fate.code, `${path}: ${fate.reason}`).toMatch(codes);
  expect(fate.reason.length, fate.reason).toBeGreaterThan(40);
}
async function expectPublished(path: string): Promise<Manifest> {
  const fate = await fateOf(path);
  if (!('published' in fate)) throw new Error(`${path}: ${fate.code}: ${fate.reason}`);
  return fate.published;
}
const idsOf = ({ renditions }: Manifest): string[] => renditions.map(({ id }) => id);

const refused = /^(container-not-allowed|not-a-media-file)$/;

describe('scripts that would read elsewhere', { timeout: 60_000 }, () => {
  it.each([
    [
      'an HLS playlist of a local file',
      () => `#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\n${clip}\n#EXT-X-ENDLIST\n`,
    ],
    ['an HLS playlist of a URL', () => `#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\n${url}/a.ts\n#EXT-X-ENDLIST\n`],
    ['an HLS playlist with a key', () => `#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI="${url}/key"\n#EXTINF:3,\n${clip}\n`],
    ['a concat list of a local file', () => `ffconcat version 1.0\nfile '${clip}'\n`],
    ['a concat list of a URL', () => `ffconcat version 1.0\nfile '${url}/a.mp4'\n`],
    [
      'an SVG',
      () => `<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64"><image href="${url}/a.png"/></svg>`,
    ],
    [
      'a DASH manifest',
      () =>
        `<?xml version="1.0"?><MPD type="static" mediaPresentationDuration="PT3S"><BaseURL>${url}/</BaseURL><Period/></MPD>`,
    ],
    ['an SDP', () => `v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n`],
    ['an image sequence pattern', () => `${clips.dir}/%d.png\n`],
    ['a shell of a URL', () => `[InternetShortcut]\nURL=${url}/a.mp4\n`],
  ])('%s is refused', async (_name, content) => {
    for (const name of ['script.mp4', 'script.mkv', 'script']) {
      await writeFile(at(name), content());
      await expectFailure(at(name), refused);
    }
  });
});

describe('what is no whole video', { timeout: 120_000 }, () => {
  it('zero bytes, noise, text, pictures and archives are refused', async () => {
    await writeFile(at('zero.mp4'), '');
    await expectFailure(at('zero.mp4'), /^empty-file$/);
    await writeFile(
      at('noise.mp4'),
      Buffer.from(Array.from({ length: 60_000 }, (_, i) => (i * 7919 + (i >> 3)) & 0xff)),
    );
    await expectFailure(at('noise.mp4'), refused);
    await ffmpeg(['-i', clip, '-frames:v', '1', at('picture.png')]);
    await copyFile(at('picture.png'), at('picture.mp4'));
    await expectFailure(at('picture.mp4'), refused);
    await writeFile(at('bomb.mp4'), gzipSync(Buffer.alloc(20_000_000)));
    await expectFailure(at('bomb.mp4'), refused);
  });

  it.each(['mp4', 'mkv', 'avi', 'ts'])(
    '%s cut at every tenth is refused, or published as far as it says it goes',
    async (kind) => {
      const whole = at(`whole.${kind}`);
      await ffmpeg(['-i', clip, ...(kind === 'avi' ? ['-c:v', 'mpeg4', '-c:a', 'mp3'] : ['-c', 'copy']), whole]);
      const { length } = await readFile(whole);
      for (let tenth = 1; tenth < 10; tenth++) {
        const cut = at(`cut.${kind}`);
        await copyFile(whole, cut);
        await truncate(cut, Math.floor((length * tenth) / 10));
        // A transport stream says nowhere how long it should be: what is there is what it is.
        if (kind !== 'ts') await expectFailure(cut, /^(truncated|not-a-media-file|no-duration|not-decodable)$/);
        else if (tenth % 4 === 1) {
          const fate = await fateOf(cut);
          if (!('published' in fate)) expect(fate.code).toMatch(/^(truncated|not-a-media-file|no-duration)$/);
        }
      }
    },
  );

  it('a header of 16,383×16,383 pixels is refused without the memory for it', async () => {
    await ffmpeg(['-i', clip, '-an', '-c:v', 'libvpx', '-frames:v', '3', at('small.webm')]);
    const bytes = await readFile(at('small.webm'));
    // A VP8 key frame: start code, then 14 bits each of width and height (RFC 6386 §9.1).
    const start = bytes.indexOf(Buffer.from([0x9d, 0x01, 0x2a]));
    bytes.writeUInt16LE(16_383, start + 3);
    bytes.writeUInt16LE(16_383, start + 5);
    // Matroska's PixelWidth and PixelHeight, two bytes or one.
    for (const id of [0xb0, 0xba]) {
      const place = bytes.findIndex((byte, index) => byte === id && [0x81, 0x82].includes(bytes[index + 1] ?? 0));
      expect(place).toBeGreaterThan(0);
    }
    await writeFile(at('huge.webm'), bytes);
    await expectFailure(at('huge.webm'), /^(too-large-frame|truncated|not-decodable)$/);
    const wide = await makeClip(clips.dir, 'wide.mkv', { size: '16384x32', seconds: 0.2, sound: false });
    await expectFailure(wide, /^too-large-frame$/);
  });
});

describe('what is unusual and still a video', { timeout: 120_000 }, () => {
  it('10-bit HEVC with HDR', async () => {
    const hdr = 'colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc:log-level=error';
    await ffmpeg([
      ...['-f', 'lavfi', '-i', 'testsrc2=size=160x90:rate=25:duration=1', '-pix_fmt', 'yuv420p10le'],
      ...['-c:v', 'libx265', '-preset', 'ultrafast', '-x265-params', hdr, '-tag:v', 'hvc1', at('hdr.mp4')],
    ]);
    expect(await probeSource(at('hdr.mp4'))).toMatchObject({ video: { codec: 'hevc', hdr: true } });
    const { renditions } = await expectPublished(at('hdr.mp4'));
    expect(renditions[0]?.codecs).toMatch(/^avc1\.[0-9a-f]{6}$/);
  });

  it('a turned phone video, and a screen recording of variable rate', async () => {
    await ffmpeg(['-i', clip, '-c', 'copy', '-metadata:s:v', 'rotate=90', at('turned.mov')]);
    expect((await expectPublished(at('turned.mov'))).renditions[0]).toMatchObject({ width: 90, height: 160 });
    await ffmpeg([
      '-i',
      clip,
      '-vf',
      "select='lt(n,20)+not(mod(n,13))'",
      '-fps_mode',
      'vfr',
      '-preset',
      'ultrafast',
      at('vfr.mp4'),
    ]);
    expect((await expectPublished(at('vfr.mp4'))).renditions[0]?.frameRate).toBe(30);
  });

  it('sound alone, and a picture of one frame', async () => {
    await ffmpeg(['-i', clip, '-vn', '-c:a', 'copy', at('sound.m4a')]);
    expect(idsOf(await expectPublished(at('sound.m4a')))).toEqual(['audio-128k']);
    for (const name of ['sound.mp3', 'sound.flac', 'sound.wav']) {
      await ffmpeg(['-i', clip, '-vn', at(name)]);
      const { durationS, renditions } = await expectPublished(at(name));
      expect([Math.round(durationS), renditions.map(({ id }) => id)], name).toEqual([3, ['audio-128k']]);
    }
    // A cover is no film.
    await ffmpeg(['-i', clip, '-frames:v', '1', '-update', '1', at('cover.jpg')]);
    const cover = ['-i', at('sound.mp3'), '-i', at('cover.jpg'), '-map', '0:a', '-map', '1:v', '-c', 'copy'];
    await ffmpeg([...cover, '-disposition:v', 'attached_pic', at('covered.mp3')]);
    expect(idsOf(await expectPublished(at('covered.mp3')))).toEqual(['audio-128k']);
    await ffmpeg(['-i', clip, '-an', '-frames:v', '1', at('one.mp4')]);
    expect(idsOf(await expectPublished(at('one.mp4')))).toEqual(['video-90p']);
  });

  it('eight tracks of sound, 5.1 among them', async () => {
    const maps = Array.from({ length: 8 }, (_, n) => ['-map', n === 1 ? '2:a' : '0:a']).flat();
    await ffmpeg([
      ...[
        '-i',
        clip,
        '-i',
        clip,
        '-f',
        'lavfi',
        '-i',
        'anoisesrc=d=3:a=0.1,pan=5.1|c0=c0|c1=c0|c2=c0|c3=c0|c4=c0|c5=c0',
      ],
      ...['-map', '0:v', ...maps, '-c:v', 'copy', '-c:a', 'aac', at('tracks.mkv')],
    ]);
    const ids = idsOf(await expectPublished(at('tracks.mkv')));
    expect(ids).toHaveLength(10);
    expect(ids).toEqual(expect.arrayContaining(['audio-128k', 'audio2-128k', 'audio2-320k', 'audio8-128k']));
  });

  it('a name with every odd character, which is never a path', async () => {
    const dir = at('odd');
    await mkdir(dir);
    for (const name of [
      '-i.mp4',
      'a b%20;$(x)`y`|&.mp4',
      '"\'\\n\u202e🎬é.mp4',
      'file:concat:x.mp4',
      '%d.mp4',
      'a\nb.mp4',
    ]) {
      await copyFile(clip, join(dir, name));
      expect((await probeSource(join(dir, name))).video, name).toMatchObject({ width: 160 });
    }
  });
});
