import type { WatchedDay } from '../../../shared/domain/demand.ts';
import { type Audience, learnAudience } from '../../../shared/domain/planning/audience.ts';
import { addDays } from '../../../shared/domain/time/local-time.ts';
import type { Clock } from '../../../shared/ports/clock.ts';
import type { DemandLog } from '../../../shared/ports/demand-log.ts';

/** How a region watches by its last week; null while nothing is known. Asked each minute by every appliance, it is learnt once an hour. */
export type GetAudience = (regionId: string) => Promise<Audience | null>;

const learntDays = 7;
const keptMs = 3_600_000;

export function makeAudiences({
  demandLog,
  clock,
}: {
  readonly demandLog: Pick<DemandLog, 'watched'>;
  readonly clock: Pick<Clock, 'now'>;
}): GetAudience {
  const known = new Map<string, { readonly atMs: number; readonly audience: Promise<Audience | null> }>();

  async function learn(regionId: string, nowMs: number): Promise<Audience | null> {
    const to = new Date(nowMs).toISOString().slice(0, 10);
    const days: WatchedDay[] = [];
    for await (const day of demandLog.watched({ regionId, from: addDays(to, 1 - learntDays), to })) days.push(day);
    return learnAudience(days);
  }

  return (regionId) => {
    const nowMs = clock.now();
    const last = known.get(regionId);
    if (last && nowMs - last.atMs < keptMs) return last.audience;
    // Without it every byte of a title is taken as alike, which is no reason to tell nothing.
    const audience = learn(regionId, nowMs).catch(() => null);
    known.set(regionId, { atMs: nowMs, audience });
    return audience;
  };
}
