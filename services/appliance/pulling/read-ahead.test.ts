import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { slicesOf } from '../../../shared/domain/manifest.ts';
import { makeMetrics } from '../../../shared/platform/metrics.ts';
import { parseVersion, type Version } from '../manifest-shape.ts';
import type { Pulled, SliceRequest } from '../pull.ts';
import { makeTitle, sha256 } from '../testing/fleet.ts';
import { makeVirtualClock, type VirtualClock } from '../testing/virtual-clock.ts';
import { PullError } from '../upstream.ts';
import { makeReadAhead, type ReadAhead } from './read-ahead.ts';
import { makeSequence, type Read, slicesAhead } from './readers.ts';

const MiB = 1024 * 1024;

describe('who reads in sequence', () => {
  it('is whoever goes on at the very byte where they stopped, in any pieces, across files', () => {
    const cuts = fc.array(fc.integer({ min: 1, max: 999 }), { maxLength: 6 });
    fc.assert(
      fc.property(fc.array(cuts, { minLength: 2, maxLength: 8 }), (files) => {
        const reads = files.flatMap((at, file): Read[] => {
          const edges = [0, ...new Set(at.toSorted((a, b) => a - b)), 1_000];
          return edges.slice(1).map((to, i) => ({ file, fileBytes: 1_000, from: edges[i] ?? 0, to }));
        });
        const [first, ...others] = reads;
        const sequence = makeSequence(first ?? { file: 0, fileBytes: 1, from: 0, to: 1 });
        for (const [i, read] of others.entries())
          expect(sequence.note(read)).toEqual({ kind: 'continued', continues: i + 1 });
      }),
    );
  });

  it('is nobody who jumps: each jump begins anew, so two steps after it nothing is ahead', () => {
    const read = fc
      .record({ file: fc.nat(3), from: fc.nat(9_000), bytes: fc.integer({ min: 1, max: 900 }) })
      .map(({ file, from, bytes }): Read => ({ file, fileBytes: 10_000, from, to: from + bytes }));
    fc.assert(
      fc.property(fc.array(read, { minLength: 2, maxLength: 60 }), (reads) => {
        const [first, ...others] = reads;
        if (!first) return;
        const sequence = makeSequence(first);
        let last = first;
        let run = 0;
        for (const one of others) {
          const step = sequence.note(one);
          const adjacent =
            (one.file === last.file && one.from === last.to) ||
            (one.file === last.file + 1 && one.from === 0 && last.to === last.fileBytes);
          const within = one.file === last.file && one.from >= last.from && one.to <= last.to;
          if (adjacent) run += 1;
          else if (!within) run = 0;
          if (step.kind === 'continued') {
            expect(adjacent).toBe(true);
            expect(step.continues).toBe(run);
          } else expect(step.kind).toBe(within ? 'again' : 'jumped');
          if (!within) last = one;
        }
      }),
    );
  });

  it('has nothing ahead before going on twice, and never more than two', () => {
    expect([0, 1, 2, 4, 5, 1_000].map(slicesAhead)).toEqual([0, 0, 1, 1, 2, 2]);
  });
});

