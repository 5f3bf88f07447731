import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeFolderObjectStore } from '../../shared/adapters/folder/folder-object-store.ts';
import type { Asset } from '../../shared/domain/asset.ts';
import type { GrowingVersion } from '../../shared/domain/growing.ts';
import { storeKeys } from '../../shared/domain/keys.ts';
import { profiles } from '../../shared/media/profiles.ts';
import { systemClock } from '../../shared/platform/clock.ts';
import type { ObjectStore } from '../../shared/ports/object-store.ts';
import { planChunks } from './chunks.ts';
import { makeGrow } from './grow.ts';
import { segmentName } from './layout.ts';
import type { Recipe } from './recipe.ts';
import { type PartFacts, type WorkPlan, writeFacts, writePlan } from './work.ts';

const recipe: Recipe = {
  ...{ profileName: 'preview', profile: profiles.preview, packaging: 'segments', packager: 'p', encoder: 'e' },
  ...{ segmentS: 2, gopS: 2, chunkS: 4 },
};
const place = { assetId: 'film', base: 'v1', version: 'v1' };
const video = { codec: 'h264', width: 426, height: 240, frameRate: 30, pixelFormat: 'yuv420p', hdr: false };
const frameRate = { numerator: 30, denominator: 1 };
const audio = { track: 0, codec: 'aac', channels: 2, sampleRateHz: 48_000 };
const work: WorkPlan = {
  ...{ version: 'v1', textTracks: [], sourceTexts: [] },
  source: { container: 'mp4', durationS: 12, video, audio, audioTracks: [audio], textTracks: [] },
  chunks: planChunks(12, { frameRate, gopFrames: null }, recipe),
};
const signal = new AbortController().signal;

/** Segments of 2 s whose bytes are told and lie nowhere. */
function rendition(id: string, first: number, count: number, timescale: number): PartFacts['renditions'][number] {
  const [initSizeBytes, sizeBytes] = [4, 1_000];
  const shape = id.startsWith('audio')
    ? { codecs: 'mp4a.40.2', width: null, height: null, channels: 2, sampleRateHz: 48_000 }
    : { codecs: 'avc1.640015', width: 426, height: 240, channels: null, sampleRateHz: null };
  const each = Array.from({ length: count }, (_, index) => index);
  return {
    id,
    init: Buffer.from('init').toString('base64'),
    track: {
      ...{ ...shape, timescale, videoRange: null, initSizeBytes, samples: count * 60 },
      durationTicks: count * 2 * timescale,
      fragments: each.map((index) => ({
        ...{ offset: initSizeBytes + index * sizeBytes, sizeBytes, samples: 60 },
        startTicks: (first + index) * 2 * timescale,
        durationTicks: 2 * timescale,
        ...{ startsWithKeyframe: true, firstSampleEndBytes: 100 },
      })),
    },
    objects: each.map((index) => ({
      key: storeKeys.media({ ...place, path: `${id}/${segmentName(first + index)}` }),
      ...{ offset: initSizeBytes + index * sizeBytes, sizeBytes },
      sha256: String(first + index).padStart(64, '0'),
    })),
  };
}
const chunk = (index: number, over: Partial<PartFacts> = {}): PartFacts => ({
  uncuttable: null,
  hashes: { start: index === 0 ? [] : [`cut ${index}`], end: [`cut ${index + 1}`] },
  renditions: [rendition('video-240p', index * 2, 2, 15_360)],
  ...over,
});
const sound: PartFacts = {
  ...{ uncuttable: null, hashes: { start: [], end: [] } },
  renditions: [rendition('audio-128k', 0, 6, 48_000)],
};

let dir: string;
let store: ObjectStore;
let asset: Asset;
let told: string[];
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'nightfill-grow-'));
  store = makeFolderObjectStore({ root: dir });
  told = [];
  asset = {
    ...{ schema: 1, id: 'film', title: 'film', tags: [], state: 'transcoding', profile: 'preview' },
    source: { fileName: 'a.mp4', sizeBytes: 1, sha256: '0', ...work.source },
    ...{ sourceKey: 'k', version: null, durationS: null, sizeBytes: null, failure: null },
    ...{ createdAt: '', updatedAt: '', publishedAt: null },
  };
  await writePlan(store, place, work, signal);
});
afterEach(async () => {
  await store.close();
  await rm(dir, { recursive: true, force: true });
});

const worker = (over: Partial<ObjectStore> = {}) =>
  makeGrow({
    store: { ...store, ...over },
    catalogue: {
      update: async (_id, change) => {
        asset = change(asset);
        return asset;
      },
    },
    clock: systemClock,
    announce: async (_asset, kind) => void told.push(kind ?? 'state'),
    earlyPlay: true,
  });
const order = () => ({ asset, recipe, place, work, signal });
const done = (part: number | 'sound', facts: PartFacts) => writeFacts(store, place, part, facts, signal);

