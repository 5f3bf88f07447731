import { randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { blockBytes, sumBlocks } from './block-sums.ts';

it('sums of blocks combine to what one pass over the whole gives', () => {
  const near = fc
    .nat({ max: 5 })
    .chain((count) => fc.integer({ min: -2, max: 2 }).map((by) => count * blockBytes + by));
  fc.assert(
    fc.property(fc.oneof(near, fc.nat({ max: 400_000 })), (size) => {
      const bytes = randomBytes(Math.max(0, size));
      const { whole, blocks } = sumBlocks(bytes);
      expect(whole).toBe(crc32(bytes));
      blocks.forEach((sum, at) => {
        expect(sum).toBe(crc32(bytes.subarray(at * blockBytes, (at + 1) * blockBytes)));
      });
    }),
    { numRuns: 200 },
  );
});