describe('reading ahead', () => {
  const title = makeTitle('film', [
    ...Array.from({ length: 8 }, (_, i) => ({ path: `video-720p/seg-${i}.m4s`, sizeBytes: 1_000 })),
    { path: 'video-720p/last.m4s', sizeBytes: 9 * MiB },
  ]);
  const version = parseVersion(title.manifestBytes, sha256(title.manifestBytes), {
    assetId: 'film',
    version: 'v1',
  }) as Version;

  let clock: VirtualClock;
  let held: Set<string>;
  let isBusy: boolean;
  let pulled: string[];
  let open: { readonly request: SliceRequest; readonly end: (ok: boolean) => void }[];
  let readAhead: ReadAhead;
  let results: () => Promise<Record<string, number>>;

  beforeEach(() => {
    clock = makeVirtualClock();
    held = new Set();
    isBusy = false;
    pulled = [];
    open = [];
    const metrics = makeMetrics('test');
    results = async () =>
      Object.fromEntries(
        [...(await metrics.text()).matchAll(/read_ahead_slices_total\{.*?result="(\w+)".*?\} (\d+)/g)].map(
          ([, result = '', count]) => [result, Number(count)],
        ),
      );
    readAhead = makeReadAhead({
      cache: { has: (key, index) => held.has(`${key}#${index}`) },
      puller: {
        pullSlice: (request) => {
          pulled.push(`${request.key.split('/').at(-1)}#${request.slice.index}`);
          const { promise, resolve, reject } = Promise.withResolvers<Pulled<Buffer>>();
          const value = Buffer.alloc(8, pulled.length);
          const end = (ok: boolean) => {
            if (ok) resolve({ value, outcome: 'pull-shield', how: null, settled: Promise.resolve() });
            else reject(new PullError('abandoned', 'nobody waits'));
          };
          if (request.waiter) request.waiter.leave = () => end(false);
          open.push({ request, end });
          return promise;
        },
      },
      clock,
      isBusy: () => isBusy,
      metrics,
    });
  });

  function read(path: string, index = 0, options: { readonly reader?: string | null; readonly held?: boolean } = {}) {
    const file = version.files.get(`video-720p/${path}`);
    const slice = file && slicesOf(file)[index];
    if (!file || !slice) throw new Error(`no slice ${index} of ${path}`);
    const key = `film/v1/${file.path}`;
    const { reader = 'viewer' } = options;
    readAhead.read(
      { reader, assetId: 'film', key, version, file, slice, from: 0, to: slice.sizeBytes },
      options.held ?? false,
    );
  }

  it('begins with the third of a row, and then keeps the next one coming', async () => {
    read('seg-0.m4s');
    read('seg-1.m4s');
    expect(pulled).toEqual([]);
    read('seg-2.m4s');
    expect(pulled).toEqual(['seg-3.m4s#0']);
    open[0]?.end(true);
    await clock.advance(0);
    // The cache did not keep it: it waits here, once.
    expect(readAhead.take('viewer', 'film/v1/video-720p/seg-3.m4s', 0)).toEqual(Buffer.alloc(8, 1));
    expect(readAhead.take('other', 'film/v1/video-720p/seg-3.m4s', 0)).toBeNull();
    read('seg-3.m4s', 0, { held: true });
    expect(readAhead.take('viewer', 'film/v1/video-720p/seg-3.m4s', 0)).toBeNull();
    read('seg-4.m4s', 0, { held: true });
    read('seg-5.m4s', 0, { held: true });
    // From the slices of one file to the next, two ahead by now.
    expect(pulled.slice(1)).toEqual(['seg-4.m4s#0', 'seg-5.m4s#0', 'seg-6.m4s#0', 'seg-7.m4s#0']);
    read('seg-6.m4s', 0, { held: true });
    expect(pulled.at(-1)).toBe('last.m4s#0');
    expect(await results()).toMatchObject({ useful: 4 });
  });

  it('does nothing for those who find everything here, for appliances, and when there is too much to do', () => {
    for (let i = 0; i < 8; i += 1) read(`seg-${i}.m4s`, 0, { held: true });
    for (let i = 0; i < 8; i += 1) read(`seg-${i}.m4s`, 0, { reader: null });
    expect(readAhead.isWatching).toBe(false);
    isBusy = true;
    for (let i = 0; i < 8; i += 1) read(`seg-${i}.m4s`);
    expect(pulled).toEqual([]);
  });

  it.each([
    ['jumps', () => read('last.m4s', 1)],
    ['leaves', () => readAhead.left('viewer')],
    [
      'is silent',
      () => {
        clock.step(31_000);
        read('seg-0.m4s', 0, { reader: 'another' });
      },
    ],
  ])('gives up what is on its way when the reader %s', async (_what, end) => {
    for (let i = 0; i < 3; i += 1) read(`seg-${i}.m4s`);
    end();
    await clock.advance(0);
    expect(await results()).toEqual({ wasted: 1 });
    expect(open[0]?.request.waiter?.isOver).toBe(true);
  });

  it('is bounded for all together', () => {
    for (let n = 0; n < 200; n += 1)
      for (const index of [0, 1, 2]) {
        if (index === 0) for (let i = 5; i < 8; i += 1) read(`seg-${i}.m4s`, 0, { reader: `r${n}` });
        read('last.m4s', index, { reader: `r${n}` });
      }
    const under = open.filter(({ request }) => request.waiter?.isOver === false);
    expect(under.length).toBeLessThanOrEqual(32);
    expect(under.reduce((sum, { request }) => sum + request.slice.sizeBytes, 0)).toBeLessThanOrEqual(64 * MiB);
  });

  it('never happens for ranges at random', () => {
    const file = version.files.get('video-720p/last.m4s');
    if (!file) throw new Error('no such file');
    const slices = slicesOf(file);
    const ranges = fc.array(fc.record({ at: fc.nat(slices.length - 1), from: fc.integer({ min: 1, max: 500_000 }) }), {
      minLength: 1,
      maxLength: 100,
    });
    fc.assert(
      fc.property(ranges, (list) => {
        for (const { at, from } of list) {
          const slice = slices[at];
          if (!slice) continue;
          const key = `film/v1/${file.path}`;
          // An even beginning and an odd length: none begins where another ended, but once in a very long while.
          const [start, bytes] = [from * 2, 65_535];
          readAhead.read(
            { reader: 'r', assetId: 'film', key, version, file, slice, from: start, to: start + bytes },
            false,
          );
        }
        expect(pulled).toEqual([]);
      }),
      { numRuns: 50 },
    );
  });
});
