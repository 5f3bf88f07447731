import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PreviousUpload } from 'tus-js-client';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { claim, forgetOld, makeResumeStore } from './resume-store.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nightfill-resume-'));
});
afterEach(() => rm(folder, { recursive: true }));

const upload = (id: string, creationTime = new Date().toISOString()): PreviousUpload => ({
  size: 10,
  metadata: {},
  creationTime,
  urlStorageKey: '',
  uploadUrl: `http://127.0.0.1/v1/uploads/${id}`,
  parallelUploadUrls: null,
});

/** As if the process had been another one. */
async function handOver(key: string, pid: number): Promise<void> {
  const path = join(folder, key);
  await writeFile(path, JSON.stringify({ ...JSON.parse(await readFile(path, 'utf8')), pid }));
}

describe('makeResumeStore', () => {
  it('finds the uploads of one fingerprint and forgets what is removed', async () => {
    const store = makeResumeStore(folder);
    const key = await store.addUpload('film', upload('a'));
    await store.addUpload('other', upload('b'));
    expect((await store.findUploadsByFingerprint('film')).map(({ uploadUrl }) => uploadUrl)).toEqual([
      'http://127.0.0.1/v1/uploads/a',
    ]);
    expect(await store.findAllUploads()).toHaveLength(2);
    await store.removeUpload(key);
    await store.removeUpload(key);
    expect(await store.findUploadsByFingerprint('film')).toEqual([]);
  });

  it('keeps uploads that are added side by side', async () => {
    const store = makeResumeStore(folder);
    await Promise.all(Array.from({ length: 20 }, (_, index) => store.addUpload('film', upload(`u${index}`))));
    expect(await store.findUploadsByFingerprint('film')).toHaveLength(20);
    expect((await readdir(folder)).every((name) => name.endsWith('.json'))).toBe(true);
  });

  it('leaves an upload to the process that is at it, and offers what a dead one left', async () => {
    const store = makeResumeStore(folder);
    const key = await store.addUpload('film', upload('a'));
    await handOver(key, process.ppid);
    expect(await store.findUploadsByFingerprint('film')).toEqual([]);
    await handOver(key, 2 ** 22 + 1);
    expect(await store.findUploadsByFingerprint('film')).toHaveLength(1);
  });

  it('is not disturbed by files that are not its own', async () => {
    await writeFile(join(folder, 'strange.json'), 'not json');
    expect(await makeResumeStore(folder).findAllUploads()).toEqual([]);
    expect(await makeResumeStore(join(folder, 'missing')).findAllUploads()).toEqual([]);
  });
});

describe('claim', () => {
  it('gives an upload to one of two that found it', async () => {
    const store = makeResumeStore(folder);
    await store.addUpload('film', upload('a'));
    const [found] = await store.findUploadsByFingerprint('film');
    if (!found) throw new Error('nothing was found');
    const claims = await Promise.all([claim(folder, found), claim(folder, found)]);
    expect(claims.filter((each) => each !== null)).toHaveLength(1);
    expect(await store.findUploadsByFingerprint('film')).toHaveLength(1);
  });
});

describe('forgetOld', () => {
  it('drops what no server keeps any more', async () => {
    const store = makeResumeStore(folder);
    await store.addUpload('film', upload('old', '2026-11-01T00:00:00Z'));
    await store.addUpload('film', upload('new', '2026-11-19T00:00:00Z'));
    await forgetOld(folder, Date.parse('2026-11-20T00:00:00Z'));
    expect((await store.findAllUploads()).map(({ uploadUrl }) => uploadUrl?.at(-1))).toEqual(['w']);
  });
});
