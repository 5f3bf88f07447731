/**
 * What fills have appliances give to each other, held to a rate on either side: each appliance gives no more than that, and takes no
 * more, over all workers and batches. A viewer's answer then waits for a slice at most, however many copies a plan wants.
 */
import type { Clock } from '../../shared/ports/clock.ts';
import type { NightShare } from '../../shared/ports/night-share.ts';
import { makeSharedRate, type RateLimiter } from './shared-rate.ts';

export interface PeerRate {
  /** Resolves when so many bytes may go from one to the other. Rejects with the signal's reason, at once. */
  pass(fromId: string, toId: string, bytes: number, signal: AbortSignal): Promise<void>;
}

export function makePeerRate(options: {
  readonly share: Pick<NightShare, 'enterRate'>;
  /** Bits a second. */
  readonly rateBps: number;
  readonly clock: Clock;
}): PeerRate {
  const { share, rateBps, clock } = options;
  const limiters = new Map<string, RateLimiter>();
  const limiterOf = (name: string): RateLimiter => {
    const limiter = limiters.get(name) ?? makeSharedRate({ share, regionId: name, rateBps, clock });
    limiters.set(name, limiter);
    return limiter;
  };
  return {
    async pass(fromId, toId, bytes, signal) {
      signal.throwIfAborted();
      const both = Promise.all([
        limiterOf(`from ${fromId}`).take(bytes, signal),
        limiterOf(`to ${toId}`).take(bytes, signal),
      ]);
      const stopped = Promise.withResolvers<never>();
      const stop = (): void => stopped.reject(signal.reason);
      signal.addEventListener('abort', stop, { once: true });
      try {
        await Promise.race([both, stopped.promise]);
      } finally {
        signal.removeEventListener('abort', stop);
        both.catch(() => undefined);
      }
    },
  };
}
