import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer, text } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { makeStoreDocuments } from '../../shared/adapters/documents/store-documents.ts';
import { makeRedisCatalogue } from '../../shared/adapters/redis/redis-catalogue.ts';
import type { Asset, TranscodeProgress } from '../../shared/domain/asset.ts';
import { storeKeys } from '../../shared/domain/keys.ts';
import { slicesOf } from '../../shared/domain/manifest.ts';
import { newAsset } from '../../shared/domain/new-asset.ts';
import { parsePlaylist } from '../../shared/hls/parse.ts';
import { probeSource } from '../../shared/media/probe.ts';
import { systemClock } from '../../shared/platform/clock.ts';
import type { Catalogue } from '../../shared/ports/catalogue.ts';
import { JobAbortedError, type JobContext, UnrecoverableJobError } from '../../shared/ports/job-queue.ts';
import { type ObjectStore, ObjectStoreError } from '../../shared/ports/object-store.ts';
import { ffmpeg, makeClip, makeClipFolder } from '../../shared/testing/clips.ts';
import { makeRedisKit, type RedisKit } from '../../shared/testing/redis-kit.ts';
import { parseContentSecrets } from '../../shared/tokens/content-keys.ts';
import { makeMakeVersion } from './make-version.ts';
import { makeScratch } from './scratch.ts';
import { makeTranscodeAsset, type TranscodeSettings } from './transcode-asset.ts';

const clips = await makeClipFolder();
let kit: RedisKit;
let catalogue: Catalogue;
let scratchDir: string;
let clip: string;

beforeAll(async () => {
  kit = await makeRedisKit();
  catalogue = makeRedisCatalogue({ redis: kit.first, store: kit.store, clock: systemClock });
  scratchDir = await mkdtemp(join(tmpdir(), 'nightfill-scratch-'));
  clip = await makeClip(clips.dir, 'clip.mp4', { size: '426x240', seconds: 7 });
});
afterEach(async () => {
  expect(await readdir(scratchDir), 'scratch folders left').toEqual([]);
});
afterAll(async () => {
  await kit.dispose();
  await clips.dispose();
  await rm(scratchDir, { recursive: true, force: true });
});

const told: string[] = [];
const documents = () => makeStoreDocuments(kit.store);

function transcode(
  assetId: string,
  options: {
    readonly store?: ObjectStore;
    readonly signal?: AbortSignal;
    readonly lastAttempt?: boolean;
    readonly settings?: Partial<TranscodeSettings>;
  } = {},
): Promise<{ readonly version: string }> {
  const store = options.store ?? kit.store;
  const shared = { store, catalogue, documents: makeStoreDocuments(store), clock: systemClock };
  const scratch = makeScratch(scratchDir);
  const contentSecrets = parseContentSecrets('a secret that only this test knows of');
  const handler = makeTranscodeAsset({
    ...shared,
    makeVersion: makeMakeVersion({
      ...shared,
      ...{ scratch, encodeRuns: 2, ffmpegPath: 'ffmpeg', ffprobePath: 'ffprobe', contentSecrets },
    }),
    inChunks: { make: async () => null, discard: async () => undefined },
    settings: {
      encoder: 'ffmpeg test',
      encoders: new Set(['libx264']),
      segmentS: 2,
      chunkS: 0,
      keepSource: false,
      contentSecrets,
      ...options.settings,
    },
    announce: async ({ id, state }) => void told.push(`${id} ${state}`),
    retext: async () => undefined,
    onFailure: () => undefined,
  });
  const job: JobContext<'transcode-asset'> = {
    id: `transcode-${assetId}`,
    payload: { assetId },
    attempt: options.lastAttempt ? 3 : 1,
    lastAttempt: options.lastAttempt ?? false,
    signal: options.signal ?? new AbortController().signal,
    begun: 1,
    progress: async () => undefined,
    children: async () => [],
  };
  return handler(job);
}

/** What ingest does with an upload, without its refusals. */
async function upload(id: string, path: string, change: Partial<Asset> = {}): Promise<Asset> {
  const { sizeBytes, sha256 } = await kit.store.put(storeKeys.upload(id), createReadStream(path));
  const facts = await probeSource(path).catch(() => ({ container: 'mp4', durationS: 1, video: null, audio: null }));
  const asset = newAsset({
    id,
    title: `Title of ${id}`,
    profile: 'preview',
    source: { fileName: 'clip.mp4', sizeBytes, sha256, ...facts },
    sourceKey: storeKeys.upload(id),
    createdAt: new Date().toISOString(),
    ...change,
  });
  await catalogue.create(asset);
  return asset;
}

async function objects(prefix: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for await (const { key } of kit.store.list(prefix)) {
    const object = await kit.store.get(key);
    if (object)
      found[key] = createHash('sha256')
        .update(await buffer(object.body))
        .digest('hex');
  }
  return found;
}
const withoutManifest = (all: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(all).filter(([key]) => !key.endsWith('/asset.json')));

