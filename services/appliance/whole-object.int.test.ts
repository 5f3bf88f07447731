import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openSliceCache } from '../../shared/adapters/slice-cache/slice-cache.ts';
import { sliceSizeBytes } from '../../shared/domain/manifest.ts';
import type { SegmentCache } from '../../shared/ports/segment-cache.ts';
import { bytesOf } from './testing/fleet.ts';
import { readWhole, writeWhole } from './whole-object.ts';

let dir: string;
let cache: SegmentCache;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'nightfill-whole-'));
  cache = await openSliceCache({ dir, capacityBytes: 3 * sliceSizeBytes, memoryBytes: 0 });
});
afterEach(async () => {
  await cache.close();
  await rm(dir, { recursive: true, force: true });
});

it.each([0, 1, 100_000, sliceSizeBytes, sliceSizeBytes + 1, 2 * sliceSizeBytes])(
  'an object of %i bytes comes back as it was',
  async (sizeBytes) => {
    const bytes = bytesOf('whole', sizeBytes);
    expect(await readWhole(cache, 'a/v/asset.json')).toBeNull();
    expect(await writeWhole(cache, 'a/v/asset.json', bytes, { pinned: false })).toBe('stored');
    expect(await writeWhole(cache, 'a/v/asset.json', bytes, { pinned: true })).toBe('already-held');
    expect((await readWhole(cache, 'a/v/asset.json'))?.equals(bytes)).toBe(true);
  },
);

it('says when there is no room for it', async () => {
  const bytes = bytesOf('whole', 3 * sliceSizeBytes + 1);
  expect(await writeWhole(cache, 'a/v/asset.json', bytes, { pinned: true })).toBe('no-room');
});
