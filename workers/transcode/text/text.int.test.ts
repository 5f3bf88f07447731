/** Text inside a source and text that is uploaded, through the real worker: real ffmpeg, real store. */

import { createReadStream } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeStoreDocuments } from '../../../shared/adapters/documents/store-documents.ts';
import { makeRedisCatalogue } from '../../../shared/adapters/redis/redis-catalogue.ts';
import type { Asset } from '../../../shared/domain/asset.ts';
import { storeKeys } from '../../../shared/domain/keys.ts';
import type { Manifest } from '../../../shared/domain/manifest.ts';
import { newAsset } from '../../../shared/domain/new-asset.ts';
import { orderedFiles } from '../../../shared/domain/planning/version-files.ts';
import { parseText } from '../../../shared/domain/text/parse.ts';
import type { TextTrack } from '../../../shared/domain/text-track.ts';
import { parsePlaylist } from '../../../shared/hls/parse.ts';
import { probeSource } from '../../../shared/media/probe.ts';
import { systemClock } from '../../../shared/platform/clock.ts';
import type { Catalogue } from '../../../shared/ports/catalogue.ts';
import type { ObjectStore } from '../../../shared/ports/object-store.ts';
import { makeClipFolder } from '../../../shared/testing/clips.ts';
import { makeRedisKit, type RedisKit } from '../../../shared/testing/redis-kit.ts';
import { makeTextClip, srtOf } from '../../../shared/testing/text-clips.ts';
import { makeMakeVersion } from '../make-version.ts';
import { makeScratch } from '../scratch.ts';
import { makeTranscodeAsset } from '../transcode-asset.ts';
import { makeRetextAsset } from './retext-asset.ts';
import { keepText, trackOf } from './text-objects.ts';

const clips = await makeClipFolder();
let kit: RedisKit;
let catalogue: Catalogue;
let scratchDir: string;
const seconds = 9;
/** The third reaches over the boundary at 4 s. */
const german = [
  { startS: 0.5, endS: 1.25, text: 'Guten <i>Tag</i>' },
  { startS: 2, endS: 3.04, text: 'Müller & Söhne\nzweite Zeile' },
  { startS: 3.5, endS: 5.123, text: 'über die Grenze' },
  { startS: 8.1, endS: 8.9, text: 'Ende' },
];
const english = [{ startS: 1, endS: 2, text: 'Hello' }];
const retexts: string[] = [];

beforeAll(async () => {
  kit = await makeRedisKit();
  catalogue = makeRedisCatalogue({ redis: kit.first, store: kit.store, clock: systemClock });
  scratchDir = await mkdtemp(join(tmpdir(), 'nightfill-text-'));
});
afterAll(async () => {
  await kit.dispose();
  await clips.dispose();
  await rm(scratchDir, { recursive: true, force: true });
});

const context = (assetId: string, signal = new AbortController().signal) => ({
  id: assetId,
  attempt: 1,
  lastAttempt: false,
  signal,
  progress: async () => undefined,
  begun: 1,
  children: async () => [],
});
const shared = (store: ObjectStore = kit.store) => ({
  store,
  catalogue,
  documents: makeStoreDocuments(store),
  clock: systemClock,
  announce: async () => undefined,
  onFailure: () => undefined,
});

async function transcode(assetId: string): Promise<Manifest> {
  const handler = makeTranscodeAsset({
    ...shared(),
    makeVersion: makeMakeVersion({
      ...shared(),
      scratch: makeScratch(scratchDir),
      encodeRuns: 1,
      ffmpegPath: 'ffmpeg',
      ffprobePath: 'ffprobe',
      contentSecrets: [],
    }),
    inChunks: { make: async () => null, discard: async () => undefined },
    settings: {
      encoder: 'ffmpeg test',
      encoders: new Set(['libx264', 'aac']),
      segmentS: 4,
      chunkS: 0,
      keepSource: false,
      contentSecrets: [],
    },
    retext: async ({ id }) => void retexts.push(id),
  });
  const { version } = await handler({ ...context(assetId), payload: { assetId } });
  expect(await readdir(scratchDir), 'scratch folders left').toEqual([]);
  return manifestOf(assetId, version);
}

async function retext(assetId: string, store = kit.store, signal?: AbortSignal): Promise<Manifest> {
  const { version } = await makeRetextAsset(shared(store))({
    ...context(assetId, signal),
    payload: { assetId, change: '1' },
  });
  return manifestOf(assetId, version ?? '');
}

async function manifestOf(assetId: string, version: string): Promise<Manifest> {
  const manifest = await makeStoreDocuments(kit.store).getManifest(assetId, version);
  if (!manifest) throw new Error(`no manifest of ${version}`);
  return manifest;
}

