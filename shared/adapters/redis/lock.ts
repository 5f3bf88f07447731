import { randomUUID } from 'node:crypto';
import type { Clock } from '../../ports/clock.ts';
import type { RedisConnection } from './connection.ts';

/**
 * A lock between processes, for work that Redis alone cannot make atomic (writing to the object store).
 *
 * It belongs to a random token, expires when its holder dies, is renewed while the holder lives, and is released only
 * by its owner. When a renewal finds it gone, or Redis has been silent for as long as it lasts, `signal` aborts: what
 * follows is no longer protected.
 */
export interface HeldLock {
  readonly token: string;
  readonly signal: AbortSignal;
}

export interface LockOptions {
  readonly redis: RedisConnection;
  readonly clock: Clock;
  readonly key: string;
  /** How long it outlives a dead holder. */
  readonly ttlMs: number;
  /** How long to wait for another holder; 0 tries once. */
  readonly waitMs: number;
}

export class LockBusyError extends Error {
  constructor(key: string) {
    super(`${key} is held by another process`);
    this.name = 'LockBusyError';
  }
}

const releaseScript = `
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0`;

const renewScript = `
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 0`;

/** @throws LockBusyError when another held it for all of `waitMs`. */
export async function withLock<T>(options: LockOptions, work: (lock: HeldLock) => Promise<T>): Promise<T> {
  const { redis, key, ttlMs } = options;
  const token = randomUUID();
  await acquire(options, token);

  const lost = new AbortController();
  let heldUntilMs = performance.now() + ttlMs;
  const renewal = setInterval(async () => {
    const askedAtMs = performance.now();
    if (askedAtMs >= heldUntilMs) return lost.abort(new Error(`The lock ${key} was lost`));
    const renewed = await redis.client.eval(renewScript, 1, key, token, ttlMs).catch(() => null);
    if (renewed === 0) lost.abort(new Error(`The lock ${key} was lost`));
    if (renewed === 1) heldUntilMs = askedAtMs + ttlMs;
  }, ttlMs / 3);

  try {
    return await work({ token, signal: lost.signal });
  } finally {
    clearInterval(renewal);
    // Unreleased, it expires by itself.
    await redis.client.eval(releaseScript, 1, key, token).catch(() => undefined);
  }
}

async function acquire({ redis, clock, key, ttlMs, waitMs }: LockOptions, token: string): Promise<void> {
  const deadlineMs = clock.now() + waitMs;
  for (let pauseMs = 5; ; pauseMs = Math.min(pauseMs * 2, 100)) {
    if (await redis.client.set(key, token, 'PX', ttlMs, 'NX')) return;
    if (clock.now() >= deadlineMs) throw new LockBusyError(key);
    await clock.sleep(pauseMs * (0.5 + Math.random()));
  }
}
