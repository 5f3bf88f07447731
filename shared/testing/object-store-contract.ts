/** What every object store must do. Adapters' tests run it against the real thing; nothing in it knows which one. */
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type ByteSpan,
  type ObjectInfo,
  type ObjectStore,
  ObjectStoreError,
  type ObjectStoreErrorCode,
} from '../ports/object-store.ts';

export interface StoreUnderTest {
  /** Empty. */
  readonly store: ObjectStore;
  /** Another client of the same objects, as a second process would have it. */
  readonly other: ObjectStore;
  /** Unfinished writes that the store still keeps; the contract wants none left behind. */
  countUnfinished(): Promise<number>;
  dispose(): Promise<void>;
}

const MiB = 1024 * 1024;

/** Compares as `toEqual` would, which takes seconds for megabytes. */
function expectBytes(actual: Buffer | null, expected: Buffer): void {
  if (!actual?.equals(expected)) expect(describeBytes(actual)).toBe(describeBytes(expected));
}

const describeBytes = (bytes: Buffer | null): string =>
  bytes ? `${bytes.length} bytes, SHA-256 ${sha256(bytes)}` : 'nothing';

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** In pieces of sizes that fit no part of any adapter. */
function streamOf(bytes: Buffer, pieceBytes = 100_003): Readable {
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += pieceBytes) pieces.push(bytes.subarray(at, at + pieceBytes));
  return Readable.from(pieces);
}

/** Gives `bytes` and then fails as a dropped connection does. */
const failingAfter = (bytes: Buffer, error: Error): Readable =>
  Readable.from(
    (async function* () {
      yield bytes;
      throw error;
    })(),
  );

/** Gives `bytes` and then nothing more, without an end. */
function stallingAfter(bytes: Buffer): Readable {
  const stream = new Readable({ read() {} });
  stream.push(bytes);
  return stream;
}

