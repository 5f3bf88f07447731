import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { meterBody } from './metered-body.ts';

describe('meterBody', () => {
  const limiter = { take: async () => undefined, grainBytes: 64 * 1024 };
  const never = new AbortController().signal;

  it('passes the bytes on unchanged and counts each of them', async () => {
    const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, at) => at % 251));
    let counted = 0;
    const metered = meterBody(
      Readable.from([bytes.subarray(0, 7), bytes.subarray(7)]),
      limiter,
      (n) => (counted += n),
      never,
    );
    expect((await buffer(metered.body)).equals(bytes)).toBe(true);
    expect(counted).toBe(bytes.length);
    expect(metered.sourceError()).toBeNull();
  });

  it('tells a source that broke, and ends one that is no longer wanted', async () => {
    const broken = meterBody(
      new Readable({
        read() {
          this.destroy(new Error('disk gone'));
        },
      }),
      limiter,
      () => undefined,
      never,
    );
    await expect(buffer(broken.body)).rejects.toThrow('disk gone');
    expect(broken.sourceError()?.message).toBe('disk gone');

    const source = Readable.from([Buffer.alloc(10), Buffer.alloc(10)]);
    for await (const _ of meterBody(source, limiter, () => undefined, never).body) break;
    expect(source.destroyed).toBe(true);
  });
});
