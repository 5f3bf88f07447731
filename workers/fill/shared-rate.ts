/**
 * The region's rate in this process: bytes are entered into the timetable that all workers share, a little ahead and
 * several pieces at a time, so that a fast rate costs few questions.
 */
import type { Clock } from '../../shared/ports/clock.ts';
import type { NightShare } from '../../shared/ports/night-share.ts';
import { askUntilAnswered } from './ask.ts';

export interface RateLimiter {
  /** Resolves when so many bytes may be sent. */
  take(bytes: number, signal: AbortSignal): Promise<void>;
  /** Bytes worth asking for at a time: small enough to keep a slow rate even. */
  readonly grainBytes: number;
}

/** What is entered at a time, if not one piece alone is longer. */
const entryMs = 50;
const largestEntryBytes = 8 * 1024 * 1024;
/** Timers are not finer; shorter waits are made good by the next one. */
const shortestWaitMs = 4;
const smallestGrainBytes = 4 * 1024;
const largestGrainBytes = 1024 * 1024;

export function makeSharedRate(options: {
  readonly share: Pick<NightShare, 'enterRate'>;
  readonly regionId: string;
  /** Bits a second. */
  readonly rateBps: number;
  readonly clock: Clock;
}): RateLimiter {
  const { share, regionId, rateBps, clock } = options;
  const entryBytes = Math.min(largestEntryBytes, Math.ceil((rateBps / 8_000) * entryMs));
  let allowedBytes = 0;
  let last: Promise<void> = Promise.resolve();

  async function enter(bytes: number, signal: AbortSignal): Promise<void> {
    const entered = Math.max(bytes, entryBytes);
    const waitMs = await askUntilAnswered(() => share.enterRate(regionId, entered, rateBps), clock, signal);
    // What was entered belongs to all who push here: it is waited for although the one that asked may leave.
    if (waitMs >= shortestWaitMs) await clock.sleep(waitMs);
    allowedBytes += entered;
  }

  return {
    grainBytes: Math.round(Math.min(largestGrainBytes, Math.max(smallestGrainBytes, entryBytes))),
    async take(bytes, signal) {
      const mine = last.then(async () => {
        signal.throwIfAborted();
        if (allowedBytes < bytes) await enter(bytes - allowedBytes, signal);
        signal.throwIfAborted();
        allowedBytes -= bytes;
      });
      last = mine.catch(() => undefined);
      await mine;
    },
  };
}