async function upload(id: string, path: string, change: Partial<Asset> = {}): Promise<void> {
  const { sizeBytes, sha256 } = await kit.store.put(storeKeys.upload(id), createReadStream(path));
  await catalogue.create(
    newAsset({
      id,
      title: id,
      profile: 'preview',
      source: { fileName: 'clip.mkv', sizeBytes, sha256, ...(await probeSource(path)) },
      sourceKey: storeKeys.upload(id),
      createdAt: new Date().toISOString(),
      ...change,
    }),
  );
}

/** What ingest does with an uploaded subtitle file. */
async function uploadText(assetId: string, srt: string, said: Partial<TextTrack> = {}): Promise<TextTrack> {
  const { cues } = parseText(Buffer.from(srt));
  const track = trackOf(
    { language: 'de', kind: 'subtitles', name: 'Deutsch', forced: false, isDefault: false, ...said },
    cues,
  );
  await keepText(kit.store, assetId, { track, cues });
  return track;
}
const setTexts = (assetId: string, textTracks: readonly TextTrack[]) =>
  catalogue.update(assetId, (asset) => ({ ...asset, textTracks }));

async function read(manifest: Manifest, path: string): Promise<string> {
  const object = await kit.store.get(storeKeys.media({ assetId: manifest.assetId, version: manifest.version, path }));
  if (!object) throw new Error(`no ${path}`);
  return text(object.body);
}
const mediaOf = ({ files, renditions }: Manifest): readonly unknown[] => {
  const texts = new Set(renditions.filter(({ kind }) => kind === 'text').map(({ id }) => id));
  return files.filter(({ path, rendition }) => !/^(master|manifest)\./.test(path) && !texts.has(rendition ?? ''));
};
const texts = ({ renditions }: Manifest) => renditions.filter(({ kind }) => kind === 'text');
const subtitleTags = (master: string): string[] => master.split('\n').filter((line) => line.includes('TYPE=SUBTITLES'));

