/** What every store of uploads in parts must do; run against the real thing by the adapters' tests. */
import { randomBytes } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ObjectStore } from '../ports/object-store.ts';
import type { PartUploads } from '../ports/part-uploads.ts';

export interface PartUploadsUnderTest {
  readonly parts: PartUploads;
  /** The same, as another process has it. */
  readonly other: PartUploads;
  /** Where finished objects appear. */
  readonly store: ObjectStore;
  countUnfinished(): Promise<number>;
  dispose(): Promise<void>;
}

export function partUploadsContract(name: string, make: () => Promise<PartUploadsUnderTest>): void {
  describe(`uploads in parts contract: ${name}`, () => {
    let under: PartUploadsUnderTest;
    beforeAll(async () => {
      under = await make();
    });
    afterAll(() => under?.dispose());

    async function read(key: string): Promise<Buffer | null> {
      const found = await under.store.get(key);
      return found && buffer(found.body);
    }

    it('makes an object of parts that two processes put, one of them twice', async () => {
      const { parts, other, store } = under;
      const size = Math.max(parts.leastPartBytes, 1_000);
      const [first, second, last] = [randomBytes(size), randomBytes(size), randomBytes(10)];
      const upload = await parts.begin('uploads/film', null);
      const one = await parts.putPart(upload, { number: 1, offset: 0 }, first);
      await parts.putPart(upload, { number: 2, offset: size }, randomBytes(size));
      const two = await other.putPart(upload, { number: 2, offset: size }, second);
      const three = await other.putPart(upload, { number: 3, offset: 2 * size }, last);
      expect(await store.head('uploads/film')).toBeNull();

      const whole = Buffer.concat([first, second, last]);
      await other.finish(upload, [one, two, three], whole.length);
      expect((await read('uploads/film'))?.equals(whole)).toBe(true);
      await parts.finish(upload, [one, two, three], whole.length);
      await parts.abort(upload);
      expect((await read('uploads/film'))?.equals(whole)).toBe(true);
      expect(await under.countUnfinished()).toBe(0);
    });

    it('makes an empty object of no parts', async () => {
      const upload = await under.parts.begin('uploads/empty', 0);
      await under.parts.finish(upload, [], 0);
      expect((await read('uploads/empty'))?.length).toBe(0);
    });

    it('leaves nothing of what is given up, and says when parts are gone', async () => {
      const { parts } = under;
      const upload = await parts.begin('uploads/given-up', 10);
      const mark = await parts.putPart(upload, { number: 1, offset: 0 }, randomBytes(10));
      await parts.abort(upload);
      await parts.abort(upload);
      expect(await under.countUnfinished()).toBe(0);
      await expect(parts.finish(upload, [mark], 10)).rejects.toMatchObject({ code: 'unavailable' });
      expect(await read('uploads/given-up')).toBeNull();
    });

    it('gives up what nobody knows and is old enough', async () => {
      const { parts } = under;
      const known = await parts.begin('uploads/known', 10);
      await parts.begin('uploads/unknown', 10);
      await parts.begin('elsewhere/unknown', 10);
      const later = new Date(Date.now() + 60_000);
      expect(await parts.abortUnknown('uploads/', new Set([known.handle]), new Date(0))).toBe(0);
      expect(await parts.abortUnknown('uploads/', new Set([known.handle]), later)).toBe(1);
      expect(await under.countUnfinished()).toBe(2);
      const mark = await parts.putPart(known, { number: 1, offset: 0 }, Buffer.from('0123456789'));
      await parts.finish(known, [mark], 10);
      expect((await read('uploads/known'))?.toString()).toBe('0123456789');
    });
  });
}
