import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock as clock } from '../../platform/clock.ts';
import { JobAbortedError, type JobQueue } from '../../ports/job-queue.ts';
import { describeJobQueue, untilAborted } from '../../testing/job-queue-contract.ts';
import { quickPolicies as policies } from '../../testing/quick-policies.ts';
import { startRedisServer, type TestRedisServer } from '../../testing/redis-server.ts';
import { connectRedis } from '../redis/connection.ts';
import { makeBullmqJobQueue } from './bullmq-job-queue.ts';

describeJobQueue('BullMQ', async () => {
  const server = await startRedisServer();
  const queue = makeBullmqJobQueue({ redisUrl: server.url, clock, policies });
  const other = makeBullmqJobQueue({ redisUrl: server.url, clock, policies });
  return {
    queue,
    other,
    async dispose() {
      await Promise.all([queue.close(), other.close()]);
      await server.stop();
    },
  };
});

describe('job queue and the faults of workers and Redis', () => {
  let server: TestRedisServer;
  let queue: JobQueue;
  const errors: Error[] = [];
  const children: ChildProcess[] = [];

  beforeEach(async () => {
    errors.length = 0;
    server = await startRedisServer({ persistent: true });
    queue = makeBullmqJobQueue({ redisUrl: server.url, clock, policies, onError: (error) => errors.push(error) });
  });
  afterEach(async () => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
    await queue.close();
    await server.stop();
  });

  const url = (path: string): string => JSON.stringify(new URL(path, import.meta.url).href);

  /** A worker in a process of its own, which says `started` and then never ends its job. */
  const startOtherProcess = (lines: string) => {
    const child = spawn(
      process.execPath,
      [
        '--input-type=module',
        '-e',
        `import { makeBullmqJobQueue } from ${url('./bullmq-job-queue.ts')};
         import { systemClock as clock } from ${url('../../platform/clock.ts')};
         import { quickPolicies as policies } from ${url('../../testing/quick-policies.ts')};
         const queue = makeBullmqJobQueue({ redisUrl: process.argv[1], clock, policies });
         ${lines}`,
        server.url,
      ],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    children.push(child);
    const exited = once(child, 'exit');
    const died = exited.then(() => Promise.reject(new Error('the other process ended without a word')));
    died.catch(() => undefined);
    const firstLine = Promise.race([once(child.stdout, 'data').then(([data]) => String(data).trim()), died]);
    return { child, exited, firstLine };
  };

  it('gives the job of a killed process to another worker', async () => {
    const { child, exited, firstLine } = startOtherProcess(`
      await queue.work('transcode-asset', () => { console.log('started'); return new Promise(() => {}); });
    `);
    await queue.add('transcode-asset', { assetId: 'a' });
    await firstLine;
    child.kill('SIGKILL');
    await exited;
    await queue.work('transcode-asset', async ({ attempt }) => ({ version: `taken-up-in-attempt-${attempt}` }));
    expect(await queue.waitFor('transcode-asset', 'transcode-a', 10_000)).toMatchObject({
      state: 'completed',
      result: { version: 'taken-up-in-attempt-1' },
      attempts: 2,
    });
  });

  it('fails a job that kills every worker it meets', async () => {
    const stuck = { ...policies, 'transcode-asset': { ...policies['transcode-asset'], attempts: 1, lockMs: 500 } };
    const strict = makeBullmqJobQueue({ redisUrl: server.url, clock, policies: stuck });
    await strict.add('transcode-asset', { assetId: 'a' });
    for (let i = 0; i < 2; i++) {
      const { child, exited, firstLine } = startOtherProcess(`
        await queue.work('transcode-asset', () => { console.log('started'); return new Promise(() => {}); });
      `);
      await firstLine;
      child.kill('SIGKILL');
      await exited;
    }
    await strict.work('transcode-asset', async () => ({ version: 'never' }));
    const ended = await strict.waitFor('transcode-asset', 'transcode-a', 15_000);
    expect(ended).toMatchObject({ state: 'failed', failure: 'job stalled more than allowable limit' });
    await strict.close();
  });

  it('keeps jobs and schedules over a kill of Redis, and goes on when it is back', async () => {
    await queue.work('transcode-asset', async ({ payload }) => ({ version: payload.assetId }));
    await queue.putSchedule('s', { pattern: '0 2 * * *', timeZone: 'UTC' }, 'plan-region', { regionId: 'r' });
    await queue.add('transcode-asset', { assetId: 'before' });
    await queue.waitFor('transcode-asset', 'transcode-before', 5_000);
    await queue.add('delete-asset', { assetId: 'a' });
    await server.kill();
    await expect(queue.add('transcode-asset', { assetId: 'meanwhile' })).rejects.toThrow();
    expect(errors.length).toBeGreaterThan(0);
    await server.restart();
    expect(await queue.get('transcode-asset', 'transcode-before')).toMatchObject({ state: 'completed' });
    expect(await queue.get('delete-asset', 'delete-a')).toMatchObject({ state: 'waiting' });
    expect(await queue.listSchedules('plan-region')).toHaveLength(1);
    await queue.add('transcode-asset', { assetId: 'after' });
    expect(await queue.waitFor('transcode-asset', 'transcode-after', 15_000)).toMatchObject({ state: 'completed' });
  });

  it('goes on with new jobs after Redis was emptied', async () => {
    const redis = connectRedis({ url: server.url });
    await queue.work('transcode-asset', async ({ payload }) => ({ version: payload.assetId }));
    await queue.add('transcode-asset', { assetId: 'before' });
    await queue.waitFor('transcode-asset', 'transcode-before', 5_000);
    await redis.client.flushall();
    await redis.close();
    expect(await queue.get('transcode-asset', 'transcode-before')).toBeNull();
    await queue.add('transcode-asset', { assetId: 'before' });
    const again = await queue.waitFor('transcode-asset', 'transcode-before', 15_000);
    expect(again).toMatchObject({ state: 'completed', attempts: 1 });
  });

  it('aborts a run whose lock could not be renewed, and runs the job again', async () => {
    const reasons: unknown[] = [];
    let runs = 0;
    await queue.work('transcode-asset', async ({ signal }) => {
      runs += 1;
      if (runs > 1) return { version: 'second' };
      return untilAborted(signal).catch((reason: unknown) => {
        reasons.push(reason);
        throw reason;
      });
    });
    await queue.add('transcode-asset', { assetId: 'a' });
    await expect.poll(() => runs).toBe(1);
    await server.kill();
    await expect.poll(() => reasons, { timeout: 5_000 }).toEqual([new JobAbortedError('lock-lost')]);
    await server.restart();
    const ended = await queue.waitFor('transcode-asset', 'transcode-a', 20_000);
    expect(ended).toMatchObject({ state: 'completed', result: { version: 'second' } });
  });

  it('closes while Redis is away, with a job running, and lets the process end', async () => {
    const { child, exited, firstLine } = startOtherProcess(`
      await queue.work('transcode-asset', ({ signal }) => {
        console.log('started');
        return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
      });
      process.once('SIGTERM', () => queue.close());
    `);
    await queue.add('transcode-asset', { assetId: 'a' });
    await firstLine;
    await server.kill();
    child.kill('SIGTERM');
    const [code] = await exited;
    expect(code).toBe(0);
  }, 20_000);

  it('leaves nothing open that keeps a process alive', async () => {
    const { exited, firstLine } = startOtherProcess(`
      await queue.work('transcode-asset', async () => ({ version: 'v' }));
      await queue.add('transcode-asset', { assetId: 'a' });
      console.log((await queue.waitFor('transcode-asset', 'transcode-a', 5000)).state);
      await queue.close();
    `);
    expect(await firstLine).toBe('completed');
    const closedMs = Date.now();
    const [code] = await exited;
    expect(code).toBe(0);
    expect(Date.now() - closedMs).toBeLessThan(3_000);
  });
});
