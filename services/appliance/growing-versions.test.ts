import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { GrowingVersion } from '../../shared/domain/growing.ts';
import { type ManifestFile, sliceSizeBytes } from '../../shared/domain/manifest.ts';
import { makeGrowingVersions } from './growing-versions.ts';
import { parseGrowing, parseVersion, type Version } from './manifest-shape.ts';
import type { Puller } from './pull.ts';
import { PullError, type PullErrorCode } from './upstream.ts';

const id = { assetId: 'film', version: 'v1' };
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const fileOf = (path: string, role: ManifestFile['role'], text: string): ManifestFile => ({
  path,
  role,
  sizeBytes: text.length,
  sha256: sha256(text),
  contentType: 'video/mp4',
  rendition: 'video',
  index: null,
  startS: null,
  durationS: null,
});

/** As many segments as revisions, of six seconds. */
function growing(revision: number, over: Partial<GrowingVersion['growing']> = {}): Buffer {
  const names = Array.from({ length: revision }, (_, index) => `video/seg-${index}.m4s`);
  const playlist = names.join('\n');
  const document = {
    schema: 1,
    ...id,
    createdAt: '2026-11-20T14:30:07.123Z',
    sliceSizeBytes,
    renditions: [],
    playlists: { hls: 'master.m3u8', dash: null },
    files: [...names.map((name) => fileOf(name, 'segment', name)), fileOf('video/index.m3u8', 'playlist', playlist)],
    growing: { revision, targetDurationS: 6, texts: { 'video/index.m3u8': playlist }, ...over },
  } satisfies GrowingVersion;
  return Buffer.from(JSON.stringify(document));
}
const published = Buffer.from(JSON.stringify({ ...JSON.parse(growing(9).toString()), growing: undefined }));
const read = (bytes: Buffer): Version | null => parseGrowing(bytes, sha256(bytes.toString()), id);

/** An upstream that has a manifest, a revision, or gives an error. */
function setUp() {
  let nowMs = 1_000_000;
  const upstream: { manifest: Buffer | PullErrorCode; revision: Buffer | PullErrorCode } = {
    manifest: 'not-found',
    revision: growing(1),
  };
  const asked: string[] = [];
  const removed: string[] = [];
  const pullGrowing: Puller['pullGrowing'] = async ({ accept, known }) => {
    asked.push(`after ${known?.revision ?? 'none'}`);
    const { revision } = upstream;
    if (typeof revision === 'string') throw new PullError(revision, 'no revision');
    const digest = sha256(revision.toString());
    if (known?.sha256 === digest) return null;
    const accepted = accept(revision, digest);
    if (accepted === null) throw new PullError('mismatch', 'no revision of this version');
    return accepted;
  };
  const versions = makeGrowingVersions({
    cache: {
      remove: async (prefix) => {
        removed.push(prefix);
        return 0;
      },
    },
    puller: { pullGrowing },
    clock: { now: () => nowMs },
    pullManifest: async () => {
      asked.push('manifest');
      const { manifest } = upstream;
      const version = typeof manifest === 'string' ? null : parseVersion(manifest, sha256(manifest.toString()), id);
      if (!version) throw new PullError(typeof manifest === 'string' ? manifest : 'mismatch', 'no manifest');
      return version;
    },
  });
  const load = async (path = 'video/index.m3u8') => (await versions.load({ ...id, path }, undefined)).growing?.revision;
  return {
    upstream,
    asked,
    removed,
    versions,
    load,
    wait: (ms: number) => {
      nowMs += ms;
    },
  };
}

describe('what a version is so far', () => {
  it('is read only with the text of its playlists, as its digests say', () => {
    expect(read(growing(2))?.growing?.revision).toBe(2);
    expect(read(growing(2, { texts: {} }))).toBeNull();
    expect(read(growing(2, { texts: { 'video/index.m3u8': 'another' } }))).toBeNull();
    expect(read(published)).toBeNull();
    expect(parseVersion(growing(2), '', id)).toBeNull();
  });

  it('is asked for again at most every half target duration, by one question', async () => {
    const { load, asked, wait, upstream } = setUp();
    expect(await Promise.all([load(), load(), load()])).toEqual([1, 1, 1]);
    expect(asked).toEqual(['manifest', 'after none']);
    upstream.revision = growing(2);
    wait(2_999);
    expect(await load()).toBe(1);
    wait(1);
    expect(await load()).toBe(2);
    wait(3_000);
    expect(await load()).toBe(2);
    expect(asked.slice(2)).toEqual(['manifest', 'after 1', 'manifest', 'after 2']);
  });

  it('answers for what it lists without asking, and asks for what it does not', async () => {
    const { load, asked, wait, upstream } = setUp();
    await load();
    upstream.revision = growing(2);
    wait(4_000);
    expect(await load('video/seg-0.m4s')).toBe(1);
    expect(asked).toHaveLength(2);
    expect(await load('video/seg-1.m4s')).toBe(2);
  });

  it('never goes back, and plays on while no upstream answers', async () => {
    const { load, wait, upstream } = setUp();
    upstream.revision = growing(3);
    await load();
    for (const revision of [growing(2), 'failed', 'mismatch'] as const) {
      upstream.revision = revision;
      wait(3_000);
      expect(await load()).toBe(3);
    }
    upstream.manifest = 'failed';
    wait(60_000);
    expect(await load()).toBe(3);
  });

  it('is taken over by the manifest, also by one that comes between two questions', async () => {
    const { versions, load, wait, upstream } = setUp();
    await load();
    upstream.manifest = published;
    wait(3_000);
    expect(await load()).toBeUndefined();
    expect(versions.peek(id)).toBeNull();

    const late = setUp();
    await late.load();
    late.wait(3_000);
    Object.defineProperty(late.upstream, 'revision', {
      get: () => {
        late.upstream.manifest = published;
        return 'not-found';
      },
    });
    expect(await late.load()).toBeUndefined();
  });

  it('is gone, with what was stored of it, when it was given up, and then unknown', async () => {
    const { load, asked, removed, wait, upstream } = setUp();
    await load();
    upstream.revision = 'not-found';
    wait(3_000);
    await expect(load()).rejects.toMatchObject({ code: 'gone' });
    expect(removed).toEqual(['film/v1/']);
    const before = asked.length;
    await expect(load()).rejects.toMatchObject({ code: 'gone' });
    expect(asked).toHaveLength(before);
    wait(1_000);
    await expect(load()).rejects.toMatchObject({ code: 'not-found' });
  });
});
