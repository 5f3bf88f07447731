/** What an appliance is told: pure, so that every order can be made again from the fleet of that moment. */
import {
  type Appliance,
  type ApplianceOrders,
  type ApplianceView,
  mayServe,
  type Region,
  type TokenKey,
  type Upstream,
} from '../../../shared/domain/fleet.ts';
import { distanceKm } from '../../../shared/domain/routing/distance.ts';

export interface OrdersInput {
  readonly appliance: Appliance;
  readonly appliances: readonly ApplianceView[];
  readonly regions: readonly Region[];
  readonly tokenKeys: readonly TokenKey[];
  /** Sessions that are revoked now. */
  readonly revoked: readonly string[];
  /** Assets that are deleted now. */
  readonly hidden: readonly string[];
  readonly pullCredentialOf: (applianceId: string) => string;
}

export function makeOrders(input: OrdersInput): ApplianceOrders {
  const { appliance, pullCredentialOf } = input;
  return {
    applianceId: appliance.id,
    regionId: appliance.regionId,
    role: appliance.role,
    mode: appliance.mode,
    capacityBytes: appliance.capacityBytes,
    tokenKeys: input.tokenKeys,
    ...(input.revoked.length > 0 ? { revokedSessions: input.revoked } : {}),
    ...(input.hidden.length > 0 ? { hiddenAssets: input.hidden } : {}),
    ...topUpOf(input),
    weight: appliance.weight,
    pullCredential: pullCredentialOf(appliance.id),
    upstreams: upstreamsOf(input),
  };
}

/** Each active edge may bring its part of the region's budget, so that none has to ask what the others brought. */
function topUpOf({ appliance, appliances, regions }: OrdersInput): Pick<ApplianceOrders, 'topUp'> {
  const budget = regions.find(({ id }) => id === appliance.regionId)?.topUp;
  if (!budget || appliance.role !== 'edge' || appliance.mode !== 'active') return {};
  const sharing = appliances.filter(
    ({ regionId, role, mode }) => regionId === appliance.regionId && role === 'edge' && mode === 'active',
  );
  const share = appliance.weight / sharing.reduce((sum, { weight }) => sum + weight, 0);
  return { topUp: { bytesPerDay: Math.floor(budget.bytesPerDay * share), rateBps: budget.rateBps * share } };
}

/** A shield pulls from the object store alone: asking peers there would only add a hop before the same bytes. */
function upstreamsOf({ appliance, appliances, regions, pullCredentialOf }: OrdersInput): Upstream[] {
  if (appliance.role === 'shield') return [];
  const others = appliances.filter((other) => other.id !== appliance.id && mayServe(other));
  const peers = others.filter((other) => other.role === 'edge' && other.regionId === appliance.regionId);
  const shields = others.filter((other) => other.role === 'shield');
  const far = distanceFrom(appliance.regionId, regions);
  shields.sort((a, b) => far(a.regionId) - far(b.regionId) || (a.id < b.id ? -1 : 1));
  const upstream = (kind: Upstream['kind']) => (other: ApplianceView) => ({
    kind,
    applianceId: other.id,
    url: other.internalUrl,
    credential: pullCredentialOf(other.id),
    weight: other.weight,
  });
  return [...peers.map(upstream('peer')), ...shields.map(upstream('shield'))];
}

/** Own region first, then by distance; regions without a location come last. */
function distanceFrom(regionId: string, regions: readonly Region[]): (otherId: string) => number {
  const locations = new Map(regions.map(({ id, coverage }) => [id, coverage.location]));
  const here = locations.get(regionId);
  return (otherId) => {
    if (otherId === regionId) return -1;
    const there = locations.get(otherId);
    return here && there ? distanceKm(here, there) : Number.MAX_VALUE;
  };
}
