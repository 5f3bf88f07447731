import type { Clock } from '../../shared/ports/clock.ts';
import type { NightShare } from '../../shared/ports/night-share.ts';

const everyMs = 250;

/** Tells the shared count what left here, some times a second; what cannot be told now is told with the next. */
export function makeSentCounter(share: Pick<NightShare, 'countSent'>, fillId: string, clock: Clock) {
  let untold = 0;
  let toldAtMs = clock.now();
  let telling: Promise<void> = Promise.resolve();

  const tell = (): Promise<void> => {
    toldAtMs = clock.now();
    telling = telling.then(async () => {
      const bytes = untold;
      untold = 0;
      if (bytes === 0) return;
      await share.countSent(fillId, bytes).catch(() => {
        untold += bytes;
      });
    });
    return telling;
  };

  return {
    add(bytes: number): void {
      untold += bytes;
      if (clock.now() - toldAtMs >= everyMs) void tell();
    },
    flush: tell,
  };
}
