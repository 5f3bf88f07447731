import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readStream } from '../../shared/conformance/read-stream.ts';
import { folderSource } from '../../shared/conformance/source.ts';
import type { TranscodeProgress } from '../../shared/domain/asset.ts';
import { checkConformance } from '../../shared/domain/conformance/check.ts';
import { storeKeys } from '../../shared/domain/keys.ts';
import type { Packaging } from '../../shared/domain/manifest.ts';
import { profiles } from '../../shared/media/profiles.ts';
import { ffmpeg, ffprobe, makeClip, makeClipFolder } from '../../shared/testing/clips.ts';
import { makeWorkerKit, type WorkerKit } from '../../shared/testing/transcode-workers.ts';
import { contentKeyOf, parseContentSecrets } from '../../shared/tokens/content-keys.ts';
import { makePackaging } from './testing/make-packaged.ts';
import { writeFacts } from './work.ts';

const contentSecret = 'a secret that only this test knows of';
const clips = await makeClipFolder();
let kit: WorkerKit;
let clip: string;

beforeAll(async () => {
  kit = await makeWorkerKit({
    ...{ NIGHTFILL_CHUNK: '4s', NIGHTFILL_SEGMENT: '2s', NIGHTFILL_ENCODE_RUNS: '1' },
    NIGHTFILL_CONTENT_SECRET: contentSecret,
  });
  const output = ['-g', '45'];
  clip = await makeClip(clips.dir, 'clip.mp4', { size: '640x360', rate: '30000/1001', seconds: 15, output });
});
afterAll(async () => {
  await kit.dispose();
  await clips.dispose();
});

const stateOf = async (id: string): Promise<string | undefined> => (await kit.catalogue.get(id))?.state;
const published = (id: string, timeout = 90_000) =>
  expect.poll(() => stateOf(id), { timeout, interval: 200 }).toBe('published');

async function keysBelow(prefix: string): Promise<readonly string[]> {
  const keys: string[] = [];
  for await (const { key } of kit.store.list(prefix)) keys.push(key);
  return keys;
}

async function isProtected(key: string): Promise<boolean> {
  const object = await kit.store.get(key);
  return object === null || (await buffer(object.body)).includes('senc');
}

/** The published files in a folder. */
async function download(id: string): Promise<string> {
  const manifest = await kit.manifest(id);
  const dir = join(clips.dir, id);
  for (const { path } of manifest?.files ?? []) {
    await mkdir(dirname(join(dir, path)), { recursive: true });
    const object = await kit.store.get(storeKeys.media({ assetId: id, version: manifest?.version ?? '', path }));
    if (object) await pipeline(object.body, createWriteStream(join(dir, path)));
  }
  return dir;
}

async function ptsOf(path: string, stream: string): Promise<number[]> {
  const { packets } = (await ffprobe(['-select_streams', stream, '-show_entries', 'packet=pts_time', path])) as {
    readonly packets: readonly { readonly pts_time: string }[];
  };
  return packets.map(({ pts_time }) => Number(pts_time)).toSorted((a, b) => a - b);
}

const soundOf = (playlist: string): Promise<string> => ffmpeg(['-i', playlist, '-map', '0:a:0', '-f', 'md5', '-']);

