import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import fs from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type KernelIo, openKernelIo } from '../../platform/kernel-io.ts';
import type { SegmentCache } from '../../ports/segment-cache.ts';
import { makeSlice, segmentCacheContract } from '../../testing/segment-cache-contract.ts';
import { openSliceCache } from './slice-cache.ts';

const machineKernel = await openKernelIo();
const machines = [0, 4_000, 1_000_000].flatMap((memoryBytes) => [
  { memoryBytes, kernel: null },
  { memoryBytes, kernel: machineKernel },
]);
for (const { memoryBytes, kernel } of machines) {
  const how = kernel ? ', sent by the kernel' : '';
  segmentCacheContract(`disk with ${memoryBytes} bytes of memory${how}`, async () => {
    const dir = await mkdtemp(join(tmpdir(), 'nightfill-cache-'));
    return {
      open: ({ capacityBytes }) => openSliceCache({ dir, capacityBytes, memoryBytes, kernel }),
      cleanUp: () => rm(dir, { recursive: true, force: true }),
    };
  });
}

describe('slices on disk', () => {
  let dir: string;
  let cache: SegmentCache | undefined;
  const errors: Error[] = [];
  const openCache = async (
    options: {
      capacityBytes?: number;
      memoryBytes?: number;
      dir?: string;
      compactAfterLines?: number;
      trustMs?: number;
      checkedFirst?: number;
      kernel?: KernelIo | null;
    } = {},
  ) => {
    const onDiskError = (error: Error) => errors.push(error);
    cache = await openSliceCache({ dir, capacityBytes: 50_000_000, memoryBytes: 0, onDiskError, ...options });
    return cache;
  };
  const put = async (to: SegmentCache, key: string, sizeBytes = 10_000) => {
    const { slice, bytes } = makeSlice(key, sizeBytes);
    return to.write(key, slice, bytes, { pinned: false });
  };
  const sliceFiles = async () => {
    const entries = await readdir(join(dir, 'slices'), { recursive: true, withFileTypes: true });
    return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  };

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'nightfill-cache-'));
    errors.length = 0;
  });
  afterEach(async () => {
    await cache?.close();
    cache = undefined;
    await rm(dir, { recursive: true, force: true });
  });

  it('reads from disk once and from memory afterwards, within the bounds of the memory', async () => {
    const it = await openCache({ memoryBytes: 25_000 });
    for (const key of ['a/v/1', 'a/v/2', 'a/v/3']) await put(it, key);
    expect((await it.read('a/v/1', 0))?.tier).toBe('disk');
    expect((await it.read('a/v/1', 0))?.tier).toBe('memory');
    for (let i = 0; i < 10; i += 1) {
      for (const key of ['a/v/1', 'a/v/2', 'a/v/3']) await it.read(key, 0);
      expect(it.stats().memoryBytes).toBeLessThanOrEqual(25_000);
    }
  });

  it.each([
    ['is cut short', (path: string) => fs.truncateSync(path, 5_000)],
    ['has a changed byte', (path: string) => flipByte(path, 5_000)],
    ['is gone', (path: string) => fs.rmSync(path)],
  ])('a slice whose file %s is a miss and can be stored again', async (_what, damage) => {
    const it = await openCache();
    await put(it, 'a/v/f');
    for (const path of await sliceFiles()) damage(path);
    expect(await it.read('a/v/f', 0)).toBeNull();
    expect(it.has('a/v/f', 0)).toBe(false);
    expect(it.stats().storedBytes).toBe(0);
    expect(errors).toHaveLength(1);
    expect(await put(it, 'a/v/f')).toBe('stored');
    expect(await it.read('a/v/f', 0)).not.toBeNull();
  });

  it('a part is checked like the whole, and damage elsewhere in the slice is not seen by it', async () => {
    const it = await openCache({ trustMs: -1 });
    await put(it, 'a/v/f', 200_000);
    const read = async (from: number) => {
      const part = it.readPartNow('a/v/f', 0, from, from + 100) ?? (await it.readPart('a/v/f', 0, from, from + 100));
      part?.release?.();
      return part !== null;
    };
    expect(await read(10)).toBe(true);
    for (const path of await sliceFiles()) flipByte(path, 150_000);
    expect(await read(10)).toBe(true);
    expect(errors).toEqual([]);
    expect(await read(140_000)).toBe(false);
    expect(it.has('a/v/f', 0)).toBe(false);
    expect(errors).toHaveLength(1);
    expect(it.lentBytes).toBe(0);
  });

  it.runIf(machineKernel)('hands out whole slices from memory or from the file, as its reader likes', async () => {
    const it = await openCache({ kernel: machineKernel, memoryBytes: 1_000_000 });
    await put(it, 'a/v/f', 50_000);
    await it.readPart('a/v/f', 0, 0, 50_000);
    expect(it.readPartNow('a/v/f', 0, 0, 50_000)?.tier).toBe('memory');
    expect(it.openPartNow('a/v/f', 0, 0, 50_000)).toBeNull();
    await vi.waitFor(() => {
      const stored = it.openPartNow('a/v/f', 0, 0, 50_000, { insteadOfMemory: true });
      expect(stored?.readNow(0, 50_000).equals(makeSlice('a/v/f', 50_000).bytes)).toBe(true);
      stored?.release();
    });
  });

  it('a file that is changed while its bytes are trusted is noticed, before or as soon as they are read', async () => {
    const it = await openCache({ kernel: machineKernel });
    await put(it, 'a/v/f', 200_000);
    await put(it, 'a/v/g', 200_000);
    const { bytes } = makeSlice('a/v/f', 200_000);
    (await it.readPart('a/v/f', 0, 0, 200_000))?.release?.();
    const stored = it.openPartNow('a/v/f', 0, 0, 200_000);
    expect(stored?.readNow(0, 200_000).equals(bytes)).toBe(true);
    stored?.release();
    for (const path of await sliceFiles()) flipByte(path, 100_000);
    await vi.waitFor(
      async () => {
        const part = it.readPartNow('a/v/f', 0, 0, 200_000) ?? (await it.readPart('a/v/f', 0, 0, 200_000));
        part?.release?.();
        expect(part).toBeNull();
      },
      { timeout: 5_000 },
    );
    expect(it.openPartNow('a/v/f', 0, 0, 200_000)).toBeNull();
    expect([it.has('a/v/f', 0), it.damagedSlices]).toEqual([false, 1]);
    // Nobody has read this one before.
    expect(await it.readPart('a/v/g', 0, 0, 200_000)).toBeNull();
  });

  it('scrubbing goes round everything that is held, finds what nobody reads, and drops only that', async () => {
    const it = await openCache();
    for (let i = 0; i < 10; i += 1) await put(it, `a/v/${i}`, 10_000);
    const [first = ''] = await sliceFiles();
    flipByte(first, 5_000);
    let rounds = 0;
    for (let read = 0; read < 100_000; rounds += 1) read += await it.scrub(25_000);
    expect(rounds).toBeLessThanOrEqual(5);
    expect([it.damagedSlices, it.stats().storedObjects]).toEqual([1, 9]);
    expect(it.stats().storedBytes).toBe(90_000);
    await it.scrub(1e9);
    await it.scrub(1e9);
    expect([it.damagedSlices, it.lentBytes, errors.length]).toEqual([1, 0, 1]);
    const empty = await it.remove('a/');
    expect([empty, await it.scrub(1e9), await it.scrub(1e9)]).toEqual([90_000, 0, 0]);
  });

  it('a deleted slice is not read from a file that is still open', async () => {
    const it = await openCache();
    await put(it, 'a/v/f', 200_000);
    for (let i = 0; i < 3; i += 1) (await it.readPart('a/v/f', 0, 0, 100))?.release?.();
    expect(it.readPartNow('a/v/f', 0, 0, 100)).not.toBeNull();
    await it.remove('a/v/f');
    expect(it.readPartNow('a/v/f', 0, 0, 100)).toBeNull();
    expect(await it.readPart('a/v/f', 0, 0, 100)).toBeNull();
    const open = await readdir('/proc/self/fd');
    const targets = open.map((fd) => {
      try {
        return fs.readlinkSync(`/proc/self/fd/${fd}`);
      } catch {
        return '';
      }
    });
    expect(targets.filter((path) => path.startsWith(join(dir, 'slices')))).toEqual([]);
  });

  it('starts with what is there: leftovers, strangers and missing files are dropped', async () => {
    const first = await openCache();
    for (const key of ['a/v/whole', 'a/v/missing']) await put(first, key);
    await first.close();
    const [, missing = ''] = (await sliceFiles()).sort();
    fs.rmSync(missing);
    fs.writeFileSync(join(dir, 'tmp', '99'), 'half');
    const shard = join(dir, 'slices', missing.split('/').at(-2) ?? '');
    for (const stranger of ['12345678', String(Number(missing.split('/').at(-1)) + 4_096), 'x'])
      fs.writeFileSync(join(shard, stranger), 'nobody knows me');
    const again = await openCache();
    expect([...again.inventory()].map(({ key }) => key)).toEqual(['a/v/whole']);
    expect(again.stats().storedBytes).toBe(10_000);
    expect(await readdir(join(dir, 'tmp'))).toEqual([]);
    await expect.poll(async () => (await sliceFiles()).length).toBe(1);
    expect(await put(again, 'a/v/short')).toBe('stored');
  });

  it('puts itself in order while it serves already, with what comes and goes meanwhile', async () => {
    const first = await openCache({ capacityBytes: 60_000 });
    for (let i = 0; i < 5; i += 1) await put(first, `a/v/${i}`);
    for (let i = 0; i < 20; i += 1) await first.read('a/v/1', 0);
    await first.close();
    const [missing = ''] = (await sliceFiles()).sort();
    fs.rmSync(missing);
    const stranger = join(dir, 'slices', missing.split('/').at(-2) ?? '', '12345678');
    fs.writeFileSync(stranger, 'nobody knows me');
    const again = await openCache({ capacityBytes: 60_000, checkedFirst: 0 });
    expect(again.stats().storedBytes).toBe(50_000);
    const writing = put(again, 'b/v/1');
    expect(await again.remove('a/v/2')).toBe(10_000);
    expect(await writing).toBe('stored');
    const keys = () => [...again.inventory()].map(({ key }) => key);
    await expect.poll(keys).toEqual(['a/v/1', 'a/v/3', 'a/v/4', 'b/v/1']);
    await expect.poll(() => fs.existsSync(stranger)).toBe(false);
    await expect.poll(() => again.stats().storedBytes).toBe(40_000);
    // What was known of demand counts again, and makes room as ever.
    for (let i = 2; i < 12; i += 1) await put(again, `b/v/${i}`);
    expect(again.has('a/v/1', 0)).toBe(true);
    expect(again.stats().storedBytes).toBeLessThanOrEqual(60_000);
    await again.close();
    await expect.poll(async () => (await sliceFiles()).length).toBe(again.stats().storedObjects);
  });

  it('passes over torn and damaged journal lines', async () => {
    const first = await openCache();
    for (const key of ['a/v/1', 'a/v/2', 'a/v/3']) await put(first, key);
    await first.close();
    const [name = ''] = await readdir(join(dir, 'journal'));
    const path = join(dir, 'journal', name);
    const lines = (await readFile(path, 'utf8')).split('\n');
    await writeFile(path, [lines[0], `x${lines[1]?.slice(1)}`, lines[2], '12345678 ["+",'].join('\n'));
    const again = await openCache();
    expect([...again.inventory()].map(({ key }) => key)).toEqual(['a/v/1', 'a/v/3']);
  });

  it('keeps its journal short, and what it says', async () => {
    const options = { capacityBytes: 500, compactAfterLines: 300 };
    const it = await openCache(options);
    const { slice, bytes } = makeSlice('x', 10);
    await it.write('pinned/v/f', slice, bytes, { pinned: true });
    for (let i = 0; i < 2_000; i += 1) await it.write(`a/v/${i}`, slice, bytes, { pinned: false });
    const names = async () => (await readdir(join(dir, 'journal'))).sort();
    await expect.poll(async () => (await names()).map((name) => name.split('-')[0])).toEqual(['journal', 'snapshot']);
    const texts = await Promise.all((await names()).map((name) => readFile(join(dir, 'journal', name), 'utf8')));
    expect(texts.join('').split('\n').length).toBeLessThan(600);
    const before = [...it.inventory()];
    await it.close();
    const again = await openCache(options);
    expect([...again.inventory()]).toEqual(before);
    expect(again.stats()).toMatchObject({ pinnedBytes: 10, storedBytes: 500 });
  });

  it('keeps what was written after a start, also where all that was written before it was deleted', async () => {
    const first = await openCache();
    await put(first, 'always/v/f');
    await first.close();
    const second = await openCache();
    await put(second, 'gone/v/f');
    await second.remove('gone/v/f');
    await second.close();
    const third = await openCache();
    await put(third, 'new/v/f');
    await third.close();
    const it = await openCache();
    expect([...it.inventory()].map(({ key }) => key)).toEqual(['always/v/f', 'new/v/f']);
    expect((await it.read('new/v/f', 0))?.bytes.equals(makeSlice('new/v/f', 10_000).bytes)).toBe(true);
  });

  it('remembers demand over a restart, and starts without it where it cannot be read', async () => {
    const options = { capacityBytes: 30_000 };
    const fill = async (to: SegmentCache, name: string) => {
      for (let i = 0; i < 20; i += 1) await put(to, `${name}/v/${i}`);
    };
    const first = await openCache(options);
    await put(first, 'hot/v/1');
    for (let i = 0; i < 20; i += 1) await first.read('hot/v/1', 0);
    await first.close();
    const second = await openCache(options);
    await fill(second, 'a');
    expect(second.has('hot/v/1', 0)).toBe(true);
    await second.close();
    const path = join(dir, 'foresight');
    for (const damage of [
      () => flipByte(path, fs.statSync(path).size - 100),
      () => fs.truncateSync(path, 50),
      () => fs.truncateSync(path, 0),
      () => fs.writeFileSync(path, '{}'),
    ]) {
      damage();
      errors.length = 0;
      const it = await openCache(options);
      expect(errors.map(({ message }) => message)).toEqual([expect.stringContaining('learnt anew')]);
      expect(it.stats().storedBytes).toBe(30_000);
      await fill(it, `b${errors.length}`);
      await it.close();
    }
    fs.rmSync(path);
    errors.length = 0;
    await openCache(options);
    expect(errors).toEqual([]);
  });

  it('lets no second process into its folder, and forgives a killed one', async () => {
    await openCache();
    const child = spawnWriter(dir);
    const [code] = await once(child, 'exit');
    expect(code).toBe(1);
    fs.writeFileSync(join(dir, 'lock'), `${child.pid} 1 another-boot\n`);
    await cache?.close();
    await expect(openCache()).resolves.toBeDefined();
  });

  it('survives kill -9 in the middle of writing, again and again, with every visible slice whole', async () => {
    let held = 0;
    for (let round = 0; round < 5; round += 1) {
      const child = spawnWriter(dir);
      await once(child, 'message');
      const before = held;
      await expect.poll(async () => (await sliceFiles()).length, { timeout: 10_000 }).toBeGreaterThan(before + 2);
      await delay(round * 20);
      child.kill('SIGKILL');
      await once(child, 'exit');
      const it = await openCache({ capacityBytes: 1e9 });
      const entries = [...it.inventory()];
      for (const { key } of entries) {
        const found = await it.read(key, 0);
        expect(
          createHash('sha256')
            .update(found?.bytes ?? '')
            .digest('hex'),
        ).toBe(key.split('/')[2]);
      }
      expect(await readdir(join(dir, 'tmp'))).toEqual([]);
      await expect.poll(async () => (await sliceFiles()).length).toBe(entries.length);
      expect(entries.length).toBeGreaterThan(held);
      held = entries.length;
      await it.close();
    }
  });

  it.skipIf(!canMount())('says disk-failed when the disk is full, and goes on', async () => {
    const small = join(dir, 'small');
    fs.mkdirSync(small);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'none', small]);
    try {
      const it = await openCache({ dir: small });
      expect(await put(it, 'a/v/fits', 600_000)).toBe('stored');
      expect(await put(it, 'a/v/does-not', 600_000)).toBe('disk-failed');
      expect(errors.at(-1)).toMatchObject({ code: 'ENOSPC' });
      expect(it.stats().storedBytes).toBe(600_000);
      expect(await it.read('a/v/fits', 0)).not.toBeNull();
      expect(await put(it, 'a/v/small', 100_000)).toBe('stored');
      await it.remove('a/v/fits');
      expect(await put(it, 'a/v/does-not', 600_000)).toBe('stored');
      await it.close();
      cache = undefined;
    } finally {
      execFileSync('umount', [small]);
    }
  });
});

