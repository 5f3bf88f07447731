/** The contract of `SegmentCache`, run against every implementation. */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SliceSpec } from '../domain/manifest.ts';
import type { SegmentCache } from '../ports/segment-cache.ts';

export interface SegmentCacheHarness {
  /** Opens a cache on storage of its own, or again on the storage of the last one, which was closed. */
  open(options: { readonly capacityBytes: number; readonly again?: boolean }): Promise<SegmentCache>;
  /** Frees what the test used. */
  cleanUp(): Promise<void>;
}

/** Bytes that differ for each seed, with the slice that describes them. */
export function makeSlice(seed: string, sizeBytes: number, index = 0): { slice: SliceSpec; bytes: Buffer } {
  const pattern = createHash('sha256').update(seed).digest();
  const bytes = Buffer.alloc(sizeBytes, pattern);
  return { bytes, slice: { index, offset: 0, sizeBytes, sha256: createHash('sha256').update(bytes).digest('hex') } };
}

const pulled = { pinned: false };
const filled = { pinned: true };

export function segmentCacheContract(name: string, makeHarness: () => Promise<SegmentCacheHarness>): void {
  describe(`segment cache: ${name}`, () => {
    let harness: SegmentCacheHarness;
    let cache: SegmentCache;
    const put = (key: string, options = pulled, sizeBytes = 1_000, index = 0) => {
      const { slice, bytes } = makeSlice(`${key}#${index}`, sizeBytes, index);
      return cache.write(key, slice, bytes, options);
    };
    const keys = () => [...cache.inventory()].map(({ key }) => key);
    const reopen = async (capacityBytes = 10_000) => {
      await cache.close();
      cache = await harness.open({ capacityBytes, again: true });
    };

    beforeEach(async () => {
      harness = await makeHarness();
      cache = await harness.open({ capacityBytes: 10_000 });
    });
    afterEach(async () => {
      await cache.close();
      await harness.cleanUp();
    });

    it('gives back what was written, and nothing that was not', async () => {
      const { slice, bytes } = makeSlice('a', 1_234, 3);
      expect(cache.has('a/v/f', 3)).toBe(false);
      expect(await cache.read('a/v/f', 3)).toBeNull();
      expect(await cache.write('a/v/f', slice, bytes, pulled)).toBe('stored');
      expect(cache.has('a/v/f', 3)).toBe(true);
      expect((await cache.read('a/v/f', 3))?.bytes.equals(bytes)).toBe(true);
      expect((await cache.read('a/v/f', 3))?.bytes.equals(bytes)).toBe(true);
      expect(await cache.read('a/v/f', 2)).toBeNull();
      expect(await cache.read('a/v/g', 3)).toBeNull();
    });

    it('gives back any part of a slice, again and again, and right away where it can', async () => {
      const bytes = Buffer.from(Array.from({ length: 9_000 }, (_, at) => (at * 7) % 251));
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      await cache.write('a/v/f', { index: 0, offset: 0, sizeBytes: bytes.length, sha256 }, bytes, pulled);
      for (let round = 0; round < 30; round += 1) {
        const from = (round * 1_117) % 8_000;
        const to = Math.min(bytes.length, from + 1 + ((round * 911) % 5_000));
        const part = cache.readPartNow('a/v/f', 0, from, to) ?? (await cache.readPart('a/v/f', 0, from, to));
        expect(part?.bytes.equals(bytes.subarray(from, to))).toBe(true);
        part?.release?.();
      }
      expect(cache.lentBytes).toBe(0);
      expect(cache.readPartNow('a/v/f', 1, 0, 10)).toBeNull();
      expect(await cache.readPart('a/v/f', 1, 0, 10)).toBeNull();
    });

    it('hands out a part as it lies in a file, where it does, until it is released', async () => {
      const { slice, bytes } = makeSlice('a', 200_000);
      await cache.write('a/v/f', slice, bytes, pulled);
      (await cache.readPart('a/v/f', 0, 500, 150_500))?.release?.();
      const stored = cache.openPartNow('a/v/f', 0, 500, 150_500);
      expect(cache.openPartNow('a/v/f', 1, 0, 10)).toBeNull();
      if (!stored) return;
      expect([stored.length, stored.isFresh()]).toEqual([150_000, true]);
      await cache.remove('a/v/f');
      const sent: Buffer[] = [];
      for (let at = 0; at < 100_000; )
        at += stored.sendNow((fd, position, length) => {
          const piece = Buffer.alloc(Math.min(length, 33_333));
          sent.push(piece);
          return fs.readSync(fd, piece, 0, piece.length, position);
        }, at);
      const at = Buffer.concat(sent).length;
      expect(Buffer.concat([...sent, stored.readNow(at, 150_000)]).equals(bytes.subarray(500, 150_500))).toBe(true);
      await expect(stored.read(0, 10)).rejects.toThrow();
      stored.release();
      stored.release();
    });

    it('does not give a buffer to two readers', async () => {
      const { slice, bytes } = makeSlice('a', 5_000);
      const { slice: other, bytes: otherBytes } = makeSlice('b', 5_000, 1);
      await cache.write('a/v/f', slice, bytes, pulled);
      await cache.write('a/v/f', other, otherBytes, pulled);
      for (let round = 0; round < 5; round += 1) {
        const held = await Promise.all([0, 1, 0, 1].map((index) => cache.readPart('a/v/f', index, 10, 4_000)));
        held.forEach((part, at) => {
          expect(part?.bytes.equals((at % 2 ? otherBytes : bytes).subarray(10, 4_000))).toBe(true);
        });
        for (const part of held) part?.release?.();
      }
    });

    it('holds an empty slice', async () => {
      expect(await put('a/v/empty', pulled, 0)).toBe('stored');
      expect((await cache.read('a/v/empty', 0))?.bytes.length).toBe(0);
    });

    it('refuses bytes that are not those of the digest, or of another length', async () => {
      const { slice, bytes } = makeSlice('a', 100);
      const changed = Buffer.from(bytes);
      changed[50] = (changed[50] ?? 0) ^ 1;
      expect(await cache.write('a/v/f', slice, changed, pulled)).toBe('digest-mismatch');
      expect(await cache.write('a/v/f', slice, bytes.subarray(1), pulled)).toBe('digest-mismatch');
      expect(cache.has('a/v/f', 0)).toBe(false);
      expect(cache.stats()).toMatchObject({ storedBytes: 0, storedObjects: 0 });
    });

    it('keeps what it holds when it is written again, also at the same time', async () => {
      expect(await put('a/v/f')).toBe('stored');
      expect(await put('a/v/f')).toBe('already-held');
      const outcomes = await Promise.all(Array.from({ length: 20 }, () => put('a/v/g')));
      expect(outcomes.filter((outcome) => outcome === 'stored')).toHaveLength(1);
      expect(outcomes.filter((outcome) => outcome === 'already-held')).toHaveLength(19);
      expect(cache.stats().storedBytes).toBe(2_000);
    });

    it('makes room for pulled slices by letting older pulled ones go', async () => {
      for (let i = 0; i < 30; i += 1) expect(await put(`a/v/${i}`)).toBe('stored');
      expect(cache.stats()).toMatchObject({ storedBytes: 10_000, evictedBytes: 20_000 });
      expect(cache.has('a/v/29', 0)).toBe(true);
      expect(cache.has('a/v/0', 0)).toBe(false);
    });

    it('keeps what is asked for again rather than what is asked for once', async () => {
      await put('a/v/hot');
      for (let i = 0; i < 60; i += 1) {
        expect(await cache.read('a/v/hot', 0)).not.toBeNull();
        await put(`a/v/${i}`);
      }
      expect(cache.has('a/v/hot', 0)).toBe(true);
    });

    it('never exceeds its capacity, however many write at once', async () => {
      let most = 0;
      const outcomes = await Promise.all(
        Array.from({ length: 50 }, async (_, i) => {
          const outcome = await put(`a/v/${i}`, i % 3 === 0 ? filled : pulled, 900);
          most = Math.max(most, cache.stats().storedBytes);
          return outcome;
        }),
      );
      expect(most).toBeLessThanOrEqual(10_000);
      expect(cache.stats().storedBytes).toBeLessThanOrEqual(10_000);
      expect(outcomes.every((outcome) => ['stored', 'no-room', 'worth-less'].includes(outcome))).toBe(true);
    });

    it('refuses what is larger than all, evicting nothing for it', async () => {
      await put('a/v/f');
      expect(await put('a/v/huge', pulled, 10_001)).toBe('no-room');
      expect(cache.has('a/v/f', 0)).toBe(true);
    });

    it('lets a fill take the place of pulled slices, and a pull never that of filled ones', async () => {
      for (let i = 0; i < 10; i += 1) await put(`pulled/v/${i}`);
      for (let i = 0; i < 9; i += 1) expect(await put(`filled/v/${i}`, filled)).toBe('stored');
      for (let i = 0; i < 5; i += 1) expect(await put(`pulled/w/${i}`)).toBe('stored');
      expect(cache.stats()).toMatchObject({ pinnedBytes: 9_000, storedBytes: 10_000 });
      expect(await put('filled/v/9', filled)).toBe('stored');
      expect(await put('pulled/x/0')).toBe('no-room');
      expect(await put('filled/v/10', filled)).toBe('no-room');
      expect(keys().filter((key) => key.startsWith('filled/'))).toHaveLength(10);
    });

    it('pins by set: held keys now, others when they come, all else becomes evictable', async () => {
      await put('a/v/held');
      await put('a/v/old', filled);
      await cache.setPinned(new Set(['a/v/held', 'a/v/later']));
      await put('a/v/later');
      expect(Object.fromEntries([...cache.inventory()].map(({ key, pinned }) => [key, pinned]))).toEqual({
        'a/v/held': true,
        'a/v/later': true,
        'a/v/old': false,
      });
      expect(cache.stats().pinnedBytes).toBe(2_000);
      for (let i = 0; i < 30; i += 1) await put(`b/v/${i}`);
      expect(cache.has('a/v/held', 0) && cache.has('a/v/later', 0)).toBe(true);
      expect(cache.has('a/v/old', 0)).toBe(false);
    });

    it('pins what a fill brings although a pull had it already', async () => {
      await put('a/v/f');
      expect(await put('a/v/f', filled)).toBe('already-held');
      expect([...cache.inventory()]).toEqual([{ key: 'a/v/f', heldBytes: 1_000, slices: 1, pinned: true }]);
    });

    it('removes keys, versions and assets, and says what that freed', async () => {
      for (const key of ['a/v/1', 'a/v/2', 'a/w/1', 'a-b/v/1', 'b/v/1']) await put(key, filled);
      expect(await cache.remove('a/v/1')).toBe(1_000);
      expect(await cache.remove('a/v/1')).toBe(0);
      expect(keys()).toEqual(['a-b/v/1', 'a/v/2', 'a/w/1', 'b/v/1']);
      expect(await cache.remove('a/v/')).toBe(1_000);
      expect(await cache.remove('a/')).toBe(1_000);
      expect(keys()).toEqual(['a-b/v/1', 'b/v/1']);
      expect(cache.stats()).toMatchObject({ storedBytes: 2_000, pinnedBytes: 2_000, storedObjects: 2 });
      expect(await cache.read('a/w/1', 0)).toBeNull();
    });

    it('leaves nothing of an object that is removed while it is written', async () => {
      const writing = put('a/v/f', pulled, 9_000);
      await cache.remove('a/');
      await writing;
      expect(cache.has('a/v/f', 0)).toBe(false);
      expect(cache.stats().storedBytes).toBe(0);
    });

    it('lists what it holds in key order, from any key on', async () => {
      for (const key of ['b/v/1', 'a/v/2', 'a-b/v/1', 'a/v/10', 'a/v/1']) await put(key);
      await put('a/v/1', pulled, 500, 1);
      expect(keys()).toEqual(['a-b/v/1', 'a/v/1', 'a/v/10', 'a/v/2', 'b/v/1']);
      expect([...cache.inventory('a/v/10')].map(({ key }) => key)).toEqual(['a/v/2', 'b/v/1']);
      expect([...cache.inventory('a-b/v/1')].map(({ key }) => key)[0]).toBe('a/v/1');
      expect([...cache.inventory()][1]).toEqual({ key: 'a/v/1', heldBytes: 1_500, slices: 2, pinned: false });
    });

    it('shrinks and grows: what no longer fits goes, pinned slices stay', async () => {
      for (let i = 0; i < 5; i += 1) await put(`filled/v/${i}`, filled);
      for (let i = 0; i < 5; i += 1) await put(`pulled/v/${i}`);
      await cache.setCapacity(6_000);
      expect(cache.stats()).toMatchObject({ capacityBytes: 6_000, storedBytes: 6_000, pinnedBytes: 5_000 });
      await cache.setCapacity(7_000);
      expect(await put('pulled/v/new')).toBe('stored');
      expect(cache.stats().storedBytes).toBe(7_000);
    });

    it('holds after a restart what it held before, pins and all', async () => {
      await cache.setPinned(new Set(['a/v/planned']));
      await put('a/v/planned');
      await put('a/v/pushed', filled);
      await put('a/v/pulled');
      await put('a/v/gone');
      await cache.remove('a/v/gone');
      const before = [...cache.inventory()];
      const { pinnedBytes, storedBytes } = cache.stats();
      await reopen();
      expect([...cache.inventory()]).toEqual(before);
      expect(cache.stats()).toMatchObject({ pinnedBytes, storedBytes, storedObjects: 3 });
      expect((await cache.read('a/v/pushed', 0))?.bytes.equals(makeSlice('a/v/pushed#0', 1_000).bytes)).toBe(true);
      await reopen(2_500);
      expect(keys()).toEqual(['a/v/planned', 'a/v/pushed']);
    });
  });
}