describe('text inside a source', () => {
  it.each([
    ['tracks.mkv', ['subrip', 'ass', 'webvtt'] as const],
    ['tracks.mp4', ['mov_text', 'mov_text', 'mov_text'] as const],
  ])(
    'of %s is published with its times',
    async (name, codecs) => {
      const path = await makeTextClip(clips.dir, name, {
        seconds,
        tracks: [
          { codec: codecs[0], said: german, args: ['-metadata:s:s:#', 'language=deu'] },
          {
            codec: codecs[1],
            said: english,
            args: ['-metadata:s:s:#', 'language=eng', '-disposition:s:#', 'hearing_impaired'],
          },
          { codec: codecs[2], said: english, args: ['-metadata:s:s:#', 'language=eng', '-disposition:s:#', 'forced'] },
        ],
      });
      const id = name.replace('.', '-');
      await upload(id, path);
      const manifest = await transcode(id);

      expect(texts(manifest)).toMatchObject([
        {
          id: 'text-de',
          language: 'de',
          name: 'Deutsch',
          text: { kind: 'subtitles', forced: false, isDefault: false },
        },
        { id: 'text-en-captions', language: 'en', text: { kind: 'captions', forced: false } },
        { id: 'text-en-forced', language: 'en', text: { kind: 'subtitles', forced: true } },
      ]);
      const whole = parseText(Buffer.from(await read(manifest, 'text-de/text.vtt'))).cues;
      expect(whole.map(({ startMs, endMs }) => [startMs / 1_000, endMs / 1_000])).toEqual(
        german.map(({ startS, endS }) => [expect.closeTo(startS, 2), expect.closeTo(endS, 2)]),
      );
      expect(whole.map((cue) => cue.text)).toEqual([
        'Guten <i>Tag</i>',
        'Müller &amp; Söhne\nzweite Zeile',
        'über die Grenze',
        'Ende',
      ]);

      const playlist = parsePlaylist(await read(manifest, 'text-de/index.m3u8'));
      const video = parsePlaylist(await read(manifest, manifest.renditions[0]?.playlist ?? ''));
      if (playlist.kind !== 'media' || video.kind !== 'media') throw new Error('no media playlists');
      expect(playlist.segments.map(({ durationS }) => durationS)).toEqual(
        video.segments.map(({ durationS }) => durationS),
      );
      expect(playlist.targetDurationS).toBe(video.targetDurationS);
      const segments = await Promise.all(playlist.segments.map(({ uri }) => read(manifest, `text-de/${uri}`)));
      expect(segments.map((segment) => segment.includes('über die Grenze'))).toEqual([true, true, false]);
      for (const segment of segments) expect(segment).toMatch(/^WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:0,LOCAL:00:00:00.000\n/);

      const master = await read(manifest, 'master.m3u8');
      expect(subtitleTags(master)).toHaveLength(3);
      expect(master.match(/#EXT-X-STREAM-INF:.*SUBTITLES="text"/g)).toHaveLength(1);
      const mpd = await read(manifest, 'manifest.mpd');
      expect(mpd).toContain('<BaseURL>text-de/text.vtt</BaseURL>');
      expect(mpd).toContain('value="forced-subtitle"');

      const { files: order } = orderedFiles({ manifest, manifestFile: { sizeBytes: 1, sha256: '' } });
      const lastText = order.findLastIndex(({ path }) => path.startsWith('text-'));
      expect(lastText).toBeLessThan(order.findIndex(({ path }) => path.endsWith('.m4s')));
    },
    60_000,
  );

  it('stays where it was said when the file begins late', async () => {
    const path = await makeTextClip(clips.dir, 'late.mp4', {
      seconds,
      tracks: [{ codec: 'mov_text', said: german }],
      output: ['-output_ts_offset', '100'],
    });
    await upload('late', path);
    const [first] = parseText(Buffer.from(await read(await transcode('late'), 'text-und/text.vtt'))).cues;
    expect(first?.startMs).toBeCloseTo(500, -2);
  }, 30_000);
});

describe('uploaded text', () => {
  const id = 'uploaded';
  let before: Manifest;
  beforeAll(async () => {
    const path = await makeTextClip(clips.dir, 'base.mkv', {
      seconds,
      tracks: [{ codec: 'subrip', said: german, args: ['-metadata:s:s:#', 'language=deu'] }],
    });
    await upload(id, path);
    before = await transcode(id);
  }, 30_000);

  it('becomes a version with the same media, and the old one stays', async () => {
    const de = await uploadText(id, srtOf([{ startS: 1, endS: 2, text: 'Besser' }]), { isDefault: true });
    const fr = await uploadText(id, srtOf([{ startS: 1, endS: 2, text: 'Mieux' }]), {
      language: 'fr',
      name: 'Français',
    });
    await setTexts(id, [de, fr]);
    const after = await retext(id);
    expect(after.version).not.toBe(before.version);
    expect(after.base).toBe(before.version);
    expect(mediaOf(after)).toEqual(mediaOf(before));
    expect(await catalogue.get(id)).toMatchObject({ state: 'published', version: after.version, textFailure: null });
    expect(texts(after).map(({ name, text: facts }) => [name, facts?.isDefault])).toEqual([
      ['Deutsch', true],
      ['Français', false],
    ]);
    expect(await read(after, 'text-de/text.vtt')).toContain('Besser');
    expect(await read(before, 'text-de/text.vtt')).toContain('Ende');
    for (const { path, sizeBytes } of after.files)
      expect(await kit.store.head(storeKeys.media({ assetId: id, version: after.version, path }))).toMatchObject({
        sizeBytes,
      });
  });

  it('is the same version when the job runs again, or anew after it was killed', async () => {
    const nl = await uploadText(id, srtOf([{ startS: 1, endS: 2, text: 'Beter' }]), {
      language: 'nl',
      name: 'Nederlands',
    });
    await setTexts(id, [nl]);
    const killed = new AbortController();
    let puts = 0;
    const store: ObjectStore = {
      ...kit.store,
      put: (key, body, options) => {
        if (++puts === 3) killed.abort(new Error('killed'));
        return kit.store.put(key, body, options);
      },
    };
    await expect(retext(id, store, killed.signal)).rejects.toThrow('killed');
    expect((await catalogue.get(id))?.version).not.toBe(before.version);
    const after = await retext(id);
    expect(texts(after).map(({ id: rendition }) => rendition)).toEqual(['text-de', 'text-nl']);
    expect(await retext(id)).toEqual(after);
  });

  it('gives the source’s own back when it is removed', async () => {
    await setTexts(id, []);
    const after = await retext(id);
    expect(after.version).toBe(before.version);
    expect(subtitleTags(await read(after, 'master.m3u8'))).toHaveLength(1);
  });

  it('goes along with the transcode, as one file in the packaging of single files', async () => {
    const path = await makeTextClip(clips.dir, 'along.mkv', { seconds, tracks: [{ codec: 'subrip', said: german }] });
    const track = await uploadText('along', srtOf(german), { kind: 'captions' });
    await upload('along', path, { packaging: 'single-file', textTracks: [track] });
    const manifest = await transcode('along');
    expect(manifest.base).toBeDefined();
    expect(texts(manifest).map(({ id: rendition }) => rendition)).toEqual(['text-und', 'text-de-captions']);
    expect(
      manifest.files.filter(({ path: each }) => each.startsWith('text-de-captions/')).map(({ role }) => role),
    ).toEqual(['media', 'playlist']);
    expect(retexts).not.toContain('along');
  }, 30_000);

  it('that comes while the asset is made is left to the next job', async () => {
    const path = await makeTextClip(clips.dir, 'meanwhile.mkv', { seconds: 3, tracks: [] });
    await upload('meanwhile', path);
    const made = transcode('meanwhile');
    await expect.poll(async () => (await catalogue.get('meanwhile'))?.state).toBe('transcoding');
    await setTexts('meanwhile', [await uploadText('meanwhile', srtOf(english))]);
    expect(texts(await made)).toEqual([]);
    expect(retexts).toContain('meanwhile');
    expect(texts(await retext('meanwhile'))).toHaveLength(1);
  }, 30_000);
});