describe('a film that workers share', () => {
  it('survives the kill of a worker in the middle of a chunk, and shows no seam', async () => {
    const { worker } = await kit.startWorker();
    const seen: TranscodeProgress[] = [];
    const stop = await kit.catalogue.watch('killed', () => {
      void kit.catalogue.getProgress('killed').then((progress) => progress && seen.push(progress));
    });
    await kit.upload('killed', clip);
    const work = storeKeys.workPrefix('killed');
    const doneParts = async () => (await keysBelow(work)).filter((key) => /\/(chunk-\d+|sound)\.json$/.test(key));
    await expect.poll(async () => (await doneParts()).length, { timeout: 30_000, interval: 20 }).toBeGreaterThan(1);
    await expect.poll(() => kit.encoders().length, { timeout: 30_000, interval: 5 }).toBeGreaterThan(0);
    worker.kill('SIGKILL');
    const before = new Map<string, string>();
    for (const key of await doneParts()) before.set(key, (await kit.store.head(key))?.lastModified.toISOString() ?? '');
    await expect.poll(kit.encoders, { timeout: 5_000 }).toEqual([]);
    expect(await stateOf('killed')).toBe('transcoding');

    // Two others meanwhile share another film, and one of them leaves; the killed worker's lock has to run out.
    const [, leaving] = await Promise.all([kit.startWorker(), kit.startWorker()]);
    await kit.upload('untroubled', clip);
    await expect.poll(() => kit.encoders().length, { timeout: 30_000, interval: 5 }).toBeGreaterThan(0);
    leaving.worker.kill('SIGTERM');
    await once(leaving.worker, 'exit');
    expect(leaving.worker.exitCode).toBe(0);
    await published('untroubled');
    await published('killed', 120_000);
    await stop();

    const [killed, untroubled] = [await kit.manifest('killed'), await kit.manifest('untroubled')];
    const digests = (manifest: typeof killed) => manifest?.files.map(({ path, sha256 }) => `${path} ${sha256}`);
    expect(digests(killed)).toEqual(digests(untroubled));
    await expect.poll(() => keysBelow(storeKeys.workPrefix())).toEqual([]);
    expect(before.size).toBeGreaterThan(1);

    const fractions = seen.map(({ fraction }) => fraction);
    expect(fractions).toEqual(fractions.toSorted((a, b) => a - b));
    for (const { renditions } of seen) expect(Math.max(0, ...Object.values(renditions))).toBeLessThanOrEqual(1);
    expect(seen.some(({ stage, renditions }) => stage === 'encode' && (renditions['video-360p'] ?? 0) > 0)).toBe(true);
  }, 240_000);

  it('has every frame at its time, the segments of the whole, and its sound bit by bit', async () => {
    const dir = await download('killed');
    const master = join(dir, 'master.m3u8');
    const times = await ptsOf(master, 'v:0');
    expect(times).toHaveLength(450);
    for (const [index, time] of times.entries()) expect(time).toBeCloseTo((index * 1001) / 30_000, 3);
    const report = checkConformance(await readStream(folderSource(dir, 'master.m3u8'), {}));
    expect(report.findings.filter(({ severity }) => severity === 'error')).toEqual([]);
    expect(report.findings.map(({ rule }) => rule)).not.toContain('NF303');

    const whole = await makePackaging(clips.dir)(clip, { segmentS: 2, profile: profiles.default });
    const places = (
      files: readonly { readonly path: string; readonly startS: number | null; readonly durationS: number | null }[],
    ) => files.filter(({ startS }) => startS !== null).map(({ path, startS, durationS }) => [path, startS, durationS]);
    expect(places((await kit.manifest('killed'))?.files ?? [])).toEqual(
      places(whole.packaged.files.map(({ facts }) => facts)),
    );
    expect(await soundOf(master)).toBe(await soundOf(join(whole.dir, 'master.m3u8')));
  }, 120_000);

  it('is the same as one file for each rendition', async () => {
    const packaging: Packaging = 'single-file';
    await kit.upload('single', clip, { packaging });
    await published('single');
    const dir = await download('single');
    expect(await ptsOf(join(dir, 'manifest.mpd'), 'v:0')).toHaveLength(450);
    expect(checkConformance(await readStream(folderSource(dir, 'master.m3u8'), {})).counts.error).toBe(0);
    await expect.poll(() => keysBelow(storeKeys.workPrefix())).toEqual([]);
  }, 120_000);

  it('is encrypted when it is joined, and nothing of it lies clear in its place before', async () => {
    await kit.startWorker();
    await kit.upload('sealed', clip, { profile: 'preview', encryption: 'cbcs' });
    const clearSegments: string[] = [];
    await expect
      .poll(
        async () => {
          const state = await stateOf('sealed');
          const placed = (await keysBelow('assets/sealed/')).filter((key) => /video.*m4s$/.test(key));
          if ((await keysBelow(storeKeys.workPrefix('sealed'))).some((key) => /chunk-0+\.json$/.test(key)))
            clearSegments.push(
              ...(await Promise.all(placed.map(async (key) => ((await isProtected(key)) ? [] : [key])))).flat(),
            );
          return state;
        },
        { timeout: 90_000, interval: 100 },
      )
      .toBe('published');
    expect(clearSegments).toEqual([]);
    const manifest = await kit.manifest('sealed');
    const secret = parseContentSecrets(contentSecret)[0];
    if (!manifest || !secret) throw new Error('it is published');
    const { key } = contentKeyOf(secret, { assetId: 'sealed', version: manifest.version }, 'video');
    const dir = await download('sealed');
    const files = manifest.files.filter(({ rendition, role }) => rendition === 'video-240p' && role !== 'playlist');
    const joined = join(clips.dir, 'sealed.mp4');
    await writeFile(joined, Buffer.concat(await Promise.all(files.map(({ path }) => readFile(join(dir, path))))));
    const hash = ['-f', 'framemd5', '-'];
    const open = await ffmpeg(['-seekable', '0', '-decryption_key', key.toString('hex'), '-i', joined, ...hash]);
    expect(open.split('\n').filter((line) => /^\d/.test(line))).toHaveLength(450);
    expect(checkConformance(await readStream(folderSource(dir, 'master.m3u8'), {})).counts.error).toBe(0);
  }, 120_000);

  it('stops everywhere and leaves nothing when it is deleted', async () => {
    await kit.upload('deleted', clip);
    await expect
      .poll(async () => (await keysBelow(storeKeys.workPrefix('deleted'))).length, { timeout: 30_000, interval: 20 })
      .toBeGreaterThan(1);
    await kit.catalogue.update('deleted', (asset) => ({ ...asset, state: 'deleted' }));
    await kit.jobs.cancel('transcode-asset', 'transcode-deleted');
    // What lay there already goes by the deletion's own job, what is being made meanwhile by those who make it.
    for (const prefix of [storeKeys.mediaPrefix('deleted'), storeKeys.workPrefix('deleted')])
      await kit.store.deletePrefix(prefix);
    await expect.poll(kit.encoders, { timeout: 10_000 }).toEqual([]);
    await expect
      .poll(async () => [...(await keysBelow('work/')), ...(await keysBelow('assets/deleted/'))], { timeout: 10_000 })
      .toEqual([]);
  }, 120_000);

  it('is not begun any more when it turns out not to be divisible, and made in one go', async () => {
    const begun = new Set<string>();
    const stop = await kit.catalogue.watch('given-up', () => {
      void kit.catalogue.get('given-up').then((asset) => asset?.early && begun.add(asset.early.version));
    });
    await kit.upload('given-up', clip, { profile: 'preview' });
    const plan = async () =>
      (await keysBelow(storeKeys.workPrefix('given-up'))).find((key) => key.endsWith('plan.json'));
    await expect.poll(plan, { timeout: 30_000, interval: 5 }).toBeDefined();
    const base = (await plan())?.split('/')[2] ?? '';
    const flawed = { uncuttable: 'a cut shows', hashes: { start: [], end: [] }, renditions: [] };
    await writeFacts(kit.store, { assetId: 'given-up', base }, 3, flawed, AbortSignal.timeout(5_000));
    await published('given-up');
    await stop();
    expect([...begun]).toEqual([base]);
    expect(await kit.catalogue.get('given-up')).toMatchObject({
      early: null,
      version: expect.not.stringMatching(base),
    });
    expect(await keysBelow(storeKeys.mediaPrefix('given-up', base))).toEqual([]);
  }, 120_000);

  it('is encoded in one go after all where it cannot be read from the middle', async () => {
    const oneGroup = await makeClip(clips.dir, 'one-group.mp4', {
      seconds: 7,
      output: ['-g', '1000', '-sc_threshold', '0'],
    });
    await kit.upload('uncut', oneGroup, { profile: 'preview' });
    await published('uncut');
    expect(await ptsOf(join(await download('uncut'), 'master.m3u8'), 'v:0')).toHaveLength(210);
  }, 120_000);
});