async function revisions(): Promise<GrowingVersion[]> {
  const found: GrowingVersion[] = [];
  for await (const { key } of store.list(storeKeys.growingPrefix('film', 'v1'))) {
    const object = await store.get(key);
    if (object) found.push(JSON.parse(await text(object.body)));
  }
  return found;
}
const newest = async () => (await revisions()).at(-1)?.growing;
const listed = async (id: string) => (await newest())?.texts[`${id}/index.m3u8`]?.match(/^seg-.*$/gm)?.length;

describe('what is told of a film while it is encoded', () => {
  it('waits for its sound and its first chunk, and follows the chunks in their order', async () => {
    const grow = worker();
    await done(1, chunk(1));
    await grow(order());
    await done(0, chunk(0));
    await grow(order());
    expect(await revisions()).toEqual([]);
    expect(asset.early).toBeUndefined();

    await done('sound', sound);
    await grow(order());
    expect(asset.early).toMatchObject({ version: 'v1', hls: 'master.m3u8' });
    expect([await listed('video-240p'), await listed('audio-128k')]).toEqual([4, 4]);
    const before = (await newest())?.texts['video-240p/index.m3u8'] ?? '?';
    expect(before).toContain('#EXT-X-PLAYLIST-TYPE:EVENT');

    await done(2, chunk(2));
    await Promise.all([grow(order()), worker()(order())]);
    expect(await listed('video-240p')).toBe(6);
    expect((await newest())?.texts['video-240p/index.m3u8']?.startsWith(before)).toBe(true);
    expect(told).toEqual(['playable']);
    expect(await store.head(storeKeys.media({ ...place, path: 'video-240p/init.mp4' }))).not.toBeNull();
  });

  it('states what the encoder may use at most, and for the rest what is there', async () => {
    await done('sound', sound);
    await done(0, chunk(0));
    await worker()(order());
    const [first] = await revisions();
    const picture = first?.renditions.find(({ kind }) => kind === 'video');
    expect(picture?.bandwidthBps).toBeGreaterThan(400_000);
    expect(picture?.averageBandwidthBps).toBe(4_000);
    expect(first?.files.every(({ path }) => !path.includes('iframes'))).toBe(true);
  });

  it('takes nothing back when a worker that was asleep writes late', async () => {
    await done('sound', sound);
    await done(0, chunk(0));
    const gate = Promise.withResolvers<void>();
    const asleep = worker({
      put: async (key, body, options) => {
        await gate.promise;
        return store.put(key, body, options);
      },
    })(order());
    await done(1, chunk(1));
    await worker()(order());
    expect((await newest())?.revision).toBe(2);
    gate.resolve();
    await asleep;
    expect((await newest())?.revision).toBe(2);
    expect(await listed('video-240p')).toBe(4);
  });

  it('stops before a cut that shows, and before a segment that needs another target duration', async () => {
    await done('sound', sound);
    await done(0, chunk(0));
    await done(1, chunk(1, { hashes: { start: ['another picture'], end: [] } }));
    await worker()(order());
    expect((await newest())?.revision).toBe(1);

    const [own] = chunk(1).renditions;
    if (!own) throw new Error('no rendition');
    const longer = own.track.fragments.map((fragment, index) =>
      index === 0 ? fragment : { ...fragment, durationTicks: fragment.durationTicks * 2 },
    );
    const track = { ...own.track, fragments: longer, durationTicks: own.track.durationTicks * 1.5 };
    await done(1, chunk(1, { renditions: [{ ...own, track }] }));
    await worker()(order());
    expect((await newest())?.revision).toBe(1);
  });

  it('leaves nothing where the version was given up meanwhile', async () => {
    await done('sound', sound);
    await done(0, chunk(0));
    await store.delete(storeKeys.work('film', 'v1', 'plan.json'));
    await worker()(order());
    const keys: string[] = [];
    for await (const { key } of store.list('assets/')) keys.push(key);
    expect(keys).toEqual([]);
    expect(told).toEqual([]);
  });

  it.each([
    ['is encrypted', { recipe: { ...recipe, encryption: { scheme: 'cbcs', secretId: 's' } as const } }],
    ['is a single file', { recipe: { ...recipe, packaging: 'single-file' as const } }],
    ['plays already', { asset: { version: 'v0' } }],
    ['shall wait', { asset: { earlyPlay: false } }],
  ])('is nothing where it %s', async (_why, { recipe: other = recipe, asset: change = {} }: Change) => {
    await done('sound', sound);
    await done(0, chunk(0));
    await worker()({ ...order(), recipe: other, asset: { ...asset, ...change } });
    expect(await revisions()).toEqual([]);
  });
});

interface Change {
  readonly recipe?: Recipe;
  readonly asset?: Partial<Asset>;
}