/** The store, of which some puts fail or are watched. */
const storeWith = (put: ObjectStore['put']): ObjectStore => ({
  ...kit.store,
  get: kit.store.get.bind(kit.store),
  head: kit.store.head.bind(kit.store),
  list: kit.store.list.bind(kit.store),
  delete: kit.store.delete.bind(kit.store),
  deletePrefix: kit.store.deletePrefix.bind(kit.store),
  put,
});

describe('an upload', () => {
  it('becomes a published version whose every byte is in the manifest', async () => {
    await upload('film', clip);
    const seen: TranscodeProgress[] = [];
    const stop = await catalogue.watch('film', () => {
      void catalogue.getProgress('film').then((progress) => progress && seen.push(progress));
    });
    const { version } = await transcode('film');
    await stop();

    expect(told).toEqual(['film transcoding', 'film published']);
    const asset = await catalogue.get('film');
    const manifest = await documents().getManifest('film', version);
    expect(asset).toMatchObject({ state: 'published', version, sourceKey: null, failure: null });
    expect(asset?.durationS).toBeCloseTo(7, 0);
    expect(manifest).toMatchObject({ title: 'Title of film', recipe: { profile: 'preview', encoder: 'ffmpeg test' } });
    expect(asset?.sizeBytes).toBe(manifest?.sizeBytes);

    const stored = withoutManifest(await objects(storeKeys.mediaPrefix('film')));
    const listed = (manifest?.files ?? []).map((file) => [
      storeKeys.media({ assetId: 'film', version, path: file.path }),
      file.sha256,
    ]);
    expect(Object.fromEntries(listed)).toEqual(stored);
    for (const file of manifest?.files ?? []) expect(slicesOf(file).length).toBeGreaterThan(0);
    expect(await objects(storeKeys.uploadsPrefix)).toEqual({});

    const master = await kit.store.get(
      storeKeys.media({ assetId: 'film', version, path: manifest?.playlists.hls ?? '' }),
    );
    expect(master && parsePlaylist(await text(master.body))).toMatchObject({
      kind: 'master',
      variants: [{ height: 240 }],
    });

    const fractions = seen.map(({ fraction }) => fraction);
    expect(fractions).toEqual(fractions.toSorted((a, b) => a - b));
    expect(new Set(seen.map(({ stage }) => stage))).toContain('encode');
    expect(await catalogue.getProgress('film')).toMatchObject({
      stage: 'done',
      fraction: 1,
      renditions: { 'video-240p': 1, 'audio-128k': 1 },
    });
  });

  it('stays published when the job is run again, whatever the recipe is by then', async () => {
    const before = await catalogue.get('film');
    expect(await transcode('film', { settings: { segmentS: 4 } })).toEqual({ version: before?.version });
    expect(await catalogue.get('film')).toEqual(before);
  });

  it('keeps its source where the settings say so', async () => {
    await upload('kept', clip);
    await transcode('kept', { settings: { keepSource: true } });
    expect(await catalogue.get('kept')).toMatchObject({ state: 'published', sourceKey: storeKeys.upload('kept') });
  });
});

describe('an attempt that is broken off', () => {
  it('ends in the same bytes when it is taken up again, and shows nothing before', async () => {
    await upload('whole', clip);
    const { version } = await transcode('whole');
    const expected = Object.values(withoutManifest(await objects(storeKeys.mediaPrefix('whole'))));

    await upload('broken', clip);
    const closing = new AbortController();
    let puts = 0;
    const store = storeWith(async (key, body, options) => {
      if (++puts === 3) closing.abort(new JobAbortedError('worker-closing'));
      return kit.store.put(key, body, options);
    });
    await expect(transcode('broken', { store, signal: closing.signal })).rejects.toMatchObject({
      code: 'worker-closing',
    });
    expect(await catalogue.get('broken')).toMatchObject({ state: 'transcoding', version: null, failure: null });
    expect(await documents().getManifest('broken', version)).toBeNull();

    expect(await transcode('broken')).toEqual({ version });
    expect(Object.values(withoutManifest(await objects(storeKeys.mediaPrefix('broken'))))).toEqual(expected);
    expect(await catalogue.get('broken')).toMatchObject({ state: 'published' });
  });

  it('only finishes the catalogue where the manifest is there already', async () => {
    await upload('committed', clip);
    const { version } = await transcode('committed');
    await catalogue.update('committed', (asset) => ({
      ...asset,
      state: 'transcoding',
      version: null,
      publishedAt: null,
    }));
    const untouched = storeWith(() => Promise.reject(new Error('nothing may be written')));
    expect(await transcode('committed', { store: untouched })).toEqual({ version });
    expect(await catalogue.get('committed')).toMatchObject({ state: 'published', version });
  });

  it('leaves nothing of an asset that was deleted meanwhile', async () => {
    await upload('deleted', clip);
    const cancelled = new AbortController();
    let puts = 0;
    const store = storeWith(async (key, body, options) => {
      if (++puts === 3) {
        await catalogue.update('deleted', (asset) => ({ ...asset, state: 'deleted' }));
        cancelled.abort(new JobAbortedError('cancelled'));
      }
      return kit.store.put(key, body, options);
    });
    await expect(transcode('deleted', { store, signal: cancelled.signal })).rejects.toBeInstanceOf(
      UnrecoverableJobError,
    );
    expect(await objects(storeKeys.mediaPrefix('deleted'))).toEqual({});
    expect(await catalogue.get('deleted')).toMatchObject({ state: 'deleted', version: null });
  });

  it('stops the encoder at once', async () => {
    const long = await makeClip(clips.dir, 'long.mp4', { size: '426x240', seconds: 120 });
    await upload('long', long, { profile: 'default' });
    const closing = new AbortController();
    const running = transcode('long', { signal: closing.signal });
    await expect.poll(async () => (await catalogue.getProgress('long'))?.stage, { timeout: 20_000 }).toBe('encode');
    const startedAt = Date.now();
    closing.abort(new JobAbortedError('worker-closing'));
    await expect(running).rejects.toMatchObject({ code: 'worker-closing' });
    expect(Date.now() - startedAt).toBeLessThan(3_000);
  });
});

