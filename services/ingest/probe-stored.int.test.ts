import { createReadStream } from 'node:fs';
import { mkdir, readdir, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeFolderObjectStore } from '../../shared/adapters/folder/folder-object-store.ts';
import { probeSource } from '../../shared/media/probe.ts';
import type { ObjectStore } from '../../shared/ports/object-store.ts';
import { makeClip, makeClipFolder } from '../../shared/testing/clips.ts';
import { makeProbeStored } from './probe-stored.ts';
import { openScratch, type Scratch } from './scratch.ts';

let folder: Awaited<ReturnType<typeof makeClipFolder>>;
let store: ObjectStore;
let scratch: Scratch;
let fetched = 0;

beforeAll(async () => {
  folder = await makeClipFolder();
  const whole = makeFolderObjectStore({ root: join(folder.dir, 'store') });
  store = {
    ...whole,
    async get(key, options) {
      const found = await whole.get(key, options);
      if (found) fetched += found.range.end + 1 - found.range.start;
      return found;
    },
  };
  await mkdir(join(folder.dir, 'scratch'));
  scratch = await openScratch(join(folder.dir, 'scratch'));
});
afterAll(() => folder?.dispose());

async function probeStored(path: string) {
  const { size } = await stat(path);
  await store.put('uploads/one', createReadStream(path));
  fetched = 0;
  const probe = makeProbeStored({ store, scratch, probe: probeSource, windowBytes: 256 * 1024 });
  return { facts: await probe('uploads/one', size), share: fetched / size };
}

const raw = ['-c:v', 'rawvideo', '-pix_fmt', 'rgb24'];

describe('a stored source', () => {
  it.each([
    ['an index at the end', 'end.mov', raw],
    ['an index at the beginning', 'begin.mov', [...raw, '-movflags', '+faststart']],
    [
      'fragments',
      'fragments.mp4',
      ['-c:v', 'mpeg2video', '-q:v', '1', '-g', '25', '-s', '960x540', '-movflags', 'frag_keyframe+empty_moov'],
    ],
    ['Matroska', 'film.mkv', ['-c:v', 'mpeg2video', '-q:v', '1', '-s', '640x360']],
    ['a transport stream', 'film.ts', ['-c:v', 'mpeg2video', '-q:v', '1', '-s', '640x360']],
  ])('is looked at without fetching all of it: %s', async (_what, name, output) => {
    const path = await makeClip(folder.dir, name, { seconds: 2, rate: '25', output });
    const { facts, share } = await probeStored(path);
    expect(facts).toEqual(await probeSource(path));
    expect(share).toBeLessThan(1);
    expect(await readdir(join(folder.dir, 'scratch/incoming'))).toEqual([]);
  });

  it('is refused for what is wrong with it, not for a hole', async () => {
    const path = await makeClip(folder.dir, 'cut.mov', { seconds: 2, output: raw });
    await truncate(path, Math.floor((await stat(path)).size * 0.7));
    await expect(probeStored(path)).rejects.toMatchObject({ code: 'truncated' });
    expect(await readdir(join(folder.dir, 'scratch/incoming'))).toEqual([]);
  });
});
