import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { EncodeChunkPayload } from '../jobs/map.ts';
import { JobAbortedError, type JobContext, type JobQueue, UnrecoverableJobError } from '../ports/job-queue.ts';

export interface JobQueueSetup {
  readonly queue: JobQueue;
  /** A second user of the same queue, as another process would have it. */
  readonly other: JobQueue;
  dispose(): Promise<void>;
}

/** Settles as a handler should that hears of its end. */
export const untilAborted = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    const end = (): void => reject(signal.reason);
    if (signal.aborted) end();
    else signal.addEventListener('abort', end);
  });

export function describeJobQueue(name: string, setUp: () => Promise<JobQueueSetup>): void {
  describe(`job queue contract: ${name}`, () => {
    let setup: JobQueueSetup;
    let queue: JobQueue;
    let other: JobQueue;

    beforeEach(async () => {
      setup = await setUp();
      ({ queue, other } = setup);
    });
    afterEach(() => setup.dispose());

    const transcode = (from = queue, assetId = 'a') => from.add('transcode-asset', { assetId });
    const stateOf = async (id: string) => (await queue.get('transcode-asset', id))?.state;

    it('runs a job once and keeps its result', async () => {
      const seen: Pick<JobContext<'transcode-asset'>, 'id' | 'payload' | 'attempt' | 'lastAttempt'>[] = [];
      await other.work('transcode-asset', async ({ id, payload, attempt, lastAttempt, progress }) => {
        await progress(0.5);
        seen.push({ id, payload, attempt, lastAttempt });
        return { version: 'v1' };
      });
      const added = await transcode();
      expect(added).toMatchObject({ id: 'transcode-a', name: 'transcode-asset', payload: { assetId: 'a' } });
      expect(await queue.waitFor('transcode-asset', 'transcode-a', 5_000)).toEqual({
        id: 'transcode-a',
        name: 'transcode-asset',
        state: 'completed',
        payload: { assetId: 'a' },
        result: { version: 'v1' },
        failure: null,
        attempts: 1,
      });
      expect(seen).toEqual([{ id: 'transcode-a', payload: { assetId: 'a' }, attempt: 1, lastAttempt: false }]);
    });

    it('tells which jobs workers are at', async () => {
      const mayEnd = Promise.withResolvers<void>();
      await other.work('transcode-asset', () => mayEnd.promise.then(() => ({ version: 'v1' })));
      await transcode();
      await transcode(queue, 'b');
      await expect
        .poll(async () => (await queue.active('transcode-asset')).map(({ payload }) => payload))
        .toEqual([{ assetId: 'a' }]);
      expect(await queue.active('encode-chunk')).toEqual([]);
      mayEnd.resolve();
      await queue.waitFor('transcode-asset', 'transcode-b', 5_000);
      await expect.poll(() => queue.active('transcode-asset')).toEqual([]);
    });

    it('makes one job of what is added twice, also when it has ended', async () => {
      let runs = 0;
      await Promise.all([transcode(), transcode(other)]);
      expect(await queue.counts('transcode-asset')).toMatchObject({ waiting: 1 });
      await queue.work('transcode-asset', async () => {
        runs += 1;
        return { version: `v${runs}` };
      });
      await queue.waitFor('transcode-asset', 'transcode-a', 5_000);
      expect(await transcode(other)).toMatchObject({ state: 'completed', result: { version: 'v1' } });
      await queue.add('transcode-asset', { assetId: 'a' }, { replaceEnded: true });
      await expect
        .poll(() => queue.waitFor('transcode-asset', 'transcode-a', 1_000))
        .toMatchObject({ state: 'completed', result: { version: 'v2' } });
      expect(runs).toBe(2);
    });

    it('does not replace a job that waits', async () => {
      await queue.add('plan-region', { regionId: 'r', date: '2026-11-21' });
      const options = { replaceEnded: true, delayMs: 60_000 };
      const again = await queue.add('plan-region', { regionId: 'r', date: '2026-11-21', dry: { lines: 10 } }, options);
      expect(again).toMatchObject({ state: 'waiting', payload: { regionId: 'r', date: '2026-11-21' } });
      expect(again.payload.dry).toBeUndefined();
    });

    it('forgets an ended job after its time', async () => {
      await queue.work('delete-asset', async () => ({ objects: 1 }));
      await queue.add('delete-asset', { assetId: 'a' });
      expect(await queue.waitFor('delete-asset', 'delete-a', 5_000)).toMatchObject({ state: 'completed' });
      await expect.poll(() => queue.get('delete-asset', 'delete-a'), { timeout: 5_000 }).toBeNull();
      await queue.add('delete-asset', { assetId: 'a' });
      expect(await queue.waitFor('delete-asset', 'delete-a', 5_000)).toMatchObject({ state: 'completed' });
    });

    it('delays a job', async () => {
      const addedMs = Date.now();
      await queue.add('transcode-asset', { assetId: 'a' }, { delayMs: 300 });
      expect(await stateOf('transcode-a')).toBe('delayed');
      expect(await queue.counts('transcode-asset')).toEqual({ waiting: 0, active: 0, delayed: 1, failed: 0 });
      await queue.work('transcode-asset', async () => ({ version: 'v' }));
      await queue.waitFor('transcode-asset', 'transcode-a', 5_000);
      expect(Date.now() - addedMs).toBeGreaterThanOrEqual(295);
    });

    it('tries again as often as the policy says, and tells which attempt is the last', async () => {
      const attempts: [number, boolean][] = [];
      await queue.work('transcode-asset', async ({ attempt, lastAttempt }) => {
        attempts.push([attempt, lastAttempt]);
        throw new Error(`broken ${attempt}`);
      });
      await transcode();
      expect(await queue.waitFor('transcode-asset', 'transcode-a', 5_000)).toMatchObject({
        state: 'failed',
        failure: 'broken 3',
        attempts: 3,
        result: null,
      });
      expect(attempts).toEqual([
        [1, false],
        [2, false],
        [3, true],
      ]);
      expect(await queue.counts('transcode-asset')).toMatchObject({ failed: 1 });
    });

    it('does not try again what cannot be helped', async () => {
      let runs = 0;
      await queue.work('transcode-asset', async () => {
        runs += 1;
        throw new UnrecoverableJobError('not a video');
      });
      await transcode();
      const ended = await queue.waitFor('transcode-asset', 'transcode-a', 5_000);
      expect(ended).toMatchObject({ state: 'failed', failure: 'not a video' });
      expect(runs).toBe(1);
    });

    it('answers with the present state when waiting takes too long, and null for no job', async () => {
      await transcode();
      expect(await queue.waitFor('transcode-asset', 'transcode-a', 50)).toMatchObject({ state: 'waiting' });
      expect(await queue.waitFor('transcode-asset', 'transcode-none', 50)).toBeNull();
      expect(await queue.get('transcode-asset', 'transcode-none')).toBeNull();
    });

    it('removes a waiting job and an ended one', async () => {
      await transcode();
      await other.cancel('transcode-asset', 'transcode-a');
      await other.cancel('transcode-asset', 'transcode-a');
      expect(await stateOf('transcode-a')).toBeUndefined();
      await queue.work('transcode-asset', async () => ({ version: 'v' }));
      await transcode();
      await queue.waitFor('transcode-asset', 'transcode-a', 5_000);
      await other.cancel('transcode-asset', 'transcode-a');
      expect(await stateOf('transcode-a')).toBeUndefined();
    });

    it('stops a running job through its signal, for good, and lets it be added anew', async () => {
      let runs = 0;
      const reasons: unknown[] = [];
      await other.work('transcode-asset', async ({ signal }) => {
        runs += 1;
        if (runs > 1) return { version: 'v' };
        return untilAborted(signal).catch((reason: unknown) => {
          reasons.push(reason);
          throw reason;
        });
      });
      await transcode();
      await expect.poll(() => stateOf('transcode-a')).toBe('active');
      await queue.cancel('transcode-asset', 'transcode-a');
      const ended = await queue.waitFor('transcode-asset', 'transcode-a', 5_000);
      expect(ended).toMatchObject({ state: 'failed', failure: 'cancelled', attempts: 1 });
      expect(reasons).toEqual([new JobAbortedError('cancelled')]);
      await queue.add('transcode-asset', { assetId: 'a' }, { replaceEnded: true });
      expect(await queue.waitFor('transcode-asset', 'transcode-a', 5_000)).toMatchObject({ state: 'completed' });
    });

    it('keeps the lock of a job that runs for longer than the lock lasts', async () => {
      let runs = 0;
      const work = async (): Promise<{ version: string }> => {
        runs += 1;
        const { promise, resolve } = Promise.withResolvers<void>();
        setTimeout(resolve, 4_500);
        await promise;
        return { version: 'v' };
      };
      await queue.work('transcode-asset', work);
      await other.work('transcode-asset', work);
      await transcode();
      const ended = await queue.waitFor('transcode-asset', 'transcode-a', 10_000);
      expect(ended).toMatchObject({ state: 'completed', attempts: 1 });
      expect(runs).toBe(1);
    });

    it('works on as many jobs at once as it is told', async () => {
      let running = 0;
      let most = 0;
      const release = Promise.withResolvers<void>();
      await queue.work(
        'transcode-asset',
        async () => {
          running += 1;
          most = Math.max(most, running);
          if (running === 2) setTimeout(release.resolve, 50);
          await release.promise;
          running -= 1;
          return { version: 'v' };
        },
        { concurrency: 2 },
      );
      await Promise.all(['a', 'b', 'c'].map((id) => transcode(queue, id)));
      for (const id of ['a', 'b', 'c']) await queue.waitFor('transcode-asset', `transcode-${id}`, 5_000);
      expect(most).toBe(2);
    });

    it('lets a running job end within the grace of a closing worker', async () => {
      const started = Promise.withResolvers<void>();
      const worker = await queue.work('transcode-asset', async () => {
        started.resolve();
        const { promise, resolve } = Promise.withResolvers<void>();
        setTimeout(resolve, 100);
        await promise;
        return { version: 'v' };
      });
      await transcode();
      await started.promise;
      await worker.close(5_000);
      expect(await stateOf('transcode-a')).toBe('completed');
    });

    it('gives a job on whose worker closes, without using up an attempt', async () => {
      const attempts: number[] = [];
      const reasons: unknown[] = [];
      const worker = await queue.work('transcode-asset', async ({ signal, attempt }) => {
        attempts.push(attempt);
        return untilAborted(signal).catch((reason: unknown) => {
          reasons.push(reason);
          throw reason;
        });
      });
      await transcode();
      await expect.poll(() => attempts).toEqual([1]);
      await worker.close(0);
      expect(reasons).toEqual([new JobAbortedError('worker-closing')]);
      expect(await stateOf('transcode-a')).toBe('waiting');
      await other.work('transcode-asset', async ({ attempt }) => {
        attempts.push(attempt);
        return { version: 'v' };
      });
      expect(await queue.waitFor('transcode-asset', 'transcode-a', 5_000)).toMatchObject({ state: 'completed' });
      expect(attempts).toEqual([1, 1]);
    });

    describe('children', () => {
      const parts: readonly EncodeChunkPayload[] = [0, 1, 2].map((part) => ({ assetId: 'a', version: 'v', part }));
      /** A parent that ends well when all of its children have, and fails as the first of them did. */
      const parent = async ({ children }: JobContext<'transcode-asset'>): Promise<{ version: string }> => {
        const ended = await children('encode-chunk', parts);
        const failed = ended.find(({ state }) => state === 'failed');
        if (failed) throw new UnrecoverableJobError(failed.failure ?? '');
        return { version: ended.map(({ result }) => result?.uncuttable).join('-') };
      };
      const ended = () => queue.waitFor('transcode-asset', 'transcode-a', 10_000);

      it('are done first, by any worker, while their parent holds none', async () => {
        await queue.work('transcode-asset', parent);
        await transcode();
        await expect.poll(async () => (await queue.counts('encode-chunk')).waiting).toBe(3);
        await expect.poll(async () => (await queue.counts('transcode-asset')).active).toBe(0);
        expect(await stateOf('transcode-a')).toBe('waiting');
        for (const worker of [queue, other])
          await worker.work('encode-chunk', async ({ payload }) => ({ uncuttable: `${payload.part}` }));
        expect(await ended()).toMatchObject({ state: 'completed', result: { version: '0-1-2' } });
      });

      it('that are done are not done again when their parent is', async () => {
        const runs: unknown[] = [];
        let attempts = 0;
        await queue.work('transcode-asset', async (job) => {
          const result = await parent(job);
          attempts += 1;
          if (attempts === 1) throw new Error('broken');
          return result;
        });
        await other.work('encode-chunk', async ({ payload }) => {
          runs.push(payload.part);
          return { uncuttable: null };
        });
        await transcode();
        expect(await ended()).toMatchObject({ state: 'completed' });
        expect(attempts).toBe(2);
        expect(runs.toSorted()).toEqual([0, 1, 2]);
      });

      it('wake their parent at once when one fails for good, and are done anew for a parent that is', async () => {
        let broken = true;
        await queue.work('transcode-asset', parent);
        await other.work('encode-chunk', async ({ payload }) => {
          if (payload.part === 0 && broken) throw new UnrecoverableJobError('no such frame');
          return { uncuttable: null };
        });
        await transcode();
        expect(await ended()).toMatchObject({ state: 'failed', failure: 'no such frame' });
        broken = false;
        await queue.add('transcode-asset', { assetId: 'a' }, { replaceEnded: true });
        await expect.poll(ended).toMatchObject({ state: 'completed' });
      });

      it('are cancelled with their parent, those that run and those that wait', async () => {
        const reasons: unknown[] = [];
        await queue.work('transcode-asset', parent);
        await other.work('encode-chunk', ({ signal }) =>
          untilAborted(signal).catch((reason: unknown) => {
            reasons.push(reason);
            throw reason;
          }),
        );
        await transcode();
        await expect.poll(async () => (await queue.counts('encode-chunk')).active).toBe(1);
        await expect.poll(async () => (await queue.counts('transcode-asset')).active).toBe(0);
        await queue.cancel('transcode-asset', 'transcode-a');
        await expect.poll(() => reasons, { timeout: 5_000 }).toEqual([new JobAbortedError('cancelled')]);
        await expect.poll(() => queue.counts('encode-chunk')).toMatchObject({ waiting: 0, active: 0 });
        await expect.poll(async () => ['failed', undefined].includes(await stateOf('transcode-a'))).toBe(true);
      });
    });

    it('lets a running job add children, which others work on, and completes it after they have ended', async () => {
      const pending: number[] = [];
      await queue.work('transcode-asset', async ({ id }) => {
        const parent = { name: 'transcode-asset', id } as const;
        for (const assetId of ['good', 'bad']) await queue.add('delete-asset', { assetId }, { parent });
        pending.push((await other.pendingChildren('transcode-asset', id)).length);
        expect(await queue.pendingChildren('transcode-asset', id)).toContainEqual({
          name: 'delete-asset',
          id: 'delete-good',
        });
        await other.work('delete-asset', async ({ payload: { assetId } }) => {
          if (assetId === 'bad') throw new UnrecoverableJobError('broken');
          return { objects: 1 };
        });
        const good = await queue.waitFor('delete-asset', 'delete-good', 5_000);
        const bad = await queue.waitFor('delete-asset', 'delete-bad', 5_000);
        pending.push((await other.pendingChildren('transcode-asset', id)).length);
        return { version: `${good?.state} ${bad?.failure}` };
      });
      await transcode();
      const ended = await other.waitFor('transcode-asset', 'transcode-a', 10_000);
      expect(ended).toMatchObject({ state: 'completed', result: { version: 'completed broken' } });
      expect(pending).toEqual([2, 0]);
      expect(await queue.pendingChildren('transcode-asset', 'transcode-none')).toEqual([]);
    });

    it('schedules on the clock of a time zone', async () => {
      const schedule = { pattern: '30 1 * * *', timeZone: 'Asia/Tokyo' };
      await queue.putSchedule('nightly-tokyo', schedule, 'plan-region', { regionId: 'tokyo' });
      const [listed] = await other.listSchedules('plan-region');
      expect(listed).toMatchObject({ id: 'nightly-tokyo', ...schedule });
      // Tokyo has no summer time: 01:30 there is 16:30 UTC of the day before.
      expect(listed?.nextAt).toMatch(/T16:30:00\.000Z$/);
      expect(Date.parse(listed?.nextAt ?? '')).toBeGreaterThan(Date.now());
    });

    it('changes and removes a schedule', async () => {
      const tokyo = { pattern: '30 1 * * *', timeZone: 'Asia/Tokyo' };
      const kathmandu = { pattern: '0 2 * * *', timeZone: 'Asia/Kathmandu' };
      await queue.putSchedule('nightly', tokyo, 'plan-region', { regionId: 'tokyo' });
      await queue.putSchedule('nightly', kathmandu, 'plan-region', { regionId: 'kathmandu' });
      const listed = await queue.listSchedules('plan-region');
      expect(listed).toHaveLength(1);
      expect(listed[0]).toMatchObject(kathmandu);
      expect(listed[0]?.nextAt).toMatch(/T20:15:00\.000Z$/);
      expect(await queue.counts('plan-region')).toMatchObject({ delayed: 1, waiting: 0 });
      await queue.removeSchedule('plan-region', 'nightly');
      await queue.removeSchedule('plan-region', 'nightly');
      expect(await other.listSchedules('plan-region')).toEqual([]);
      expect(await queue.counts('plan-region')).toMatchObject({ delayed: 0 });
    });

    it('refuses a schedule whose pattern or time zone is none', async () => {
      const payload = { regionId: 'r' };
      const add = (pattern: string, timeZone: string) =>
        queue.putSchedule('s', { pattern, timeZone }, 'plan-region', payload);
      await expect(add('never', 'Europe/Berlin')).rejects.toThrow();
      await expect(add('0 2 * * *', 'Mars/Olympus')).rejects.toThrow();
      expect(await queue.listSchedules('plan-region')).toEqual([]);
    });
  });
}
