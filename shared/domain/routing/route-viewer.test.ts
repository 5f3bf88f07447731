import { describe, expect, it } from 'vitest';
import type { ApplianceHealth, ApplianceView, GeoPoint, Region } from '../fleet.ts';
import { makeCoverageIndex } from './coverage.ts';
import { rankAppliances } from './rendezvous.ts';
import { routeViewer } from './route-viewer.ts';
import { selectRegion, type Viewer } from './select-region.ts';

const stamp = '2026-11-20T00:00:00.000Z';
const region = (id: string, location: GeoPoint | null, networks: readonly string[]): Region => ({
  id,
  name: id,
  timeZone: 'Europe/Berlin',
  window: { start: '01:00', end: '05:00' },
  budget: { bytesPerNight: 1e9, rateBps: 1e8 },
  coverage: { networks, location },
  fillEnabled: true,
  createdAt: stamp,
  updatedAt: stamp,
});
const berlin = { latitude: 52.52, longitude: 13.405 };
const newYork = { latitude: 40.71, longitude: -74.01 };
const tokyo = { latitude: 35.68, longitude: 139.69 };
const regions = [
  region('us-east', newYork, ['198.51.100.0/24']),
  region('eu-berlin', berlin, ['192.0.2.0/24']),
  region('ap-tokyo', tokyo, ['192.0.2.128/25']),
];
const coverage = makeCoverageIndex(regions);
const choose = (viewer: Viewer, defaultRegionId?: string) => {
  const choice = selectRegion({ viewer, regions, coverage, ...(defaultRegionId ? { defaultRegionId } : {}) });
  if (!choice) throw new Error('no region');
  return choice;
};

const edge = (id: string, regionId: string, over: Partial<ApplianceView> = {}): ApplianceView => ({
  id,
  regionId,
  role: 'edge',
  mode: 'active',
  publicUrl: 'http://127.0.0.1:1',
  internalUrl: 'http://127.0.0.1:1',
  capacityBytes: 1e9,
  weight: 1,
  createdAt: stamp,
  updatedAt: stamp,
  health: 'healthy' satisfies ApplianceHealth,
  status: null,
  ...over,
});

describe('selectRegion', () => {
  it('takes the region that was asked for before anything else', () => {
    const choice = choose({ regionId: 'ap-tokyo', ip: '192.0.2.1', location: newYork });
    expect(choice).toMatchObject({ regionId: 'ap-tokyo', reason: 'requested', notes: [] });
    expect(choice.alternatives.map((a) => [a.regionId, a.reason])).toEqual([
      ['eu-berlin', 'coverage'],
      ['us-east', 'distance'],
    ]);
  });

  it('takes the longest network that holds the address, and says which', () => {
    const choice = choose({ ip: '192.0.2.200', location: newYork });
    expect(choice).toMatchObject({ regionId: 'ap-tokyo', reason: 'coverage' });
    expect(choice.explanation).toBe('192.0.2.200 is in 192.0.2.128/25, which ap-tokyo covers');
    expect(choice.alternatives.map((a) => a.regionId)).toEqual(['eu-berlin', 'us-east']);
  });

  it('takes the nearest region where only the location helps', () => {
    const choice = choose({ ip: '203.0.113.9', location: { latitude: 48.86, longitude: 2.35 } });
    expect(choice).toMatchObject({ regionId: 'eu-berlin', reason: 'distance' });
    expect(choice.explanation).toMatch(/eu-berlin is 8\d\d km from the viewer/);
    expect(choice.notes).toEqual(["no region's networks hold 203.0.113.9"]);
  });

  it('falls back on the default, and then on what is near it', () => {
    const choice = choose({}, 'us-east');
    expect(choice).toMatchObject({ regionId: 'us-east', reason: 'default' });
    expect(choice.alternatives.map((a) => a.regionId)).toEqual(['eu-berlin', 'ap-tokyo']);
    expect(choose({}, 'no-such').regionId).toBe('ap-tokyo');
    expect(choose({ ip: '203.0.113.9' }, 'eu-berlin').reason).toBe('default');
  });

  it('passes over what it cannot use, and says so', () => {
    const choice = choose({ regionId: 'atlantis', ip: 'not-an-ip' }, 'eu-berlin');
    expect(choice.reason).toBe('default');
    expect(choice.notes).toEqual(['there is no region atlantis', '"not-an-ip" is not an IP address']);
  });

  it('has no answer without regions', () => {
    expect(selectRegion({ viewer: {}, regions: [], coverage: makeCoverageIndex([]) })).toBeNull();
  });
});

describe('routeViewer', () => {
  const appliances = [
    edge('b1', 'eu-berlin'),
    edge('b2', 'eu-berlin'),
    edge('t1', 'ap-tokyo'),
    edge('shield-1', 'us-east', { role: 'shield' }),
  ];

  it('names the serving edges of the region in rendezvous order', () => {
    const route = routeViewer('asset-1', choose({ ip: '192.0.2.1' }), appliances);
    expect(route?.appliances).toEqual(rankAppliances('asset-1', appliances.slice(0, 2)));
    expect(route?.passedOver).toEqual([]);
    expect(route?.explanation).toContain('192.0.2.0/24');
  });

  it('gives no viewer to an edge that drains, is unfit or silent', () => {
    const [first, second] = rankAppliances('asset-1', appliances.slice(0, 2));
    for (const change of [{ mode: 'draining' }, { health: 'unfit' }, { health: 'silent' }] as const) {
      const now = appliances.map((a) => (a.id === first?.id ? { ...a, ...change } : a));
      expect(routeViewer('asset-1', choose({ ip: '192.0.2.1' }), now)?.appliances.map((a) => a.id)).toEqual([
        second?.id,
      ]);
    }
  });

  it('goes to the next region when none of the edges may serve, and says which it passed over', () => {
    const route = routeViewer('asset-1', choose({ ip: '198.51.100.7' }), appliances);
    expect(route?.passedOver).toEqual(['us-east']);
    expect(route?.region).toMatchObject({ regionId: 'eu-berlin', reason: 'distance' });
    expect(route?.explanation).toContain('no edge of us-east may serve now');
  });

  it('shares a title with several copies out among their edges, the same viewer always to the same', () => {
    const many = ['b1', 'b2', 'b3', 'b4'].map((id) => edge(id, 'eu-berlin'));
    const holders = rankAppliances('hot', many).slice(0, 2);
    const routeOf = (viewer: number) =>
      routeViewer('hot', choose({ regionId: 'eu-berlin' }), many, { copiesIn: () => 2, viewerKey: `10.0.0.${viewer}` });
    const firsts = new Map<string, number>();
    for (let viewer = 0; viewer < 200; viewer += 1) {
      const route = routeOf(viewer);
      expect(route).toEqual(routeOf(viewer));
      expect(new Set(route?.appliances.slice(0, 2))).toEqual(new Set(holders));
      expect(route?.appliances.slice(2)).toEqual(rankAppliances('hot', many).slice(2));
      const first = route?.appliances[0]?.id ?? '';
      firsts.set(first, (firsts.get(first) ?? 0) + 1);
    }
    expect([...firsts.keys()].sort()).toEqual(holders.map(({ id }) => id).sort());
    expect(Math.min(...firsts.values())).toBeGreaterThan(70);
  });

  it('has no answer when no edge anywhere may serve', () => {
    expect(routeViewer('asset-1', choose({}), [])).toBeNull();
  });
});
