import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ObjectStore } from '../../shared/ports/object-store.ts';
import { makeScratch } from './scratch.ts';
import { makeSourceCache, type SourceCache } from './source-cache.ts';

let dir: string;
let gets: string[];
let cache: SourceCache;
let unlucky: boolean;

const sourceOf = (text: string) => ({
  key: text,
  sizeBytes: text.length,
  sha256: createHash('sha256').update(text).digest('hex'),
});

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'nightfill-cache-'));
  gets = [];
  unlucky = false;
  const get: ObjectStore['get'] = async (key) => {
    gets.push(key);
    if (unlucky) throw new Error('the store is away');
    const info = { key, sizeBytes: key.length, etag: '""', lastModified: new Date(0), contentType: '' };
    return { info, range: { start: 0, end: key.length - 1 }, body: Readable.from([Buffer.from(key)]) };
  };
  cache = makeSourceCache({ store: { get }, scratch: makeScratch(dir), idleMs: 60_000 });
});
afterEach(async () => {
  await cache.close();
  expect(await readdir(dir)).toEqual([]);
  await rm(dir, { recursive: true, force: true });
});

const signal = new AbortController().signal;
const read = (path: string) => readFile(path, 'utf8');

describe('the copy of a source', () => {
  it('is fetched once for jobs at once and for those that come soon after', async () => {
    const film = sourceOf('film');
    const both = [1, 2].map(() => cache.withSource(film, { signal }, read));
    expect(await Promise.all(both)).toEqual(['film', 'film']);
    expect(await cache.withSource(film, { signal }, read)).toBe('film');
    expect(gets).toEqual(['film']);
  });

  it('goes when another is wanted, but not while it is in use', async () => {
    const used = await cache.withSource(sourceOf('one'), { signal }, async (path) => {
      await cache.withSource(sourceOf('two'), { signal }, read);
      return read(path);
    });
    expect(used).toBe('one');
    await cache.withSource(sourceOf('three'), { signal }, read);
    await expect.poll(() => readdir(dir)).toHaveLength(1);
  });

  it('is fetched anew after a failure, of which all hear who waited', async () => {
    unlucky = true;
    const both = [1, 2].map(() => cache.withSource(sourceOf('film'), { signal }, read));
    for (const { status } of await Promise.allSettled(both)) expect(status).toBe('rejected');
    unlucky = false;
    expect(await cache.withSource(sourceOf('film'), { signal }, read)).toBe('film');
  });

  it('is waited for no longer than the job’s signal allows', async () => {
    const stop = new AbortController();
    const waiting = cache.withSource(sourceOf('film'), { signal: stop.signal }, read);
    stop.abort(new Error('closing'));
    await expect(waiting).rejects.toThrow('closing');
  });
});