function flipByte(path: string, at: number): void {
  const bytes = fs.readFileSync(path);
  bytes[at] = (bytes[at] ?? 0) ^ 0xff;
  fs.writeFileSync(path, bytes);
}

/** A real process that writes slices whose key holds their digest, four at a time, until it is killed. */
function spawnWriter(dir: string) {
  const program = `
    import { createHash, randomBytes } from 'node:crypto';
    import { openSliceCache } from '${import.meta.dirname}/slice-cache.ts';
    const cache = await openSliceCache({ dir: '${dir}', capacityBytes: 1e9, memoryBytes: 0 });
    process.send('ready');
    const loop = async () => {
      for (;;) {
        const bytes = randomBytes(1 + Math.floor(Math.random() * 200_000));
        const sha256 = createHash('sha256').update(bytes).digest('hex');
        await cache.write('a/v/' + sha256, { index: 0, offset: 0, sizeBytes: bytes.length, sha256 }, bytes, { pinned: false });
      }
    };
    await Promise.all([loop(), loop(), loop(), loop()]);`;
  return spawn(process.execPath, ['--input-type=module', '--eval', program], {
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
}

function canMount(): boolean {
  const dir = fs.mkdtempSync(join(tmpdir(), 'nightfill-mount-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'none', dir], { stdio: 'ignore' });
    execFileSync('umount', [dir]);
    return true;
  } catch {
    return false;
  } finally {
    fs.rmdirSync(dir);
  }
}