describe('what cannot become a video', () => {
  it('fails at once with a reason, and brings nothing into view', async () => {
    const cut = join(clips.dir, 'cut.mp4');
    await ffmpeg(['-i', clip, '-c', 'copy', '-movflags', '+faststart', cut]);
    await truncate(cut, Math.floor((await readFile(cut)).length * 0.7));
    await upload('cut', cut);
    await expect(transcode('cut')).rejects.toBeInstanceOf(UnrecoverableJobError);
    expect(await catalogue.get('cut')).toMatchObject({
      state: 'failed',
      failure: { code: 'truncated' },
      version: null,
    });
    expect(told.filter((event) => event.startsWith('cut '))).toEqual(['cut transcoding', 'cut failed']);
    expect(await objects(storeKeys.mediaPrefix('cut'))).toEqual({});
  });

  it('is found short by what came out, where the container does not tell its length', async () => {
    const cut = join(clips.dir, 'cut.flv');
    await ffmpeg(['-i', clip, '-c', 'copy', cut]);
    await truncate(cut, Math.floor((await readFile(cut)).length * 0.5));
    await upload('cut-flv', cut);
    await expect(transcode('cut-flv')).rejects.toBeInstanceOf(UnrecoverableJobError);
    expect(await catalogue.get('cut-flv')).toMatchObject({
      failure: { code: 'truncated', reason: expect.stringMatching(/7\.\d s.*only 3\.\d s/) },
    });
  });

  it('names a profile that is not there, and a source that is gone', async () => {
    await upload('odd', clip, { profile: 'odd' });
    await expect(transcode('odd')).rejects.toBeInstanceOf(UnrecoverableJobError);
    expect(await catalogue.get('odd')).toMatchObject({ failure: { code: 'unknown-profile' } });
    await upload('newer', clip, { profile: 'av1' });
    await expect(transcode('newer')).rejects.toThrow(UnrecoverableJobError);
    const { state, failure } = (await catalogue.get('newer')) ?? {};
    expect([state, failure?.code]).toEqual(['failed', 'encoder-missing']);
    expect(failure?.reason).toMatch(/libsvtav1.*Install an ffmpeg/);

    await upload('gone', clip);
    await kit.store.delete(storeKeys.upload('gone'));
    await expect(transcode('gone')).rejects.toBeInstanceOf(UnrecoverableJobError);
    expect(await catalogue.get('gone')).toMatchObject({ failure: { code: 'source-missing' } });
  });
});

describe('what passes', () => {
  it('is left to the next attempt, and named after the last', async () => {
    await upload('unlucky', clip);
    const away = storeWith((key) => Promise.reject(new ObjectStoreError('unavailable', key, 'connection refused')));
    await expect(transcode('unlucky', { store: away })).rejects.toMatchObject({ code: 'unavailable' });
    expect(await catalogue.get('unlucky')).toMatchObject({ state: 'transcoding', failure: null });

    await expect(transcode('unlucky', { store: away, lastAttempt: true })).rejects.toBeInstanceOf(
      UnrecoverableJobError,
    );
    expect(await catalogue.get('unlucky')).toMatchObject({ state: 'failed', failure: { code: 'store-failed' } });

    await transcode('unlucky');
    expect(await catalogue.get('unlucky')).toMatchObject({ state: 'published', failure: null });
  });

  it('a source that is not what was uploaded is read again before it counts as damaged', async () => {
    const asset = await upload('rotten', clip, {});
    await catalogue.update('rotten', (present) => ({
      ...present,
      source: { ...asset.source, sha256: '0'.repeat(64) },
    }));
    await expect(transcode('rotten')).rejects.not.toBeInstanceOf(UnrecoverableJobError);
    await expect(transcode('rotten', { lastAttempt: true })).rejects.toBeInstanceOf(UnrecoverableJobError);
    expect(await catalogue.get('rotten')).toMatchObject({ failure: { code: 'source-damaged' } });
  });
});
