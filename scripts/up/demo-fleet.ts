/**
 * The demo fleet: three regions on three clocks, four edges and one shield.
 *
 * Viewers on this machine are in `eu-berlin`; the documentation networks of RFC 5737 stand for viewers elsewhere, so that
 * `nightfill play <asset> --ip 203.0.113.7` shows another region.
 */
import type { Appliance, Region } from '../../shared/domain/fleet.ts';

export type RegionSpec = Omit<Region, 'createdAt' | 'updatedAt'>;
export type ApplianceSpec = Omit<Appliance, 'createdAt' | 'updatedAt' | 'publicUrl' | 'internalUrl'>;

const GiB = 2 ** 30;
const mbps = 1_000_000;

const region = (
  id: string,
  name: string,
  timeZone: string,
  networks: readonly string[],
  latitude: number,
  longitude: number,
): RegionSpec => ({
  id,
  name,
  timeZone,
  window: { start: '02:00', end: '06:00' },
  budget: { bytesPerNight: 20 * GiB, rateBps: 200 * mbps },
  coverage: { networks, location: { latitude, longitude } },
  fillEnabled: true,
});

const appliance = (id: string, regionId: string, role: 'edge' | 'shield'): ApplianceSpec => ({
  id,
  regionId,
  role,
  mode: 'active',
  capacityBytes: (role === 'shield' ? 20 : 10) * GiB,
  weight: 1,
});

export const demoRegions: readonly RegionSpec[] = [
  region('eu-berlin', 'Berlin', 'Europe/Berlin', ['127.0.0.0/8', '::1/128', '192.0.2.0/24'], 52.52, 13.4),
  region('us-newyork', 'New York', 'America/New_York', ['198.51.100.0/24'], 40.71, -74.01),
  region('ap-tokyo', 'Tokyo', 'Asia/Tokyo', ['203.0.113.0/24'], 35.68, 139.69),
];

export const demoAppliances: readonly ApplianceSpec[] = [
  appliance('berlin-1', 'eu-berlin', 'edge'),
  appliance('berlin-2', 'eu-berlin', 'edge'),
  appliance('newyork-1', 'us-newyork', 'edge'),
  appliance('tokyo-1', 'ap-tokyo', 'edge'),
  appliance('shield-1', 'eu-berlin', 'shield'),
];
