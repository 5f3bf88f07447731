/** How a region watches, learnt from its last days; null where nothing was counted, as by older appliances or an import. */

import type { WatchedDay } from '../../shared/domain/demand.ts';
import { type Audience, learnAudience } from '../../shared/domain/planning/audience.ts';
import { addDays } from '../../shared/domain/time/local-time.ts';
import type { DemandLog } from '../../shared/ports/demand-log.ts';

/** A week: habits differ between its days, and change little from one week to the next. */
const learntDays = 7;

export async function readAudience(demandLog: DemandLog, regionId: string, nowMs: number): Promise<Audience | null> {
  const to = new Date(nowMs).toISOString().slice(0, 10);
  const days: WatchedDay[] = [];
  for await (const day of demandLog.watched({ regionId, from: addDays(to, 1 - learntDays), to })) days.push(day);
  return learnAudience(days);
}
