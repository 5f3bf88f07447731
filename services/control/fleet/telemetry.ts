import type { TelemetryBatch } from '../../../shared/domain/demand.ts';
import { Problem } from '../../../shared/platform/problem.ts';
import type { DemandLog } from '../../../shared/ports/demand-log.ts';
import type { Fleet } from '../../../shared/ports/fleet.ts';
import { isDay } from '../demand/demand-table.ts';
import type { RecentDemand } from '../demand/recent-demand.ts';

export interface TelemetryDeps {
  readonly fleet: Fleet;
  readonly demandLog: DemandLog;
  readonly recent: Pick<RecentDemand, 'add'>;
}

export type TakeTelemetry = ReturnType<typeof makeTakeTelemetry>;

/** Adds what an appliance served to the demand of its region. A batch seen before changes nothing. */
export const makeTakeTelemetry =
  ({ fleet, demandLog, recent }: TelemetryDeps) =>
  async (batch: TelemetryBatch): Promise<void> => {
    const appliance = await fleet.getAppliance(batch.applianceId);
    if (!appliance) {
      throw new Problem(
        'appliance-not-found',
        `There is no appliance ${batch.applianceId}; add it with POST /v1/appliances.`,
      );
    }
    // A day that no calendar has would be stored for ever, and no forecast of the region could read past it.
    const hours = [...(batch.topUps ?? []), ...(batch.crossed ?? [])];
    const wrong = [...batch.rows, ...hours, ...(batch.watched ?? [])].find(({ day }) => !isDay(day));
    if (wrong) throw new Problem('invalid-request', `rows: ${wrong.day} is not a day of the calendar.`);
    // What a shield brings, edges bring on: there it is counted.
    const counted = appliance.role === 'shield' ? { ...batch, crossed: [] } : batch;
    const isNew = await demandLog.add(appliance.regionId, counted);
    if (isNew) recent.add(appliance.regionId, batch.rows);
  };
