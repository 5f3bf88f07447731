import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { type ObjectStore, ObjectStoreError } from '../../shared/ports/object-store.ts';
import { makeStoreSource } from './store-source.ts';
import type { Attempt } from './upstream.ts';

const right = Buffer.alloc(50_000, 7);
const request = { key: 'a/v/f.m4s', offset: 100, sizeBytes: right.length, whole: false, loop: undefined };
const info = { key: 'k', sizeBytes: 1e6, etag: '"x"', lastModified: new Date(0), contentType: 'video/mp4' };

type Get = () => Promise<Readable | null> | Readable | null;

/** A store whose `get` does as told; bodies that it gave away are to be closed in the end. */
function storeThat(get: Get) {
  const bodies: Readable[] = [];
  const store = {
    async get() {
      const body = await get();
      if (!body) return null;
      bodies.push(body);
      return { info, range: { start: 0, end: 1 }, body };
    },
  } as unknown as ObjectStore;
  return { source: makeStoreSource(store, 60), allClosed: () => bodies.every(({ destroyed }) => destroyed) };
}
function endless(): Readable {
  return new Readable({ read: () => {} });
}
function dripping(): Readable {
  const body = endless();
  const timer = setInterval(() => body.push(Buffer.alloc(1)), 5);
  body.once('close', () => clearInterval(timer));
  return body;
}

const cases: readonly (readonly [what: string, get: Get, result: string])[] = [
  ['gives what was asked for', () => Readable.from([right]), 'right'],
  ['has no such object', () => null, 'not-found'],
  ['is away', () => Promise.reject(new ObjectStoreError('unavailable', 'k', 'away')), 'failed'],
  ['has a shorter object', () => Promise.reject(new ObjectStoreError('range-not-satisfiable', 'k', '')), 'mismatch'],
  ['never answers, whatever the signal says', () => new Promise<null>(() => {}), 'timed-out'],
  ['says nothing in the body', endless, 'timed-out'],
  [
    'stops within the body',
    () => {
      const body = endless();
      body.push(right.subarray(9));
      return body;
    },
    'timed-out',
  ],
  ['drips', dripping, 'timed-out'],
  ['ends early', () => Readable.from([right.subarray(1)]), 'failed'],
  ['sends too much', () => Readable.from([right, right]), 'mismatch'],
  [
    'breaks off',
    () => {
      const body = endless();
      body.push(right.subarray(9));
      setImmediate(() => body.destroy(new Error('reset')));
      return body;
    },
    'failed',
  ],
];

describe('an object store', () => {
  it.each(cases)('that %s', async (_what, get, result) => {
    const { source, allClosed } = storeThat(get);
    const ended = await source.readPart(request).then(
      (bytes) => (bytes.equals(right) ? 'right' : 'wrong'),
      (error: { readonly code: string }) => error.code,
    );
    expect(ended).toBe(result);
    await expect.poll(allClosed).toBe(true);
  });

  it('that answers after all is let go of', async () => {
    const late = endless();
    const { promise, resolve } = Promise.withResolvers<Readable>();
    const { source } = storeThat(() => promise);
    await expect(source.readPart(request)).rejects.toMatchObject({ code: 'timed-out' });
    resolve(late);
    await expect.poll(() => late.destroyed).toBe(true);
  });

  it('is left in the middle when nobody wants it any more', async () => {
    const abort = new AbortController();
    const attempt: Attempt = { signal: abort.signal, headArrived: () => {}, arrived: () => abort.abort('enough') };
    const { source, allClosed } = storeThat(() => {
      const body = endless();
      body.push(right.subarray(9));
      return body;
    });
    await expect(source.readPart({ ...request, attempt })).rejects.toBe('enough');
    await expect.poll(allClosed).toBe(true);
  });
});
