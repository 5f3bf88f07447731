import { hash, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { sumBlocks } from './block-sums.ts';
import { makeSummer, type Summer } from './summer.ts';

let summer: Summer;

const right = (bytes: Uint8Array) => ({ sha256: hash('sha256', bytes, 'hex'), ...sumBlocks(bytes) });

beforeAll(async () => {
  summer = makeSummer();
  const bytes = randomBytes(200_000);
  expect(await summer.sum(bytes)).toEqual(right(bytes));
  await vi.waitFor(() => expect(summer.isApart).toBe(true), { timeout: 30_000 });
}, 40_000);
afterAll(() => summer.close());

describe('the sums of a slice', () => {
  it.each([0, 1, 100_000, 131_073, 300_001])('are right for %d bytes, wherever they lie', async (size) => {
    const bytes = randomBytes(size);
    const lent = summer.pool.take(size);
    lent.set(bytes);
    expect(await summer.sum(bytes)).toEqual(right(bytes));
    expect(await summer.sum(lent.subarray(0, size))).toEqual(right(bytes));
    summer.pool.give(lent);
  });

  it('are each those of their own bytes, many at a time', async () => {
    const slices = Array.from({ length: 20 }, () => randomBytes(200_000));
    expect(await Promise.all(slices.map((slice) => summer.sum(slice)))).toEqual(slices.map(right));
    expect(summer.pool.lentBytes).toBe(0);
  });

  it('are made here when the thread ends with work to do', async () => {
    const slices = Array.from({ length: 5 }, () => randomBytes(200_000));
    const sums = Promise.all(slices.map((slice) => summer.sum(slice)));
    await summer.close();
    expect(await sums).toEqual(slices.map(right));
  });
});