async function codeOf(promise: Promise<unknown>): Promise<ObjectStoreErrorCode> {
  const error = await promise.then(
    () => new Error('it was not refused'),
    (reason: unknown) => reason,
  );
  if (error instanceof ObjectStoreError) return error.code;
  throw error;
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

async function* mapped<T, U>(items: AsyncIterable<T>, change: (item: T) => U): AsyncGenerator<U> {
  for await (const item of items) yield change(item);
}

const keysOf = async (items: AsyncIterable<ObjectInfo>): Promise<string[]> =>
  (await collect(items)).map(({ key }) => key);

const byteOrder = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

export function objectStoreContract(name: string, makeStore: () => Promise<StoreUnderTest>): void {
  describe(`object store contract: ${name}`, () => {
    let under: StoreUnderTest;
    let store: ObjectStore;

    beforeAll(async () => {
      under = await makeStore();
      store = under.store;
    });
    afterAll(() => under?.dispose());

    async function readAll(key: string, range?: ByteSpan): Promise<Buffer | null> {
      const found = await store.get(key, range ? { range } : {});
      return found && buffer(found.body);
    }

    it('can be reached and written to', async () => {
      await store.check();
      expect(await keysOf(store.list(''))).toEqual([]);
    });

    describe('round trips', () => {
      const sizes = [0, 1, 1000, 5 * MiB, 8 * MiB, 20 * MiB + 17];

      it.each(sizes)('streams %i bytes in and out', async (size) => {
        const bytes = randomBytes(size);
        const key = `round/stream-${size}.bin`;
        const expected = { sizeBytes: size, sha256: sha256(bytes) };
        expect(await store.put(key, streamOf(bytes))).toEqual(expected);
        expect(await store.put(key, streamOf(bytes), expected)).toEqual(expected);
        expectBytes(await readAll(key), bytes);
        expect(await store.head(key)).toMatchObject({ key, sizeBytes: size });
      });

      it.each(sizes)('takes %i bytes at hand', async (size) => {
        const bytes = randomBytes(size);
        const key = `round/bytes-${size}.bin`;
        const expected = { sizeBytes: size, sha256: sha256(bytes) };
        expect(await store.put(key, bytes, expected)).toEqual(expected);
        expectBytes(await readAll(key), bytes);
      });

      it('lends the bytes of an object or of a span, where it lends, and nothing once it is ended', async () => {
        const bytes = randomBytes(3 * MiB + 5);
        await store.put('round/lent', bytes);
        const lend = async (range?: ByteSpan) =>
          (await store.get('round/lent', range ? { range } : {}))?.lend?.() ?? null;
        const copied = async (range?: ByteSpan): Promise<Buffer | null> => {
          const pieces = await lend(range);
          // Copied at once: a piece is right until the next is asked for.
          return pieces && Buffer.concat(await collect(mapped(pieces, (piece) => Buffer.from(piece))));
        };
        const whole = await copied();
        if (!whole) return;
        expectBytes(whole, bytes);
        const span = { start: MiB - 3, end: 2 * MiB + 7 };
        expectBytes(await copied(span), bytes.subarray(span.start, span.end + 1));
        const both = await Promise.all([copied(), copied({ start: 1, end: 3 * MiB })]);
        expectBytes(both[0], bytes);
        expectBytes(both[1], bytes.subarray(1, 3 * MiB + 1));
        const ended = await lend();
        await ended?.return();
        expect((await ended?.next())?.done).toBe(true);
      });

      it('takes a view into a larger buffer, and text streams', async () => {
        const large = randomBytes(3000);
        await store.put('round/view', new Uint8Array(large.buffer, large.byteOffset + 1000, 500));
        expectBytes(await readAll('round/view'), large.subarray(1000, 1500));
        await store.put('round/text', Readable.from(['fünf', 'µs']));
        expectBytes(await readAll('round/text'), Buffer.from('fünfµs'));
      });

      it('describes an object the same way in head, get and list', async () => {
        const before = Date.now();
        await store.put('facts/a/index.m3u8', Buffer.from('#EXTM3U\n'));
        const head = await store.head('facts/a/index.m3u8');
        const got = await store.get('facts/a/index.m3u8');
        got?.body.destroy();
        const [listed] = await collect(store.list('facts/'));
        expect(head).toMatchObject({
          key: 'facts/a/index.m3u8',
          sizeBytes: 8,
          etag: expect.stringMatching(/^".+"$/),
          contentType: 'application/vnd.apple.mpegurl',
        });
        // S3 speaks of whole seconds in headers and of milliseconds in listings.
        const wholeSeconds = (info: ObjectInfo | null | undefined) =>
          info && { ...info, lastModified: Math.floor(info.lastModified.getTime() / 1000) };
        expect(wholeSeconds(got?.info)).toEqual(wholeSeconds(head));
        expect(wholeSeconds(listed)).toEqual(wholeSeconds(head));
        expect(Math.abs((head?.lastModified.getTime() ?? 0) - before)).toBeLessThan(60_000);
      });

      it.each([
        ['a.mpd', 'application/dash+xml'],
        ['seg-1.m4s', 'video/iso.segment'],
        ['asset.json', 'application/json'],
        ['no-ending', 'application/octet-stream'],
      ])('knows the content type of %s', async (file, contentType) => {
        await store.put(`types/${file}`, Buffer.from('x'));
        expect((await store.head(`types/${file}`))?.contentType).toBe(contentType);
      });

      it('has nothing where nothing was put', async () => {
        await store.put('void/folder/file', Buffer.from('x'));
        for (const key of ['void/none', 'void/folder', 'void/folder/file/below', 'none/at/all']) {
          expect(await store.head(key)).toBeNull();
          expect(await store.get(key)).toBeNull();
          expect(await store.get(key, { range: { start: 0, end: 5 } })).toBeNull();
        }
      });
    });

    describe('ranges', () => {
      const bytes = randomBytes(9 * MiB + 5);
      const last = bytes.length - 1;
      beforeAll(async () => {
        await store.put('range/large', streamOf(bytes));
        await store.put('range/empty', Buffer.alloc(0));
      });

      it.each<[string, ByteSpan, ByteSpan]>([
        ['the first byte', { start: 0, end: 0 }, { start: 0, end: 0 }],
        ['the last byte', { start: last, end: last }, { start: last, end: last }],
        ['a middle part', { start: 4 * MiB - 3, end: 8 * MiB + 3 }, { start: 4 * MiB - 3, end: 8 * MiB + 3 }],
        ['all of it', { start: 0, end: last }, { start: 0, end: last }],
        ['an end beyond the object', { start: last - 9, end: last + 5000 }, { start: last - 9, end: last }],
      ])('gives %s', async (_name, range, span) => {
        const found = await store.get('range/large', { range });
        expect(found?.range).toEqual(span);
        expect(found?.info.sizeBytes).toBe(bytes.length);
        expectBytes(found && (await buffer(found.body)), bytes.subarray(span.start, span.end + 1));
      });

      it('names the span of a whole object, which is before its start for an empty one', async () => {
        const whole = await store.get('range/large');
        expect(whole?.range).toEqual({ start: 0, end: last });
        whole?.body.destroy();
        const empty = await store.get('range/empty');
        expect(empty?.range).toEqual({ start: 0, end: -1 });
        expect(empty && (await buffer(empty.body))).toHaveLength(0);
      });

      it.each<[string, string, ByteSpan]>([
        ['just behind the object', 'range/large', { start: last + 1, end: last + 1 }],
        ['far behind it', 'range/large', { start: 10 ** 12, end: 10 ** 12 + 1 }],
        ['any byte of an empty object', 'range/empty', { start: 0, end: 0 }],
        ['an end before the start', 'range/large', { start: 5, end: 4 }],
        ['a negative start', 'range/large', { start: -5, end: 4 }],
        ['half a byte', 'range/large', { start: 0.5, end: 4 }],
      ])('refuses %s', async (_name, key, range) => {
        expect(await codeOf(store.get(key, { range }))).toBe('range-not-satisfiable');
      });
    });

    describe('whole or not at all', () => {
      const old = Buffer.from('what was there');

      async function expectUnchanged(key: string): Promise<void> {
        expectBytes(await readAll(`${key}/old`), old);
        expect(await keysOf(store.list(`${key}/`))).toEqual([`${key}/old`]);
        expect(await under.countUnfinished()).toBe(0);
      }

      const half = randomBytes(12 * MiB);
      it.each([
        ['at its start', Buffer.alloc(0)],
        ['early', half.subarray(0, 1000)],
        ['late', half],
      ])('keeps nothing of a stream that fails %s, and passes its error on', async (when, begun) => {
        const key = `atomic/fail-${when.replaceAll(' ', '-')}`;
        await store.put(`${key}/old`, old);
        for (const name of ['old', 'new']) {
          const dropped = new Error('connection dropped');
          await expect(store.put(`${key}/${name}`, failingAfter(begun, dropped))).rejects.toBe(dropped);
        }
        await expectUnchanged(key);
      });

      it('does not take a destroyed stream for one that ended', async () => {
        await store.put('atomic/destroyed/old', old);
        const stream = stallingAfter(half.subarray(0, 5000));
        const putting = store.put('atomic/destroyed/new', stream);
        setImmediate(() => stream.destroy());
        await expect(putting).rejects.toMatchObject({ code: 'ERR_STREAM_PREMATURE_CLOSE' });
        await expectUnchanged('atomic/destroyed');
      });

      it.each([
        ['small', randomBytes(100)],
        ['large', half],
      ])('refuses %s bytes that are not the announced ones', async (size, bytes) => {
        const key = `atomic/mismatch-${size}`;
        await store.put(`${key}/old`, old);
        const wrong = sha256(Buffer.from('other'));
        for (const name of ['old', 'new']) {
          const put = (body: Buffer | Readable, options: object) => codeOf(store.put(`${key}/${name}`, body, options));
          expect(await put(bytes, { sha256: wrong })).toBe('digest-mismatch');
          expect(await put(streamOf(bytes), { sha256: wrong })).toBe('digest-mismatch');
          expect(await put(bytes, { sizeBytes: bytes.length - 1 })).toBe('size-mismatch');
          expect(await put(streamOf(bytes), { sizeBytes: bytes.length - 1 })).toBe('size-mismatch');
          expect(await put(streamOf(bytes), { sizeBytes: bytes.length + 1 })).toBe('size-mismatch');
        }
        await expectUnchanged(key);
      });

      it('does not read an endless stream beyond the announced size', async () => {
        const endless = new Readable({
          read() {
            this.push(Buffer.alloc(64 * 1024));
          },
        });
        expect(await codeOf(store.put('atomic/endless', endless, { sizeBytes: 1000 }))).toBe('size-mismatch');
        expect(endless.destroyed).toBe(true);
        expect(await store.head('atomic/endless')).toBeNull();
      });

      it('shows the old bytes until the new ones are whole', async () => {
        await store.put('atomic/slow', old);
        const stream = stallingAfter(half);
        const putting = store.put('atomic/slow', stream);
        expectBytes(await readAll('atomic/slow'), old);
        stream.push(null);
        await putting;
        expectBytes(await readAll('atomic/slow'), half);
      });

      it('ends a read with the bytes it began with, or fails it, when the object is overwritten', async () => {
        const [first, second] = [randomBytes(20 * MiB), randomBytes(20 * MiB)];
        await store.put('atomic/read', first);
        const reading = await store.get('atomic/read');
        if (!reading) throw new Error('it is not there');
        await once(reading.body, 'readable');
        await under.other.put('atomic/read', second);
        const read = await buffer(reading.body).catch(() => 'failed');
        expect(read === 'failed' || first.equals(read as Buffer)).toBe(true);
        expectBytes(await readAll('atomic/read'), second);
      });

      it('changes the ETag with the bytes', async () => {
        await store.put('atomic/etag', Buffer.from('one'));
        const one = await store.head('atomic/etag');
        await store.put('atomic/etag', Buffer.from('two'));
        expect((await store.head('atomic/etag'))?.etag).not.toBe(one?.etag);
      });

      it('settles concurrent overwrites on one of them', async () => {
        const bodies = Array.from({ length: 10 }, () => randomBytes(50_000));
        await Promise.all(bodies.map((body, at) => (at % 2 ? store : under.other).put('atomic/many', body)));
        const left = await readAll('atomic/many');
        expect(bodies.some((body) => left?.equals(body))).toBe(true);
      });
    });

    describe('only create', () => {
      it.each([
        ['bytes', 2000],
        ['streams', 2000],
        ['streams of several parts', 9 * MiB],
      ])('does not overwrite by %s', async (kind, size) => {
        const [first, second] = [randomBytes(size), randomBytes(size)];
        const key = `create/${kind.replaceAll(' ', '-')}`;
        const body = (bytes: Buffer) => (kind === 'bytes' ? bytes : streamOf(bytes));
        await store.put(key, body(first), { ifNoneMatch: '*' });
        expect(await codeOf(store.put(key, body(second), { ifNoneMatch: '*' }))).toBe('already-exists');
        expectBytes(await readAll(key), first);
        expect(await under.countUnfinished()).toBe(0);
      });

      it('has one winner of 20 that race, whose bytes stay', async () => {
        for (let round = 0; round < 3; round += 1) {
          const key = `create/race-${round}`;
          const bodies = Array.from({ length: 20 }, () => randomBytes(3000));
          const outcomes = await Promise.all(
            bodies.map((body, at) =>
              (at % 2 ? store : under.other).put(key, at % 3 ? body : streamOf(body), { ifNoneMatch: '*' }).then(
                () => 'won',
                (error: unknown) => (error instanceof ObjectStoreError ? error.code : error),
              ),
            ),
          );
          expect(outcomes.toSorted()).toEqual([...Array(19).fill('already-exists'), 'won']);
          expectBytes(await readAll(key), bodies[outcomes.indexOf('won')] ?? Buffer.alloc(0));
        }
      });

      it('has one winner of large streams that race', async () => {
        const bodies = Array.from({ length: 4 }, () => randomBytes(9 * MiB));
        const outcomes = await Promise.all(
          bodies.map((body) =>
            store.put('create/race-large', streamOf(body), { ifNoneMatch: '*' }).then(
              () => 'won',
              (error: unknown) => (error instanceof ObjectStoreError ? error.code : error),
            ),
          ),
        );
        expect(outcomes.toSorted()).toEqual([...Array(3).fill('already-exists'), 'won']);
        expectBytes(await readAll('create/race-large'), bodies[outcomes.indexOf('won')] ?? Buffer.alloc(0));
      });

      it('may create again what was deleted', async () => {
        await store.put('create/again', Buffer.from('1'), { ifNoneMatch: '*' });
        await store.delete('create/again');
        await store.put('create/again', Buffer.from('2'), { ifNoneMatch: '*' });
        expectBytes(await readAll('create/again'), Buffer.from('2'));
      });
    });

    describe('lists', () => {
      const nasty = [
        'a',
        'a-b',
        'a.b',
        'a0',
        'ab/c',
        'ab/c-/d',
        'ab/c.d',
        'ab-/x',
        'B',
        'ä/ö',
        '\u{ff5e}wide',
        '\u{1f4fc}/tape.mp4',
        'z z/+&=%25?#',
        '~',
        '!',
        '.dot/..two/...',
        'c:\\d',
        ' lead',
        'trail ',
        '007',
        'x&amp;y',
        'line\u2028',
        `"quo'ted"<&>`,
      ].map((key) => `list/nasty/${key}`);

      it('gives odd names in byte order of whole keys, and each can be read, headed and deleted', async () => {
        await Promise.all(nasty.map((key) => store.put(key, Buffer.from(key))));
        expect(await keysOf(store.list('list/nasty/'))).toEqual(nasty.toSorted(byteOrder));
        for (const key of nasty) {
          expectBytes(await readAll(key), Buffer.from(key));
          expect(await store.head(key)).toMatchObject({ key });
        }
        for (const key of nasty) await store.delete(key);
        expect(await keysOf(store.list('list/nasty/'))).toEqual([]);
      });

      it('takes any beginning of a key as prefix', async () => {
        const keys = ['list/pre/x', 'list/pre/xa/1', 'list/pre/xa/2', 'list/pre/xb', 'list/prefix'];
        await Promise.all(keys.map((key) => store.put(key, Buffer.from('-'))));
        expect(await keysOf(store.list('list/pre'))).toEqual(keys);
        expect(await keysOf(store.list('list/pre/'))).toEqual(keys.slice(0, 4));
        expect(await keysOf(store.list('list/pre/xa'))).toEqual(keys.slice(1, 3));
        expect(await keysOf(store.list('list/pre/xa/2'))).toEqual(['list/pre/xa/2']);
        expect(await keysOf(store.list('list/pre/xa/2/'))).toEqual([]);
        expect(await keysOf(store.list('list/pre/.'))).toEqual([]);
        expect(await keysOf(store.list('list/none/at/all'))).toEqual([]);
        expect(await keysOf(store.list(''))).toEqual(expect.arrayContaining(keys));
      });

      it('goes through more than a page, and on behind any key', async () => {
        const keys = Array.from(
          { length: 1203 },
          (_, at) => `list/many/${String(at % 7)}/${String(at).padStart(5, '0')}`,
        ).toSorted(byteOrder);
        for (let at = 0; at < keys.length; at += 50) {
          await Promise.all(keys.slice(at, at + 50).map((key) => store.put(key, Buffer.from(key))));
        }
        const listed = await collect(store.list('list/many/'));
        expect(listed.map(({ key }) => key)).toEqual(keys);
        expect(new Set(listed.map(({ etag }) => etag)).size).toBe(keys.length);
        for (const at of [0, 171, 172, 1000, 1201, 1202]) {
          const after = keys[at];
          if (after === undefined) throw new Error('no such key');
          expect(await keysOf(store.list('list/many/', { after }))).toEqual(keys.slice(at + 1));
        }
        expect(await keysOf(store.list('list/many/', { after: 'list/many/3' }))).toEqual(
          keys.filter((key) => key > 'list/many/3'),
        );
        expect(await keysOf(store.list('list/many/', { after: 'a' }))).toEqual(keys);
        expect(await keysOf(store.list('list/many/', { after: 'z' }))).toEqual([]);

        expect(await store.deletePrefix('list/many/')).toBe(1203);
        expect(await keysOf(store.list('list/many/'))).toEqual([]);
      });

      it('may be left early', async () => {
        await store.put('list/early/1', Buffer.from('1'));
        await store.put('list/early/2', Buffer.from('2'));
        for await (const { key } of store.list('list/early/')) {
          expect(key).toBe('list/early/1');
          break;
        }
      });
    });

    describe('deletes', () => {
      it('an object, and is content when there is none', async () => {
        await store.put('delete/one', Buffer.from('1'));
        await store.delete('delete/one');
        expect(await store.head('delete/one')).toBeNull();
        await store.delete('delete/one');
        await store.delete('delete/never/was/here');
      });

      it('not what lies below a key, nor what lies above it', async () => {
        await store.put('delete/deep/er/file', Buffer.from('1'));
        await store.delete('delete/deep');
        await store.delete('delete/deep/er/file/below');
        expectBytes(await readAll('delete/deep/er/file'), Buffer.from('1'));
      });

      it('all below a prefix and nothing beside it', async () => {
        const keys = ['delete/p/1', 'delete/p/q/2', 'delete/p/q/r/3', 'delete/p-', 'delete/pp/4'];
        await Promise.all(keys.map((key) => store.put(key, Buffer.from('1'))));
        expect(await store.deletePrefix('delete/p/')).toBe(3);
        expect(await keysOf(store.list('delete/p'))).toEqual(['delete/p-', 'delete/pp/4']);
        expect(await store.deletePrefix('delete/p/')).toBe(0);
        expect(await codeOf(store.deletePrefix('delete/p'))).toBe('invalid-key');
        expect(await codeOf(store.deletePrefix(''))).toBe('invalid-key');
      });

      it('without taking a folder from a put beside it', async () => {
        for (let round = 0; round < 25; round += 1) {
          await store.put('delete/race/a/b/gone', Buffer.from('1'));
          await Promise.all([
            store.delete('delete/race/a/b/gone'),
            under.other.put('delete/race/a/b/new', Buffer.from(String(round))),
            under.other.put(`delete/race/a/c-${round}/d`, streamOf(randomBytes(10))),
          ]);
          expectBytes(await readAll('delete/race/a/b/new'), Buffer.from(String(round)));
          expect(await store.head(`delete/race/a/c-${round}/d`)).not.toBeNull();
          await store.delete('delete/race/a/b/new');
        }
      });

      it('and the name may become a folder, or a folder a name', async () => {
        await store.put('delete/swap', Buffer.from('file'));
        await store.delete('delete/swap');
        await store.put('delete/swap/below/it', Buffer.from('folder'));
        await store.delete('delete/swap/below/it');
        await store.put('delete/swap', Buffer.from('file'));
        expectBytes(await readAll('delete/swap'), Buffer.from('file'));
      });
    });

    describe('keys', () => {
      it.each([
        '',
        '/',
        '/a',
        'a/',
        'a//b',
        '.',
        '..',
        '../a',
        'a/../b',
        'a/./b',
        'a/..',
        'a\0b',
        'a\nb',
        'a\u0085b',
        'a\ud800b',
        `a/${'x'.repeat(201)}`,
        'ä'.repeat(101),
        `${'0123456789/'.repeat(91)}a`,
      ])('refuses %j everywhere', async (key) => {
        expect(await codeOf(store.put(key, Buffer.from('x')))).toBe('invalid-key');
        expect(await codeOf(store.put(key, streamOf(Buffer.from('x'))))).toBe('invalid-key');
        expect(await codeOf(store.get(key))).toBe('invalid-key');
        expect(await codeOf(store.head(key))).toBe('invalid-key');
        expect(await codeOf(store.delete(key))).toBe('invalid-key');
      });

      it.each(['/', '../', 'a//', 'a/../b', 'a\nb'])('refuses the prefix %j', async (prefix) => {
        expect(await codeOf(collect(store.list(prefix)))).toBe('invalid-key');
        expect(await codeOf(store.deletePrefix(prefix.endsWith('/') ? prefix : `${prefix}/`))).toBe('invalid-key');
      });

      it('takes the longest', async () => {
        const key = `longest/${`${'x'.repeat(199)}/`.repeat(4)}${'y'.repeat(192)}`;
        expect(Buffer.byteLength(key)).toBe(1000);
        await store.put(key, Buffer.from('long'));
        expectBytes(await readAll(key), Buffer.from('long'));
        expect(await keysOf(store.list('longest/'))).toEqual([key]);
      });
    });

    describe('signals', () => {
      const reason = new Error('the job was cancelled');

      it('stop nothing but themselves when they abort before', async () => {
        const signal = AbortSignal.abort(reason);
        await store.put('signal/old', Buffer.from('1'));
        const body = streamOf(Buffer.from('2'));
        await expect(store.put('signal/new', body, { signal })).rejects.toBe(reason);
        expect(body.destroyed).toBe(true);
        await expect(store.get('signal/old', { signal })).rejects.toBe(reason);
        await expect(store.head('signal/old', signal)).rejects.toBe(reason);
        await expect(collect(store.list('signal/', { signal }))).rejects.toBe(reason);
        expect(await keysOf(store.list('signal/'))).toEqual(['signal/old']);
      });

      it('abort a read that is being opened, and no body is left that would fail unheard', async () => {
        await store.put('signal/opened', randomBytes(MiB));
        const controller = new AbortController();
        const opening = store.get('signal/opened', { signal: controller.signal });
        controller.abort(reason);
        await expect(opening).rejects.toBe(reason);
      });

      it.each([
        ['in the first part', 1000],
        ['behind some parts', 17 * MiB],
      ])('abort a put %s and leave nothing', async (_when, size) => {
        const controller = new AbortController();
        const body = stallingAfter(randomBytes(size));
        const putting = store.put('signal/stalled', body, { signal: controller.signal });
        setTimeout(() => controller.abort(reason), 50);
        await expect(putting).rejects.toBe(reason);
        expect(body.destroyed).toBe(true);
        expect(await store.head('signal/stalled')).toBeNull();
        expect(await under.countUnfinished()).toBe(0);
      });

      it('end a body that is being read', async () => {
        await store.put('signal/read', randomBytes(20 * MiB));
        const controller = new AbortController();
        const found = await store.get('signal/read', { signal: controller.signal });
        if (!found) throw new Error('it is not there');
        await once(found.body, 'readable');
        controller.abort(reason);
        await expect(buffer(found.body)).rejects.toThrow();
        expect(found.body.destroyed).toBe(true);
      });
    });
  });
}
