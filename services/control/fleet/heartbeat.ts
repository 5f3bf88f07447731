import type { ApplianceOrders, ApplianceStatus, TokenKey } from '../../../shared/domain/fleet.ts';
import { Problem } from '../../../shared/platform/problem.ts';
import type { Catalogue } from '../../../shared/ports/catalogue.ts';
import type { Clock } from '../../../shared/ports/clock.ts';
import type { Fleet } from '../../../shared/ports/fleet.ts';
import { pullCredential } from '../../../shared/tokens/credentials.ts';
import { makeListHidden } from './hidden-assets.ts';
import { makeOrders } from './orders.ts';

export interface HeartbeatDeps {
  readonly catalogue: Pick<Catalogue, 'list'>;
  readonly fleet: Fleet;
  readonly clock: Clock;
  readonly fleetSecret: string;
  readonly tokenKeys: readonly TokenKey[];
}

export type Heartbeat = ReturnType<typeof makeHeartbeat>;

/** Records how an appliance is and answers what it is to do. */
export function makeHeartbeat({ catalogue, fleet, clock, fleetSecret, tokenKeys }: HeartbeatDeps) {
  const listHidden = makeListHidden(catalogue, clock);
  return async (status: ApplianceStatus): Promise<ApplianceOrders> => {
    const [appliances, regions, revocations, hidden] = await Promise.all([
      fleet.listAppliances(),
      fleet.listRegions(),
      fleet.listRevocations(),
      listHidden(),
    ]);
    const appliance = appliances.find(({ id }) => id === status.applianceId);
    if (!appliance) {
      throw new Problem(
        'appliance-not-found',
        `There is no appliance ${status.applianceId}; add it with POST /v1/appliances.`,
      );
    }
    // Silence is measured on control's clock alone: an appliance whose clock is wrong is not silent.
    await fleet.report({ ...status, reportedAt: new Date(clock.now()).toISOString() });
    return makeOrders({
      appliance,
      appliances,
      regions,
      tokenKeys,
      revoked: revocations.filter(({ expiresAt }) => Date.parse(expiresAt) > clock.now()).map(({ id }) => id),
      hidden,
      pullCredentialOf: (id) => pullCredential(fleetSecret, id),
    });
  };
}
