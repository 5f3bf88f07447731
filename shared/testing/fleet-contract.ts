import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Appliance, type ApplianceStatus, type Region, silentAfterMs } from '../domain/fleet.ts';
import { storeKeys } from '../domain/keys.ts';
import type { Fleet } from '../ports/fleet.ts';
import type { ObjectStore } from '../ports/object-store.ts';

export interface FleetSetup {
  readonly fleet: Fleet;
  /** A second user of the same fleet, as another process would have it. */
  readonly other: Fleet;
  readonly store: ObjectStore;
  /** Sets the clock of both to Unix milliseconds. */
  setTime(nowMs: number): void;
  loseLiveData(): Promise<void>;
  dispose(): Promise<void>;
}

export const makeTestRegion = (id: string, changes: Partial<Region> = {}): Region => ({
  id,
  name: `Region ${id}`,
  timeZone: 'Europe/Berlin',
  window: { start: '01:00', end: '05:00' },
  budget: { bytesPerNight: 1e9, rateBps: 1e8 },
  coverage: { networks: ['192.0.2.0/24'], location: null },
  fillEnabled: true,
  createdAt: '2026-11-20T10:00:00.000Z',
  updatedAt: '2026-11-20T10:00:00.000Z',
  ...changes,
});

export const makeTestAppliance = (id: string, changes: Partial<Appliance> = {}): Appliance => ({
  id,
  regionId: 'berlin',
  role: 'edge',
  mode: 'active',
  publicUrl: `http://${id}.test`,
  internalUrl: `http://${id}.test`,
  capacityBytes: 1e9,
  weight: 1,
  createdAt: '2026-11-20T10:00:00.000Z',
  updatedAt: '2026-11-20T10:00:00.000Z',
  ...changes,
});

const makeStatus = (applianceId: string, atMs: number, unfitReason: string | null = null): ApplianceStatus => ({
  applianceId,
  reportedAt: new Date(atMs).toISOString(),
  startedAt: '2026-11-20T10:00:00.000Z',
  softwareVersion: '0.1.0',
  storedBytes: 0,
  storedObjects: 0,
  pinnedBytes: 0,
  memoryTierBytes: 0,
  servedBps: 0,
  openConnections: 0,
  unfitReason,
});

export function describeFleet(name: string, setUp: () => Promise<FleetSetup>): void {
  describe(`fleet contract: ${name}`, () => {
    const now = Date.UTC(2026, 10, 20, 12);
    let setup: FleetSetup;
    let fleet: Fleet;
    let other: Fleet;

    beforeEach(async () => {
      setup = await setUp();
      ({ fleet, other } = setup);
      setup.setTime(now);
    });
    afterEach(() => setup.dispose());

    const healthOf = async (id: string) => (await fleet.getAppliance(id))?.health;

    it('keeps regions: put, replace, list by id, remove', async () => {
      await fleet.putRegion(makeTestRegion('tokyo'));
      await fleet.putRegion(makeTestRegion('berlin'));
      await other.putRegion(makeTestRegion('tokyo', { name: 'Tōkyō' }));
      expect((await fleet.listRegions()).map(({ name }) => name)).toEqual(['Region berlin', 'Tōkyō']);
      expect(await fleet.getRegion('tokyo')).toEqual(makeTestRegion('tokyo', { name: 'Tōkyō' }));
      await fleet.removeRegion('tokyo');
      await fleet.removeRegion('tokyo');
      expect(await other.getRegion('tokyo')).toBeNull();
      expect(await setup.store.head(storeKeys.region('tokyo'))).toBeNull();
    });

    it('lists appliances by id, all or those of a region', async () => {
      await fleet.putAppliance(makeTestAppliance('e2'));
      await fleet.putAppliance(makeTestAppliance('e1'));
      await fleet.putAppliance(makeTestAppliance('e3', { regionId: 'tokyo' }));
      expect((await other.listAppliances()).map(({ id }) => id)).toEqual(['e1', 'e2', 'e3']);
      expect((await other.listAppliances({ regionId: 'berlin' })).map(({ id }) => id)).toEqual(['e1', 'e2']);
      await other.removeAppliance('e1');
      expect(await fleet.getAppliance('e1')).toBeNull();
      expect(await fleet.listAppliances({ regionId: 'nowhere' })).toEqual([]);
    });

    it('has a document in the object store when the write returns', async () => {
      await fleet.putRegion(makeTestRegion('berlin'));
      await fleet.putAppliance(makeTestAppliance('e1'));
      expect(await setup.store.head(storeKeys.region('berlin'))).not.toBeNull();
      expect(await setup.store.head(storeKeys.appliance('e1'))).not.toBeNull();
    });

    it('tells health from the last heartbeat', async () => {
      await fleet.putAppliance(makeTestAppliance('e1'));
      expect(await healthOf('e1')).toBe('never-seen');
      await other.report(makeStatus('e1', now));
      expect(await fleet.getAppliance('e1')).toEqual({
        ...makeTestAppliance('e1'),
        health: 'healthy',
        status: makeStatus('e1', now),
      });
      await fleet.report(makeStatus('e1', now + 1_000, 'disk-full'));
      expect(await healthOf('e1')).toBe('unfit');
      setup.setTime(now + 1_000 + silentAfterMs + 1);
      expect(await healthOf('e1')).toBe('silent');
      setup.setTime(now + 86_400_000);
      expect(await healthOf('e1')).toBe('silent');
      await fleet.report(makeStatus('e1', now + 86_400_000));
      expect(await healthOf('e1')).toBe('healthy');
    });

    it('does not let a heartbeat that came late undo a newer one', async () => {
      await fleet.putAppliance(makeTestAppliance('e1'));
      await fleet.report(makeStatus('e1', now, 'shutting-down'));
      await fleet.report(makeStatus('e1', now - 2_000));
      expect(await healthOf('e1')).toBe('unfit');
    });

    it('forgets the heartbeats of an appliance that was removed', async () => {
      await fleet.putAppliance(makeTestAppliance('e1'));
      await fleet.report(makeStatus('e1', now));
      await fleet.removeAppliance('e1');
      await fleet.putAppliance(makeTestAppliance('e1'));
      expect(await healthOf('e1')).toBe('never-seen');
    });

    it('finds every document again after the live data was lost', async () => {
      await fleet.putRegion(makeTestRegion('berlin'));
      await fleet.putAppliance(makeTestAppliance('e1'));
      await setup.loseLiveData();
      expect(await fleet.getRegion('berlin')).toEqual(makeTestRegion('berlin'));
      expect((await other.listAppliances()).map(({ id }) => id)).toEqual(['e1']);
      await setup.loseLiveData();
      expect(await fleet.rebuild()).toBe(2);
      expect(await healthOf('e1')).toBe('never-seen');
    });

    it('shows all documents after a write to a fleet whose live data was lost', async () => {
      await fleet.putRegion(makeTestRegion('berlin'));
      await setup.loseLiveData();
      await fleet.putRegion(makeTestRegion('tokyo'));
      expect((await other.listRegions()).map(({ id }) => id)).toEqual(['berlin', 'tokyo']);
    });

    it('keeps revoked sessions apart from the rest, also when the live data was lost', async () => {
      const revoked = {
        id: 'S-1_a',
        reason: null,
        createdAt: '2026-11-20T14:00:00.000Z',
        expiresAt: '2026-11-28T14:00:00.000Z',
      };
      await fleet.putRevocation(revoked);
      await fleet.putRegion(makeTestRegion('berlin'));
      await setup.loseLiveData();
      expect(await other.listRevocations()).toEqual([revoked]);
      await other.removeRevocation('S-1_a');
      await other.removeRevocation('never-there');
      expect(await fleet.listRevocations()).toEqual([]);
      expect(await fleet.listRegions()).toHaveLength(1);
    });

    it('keeps both of two documents written at once', async () => {
      await Promise.all([fleet.putAppliance(makeTestAppliance('e1')), other.putAppliance(makeTestAppliance('e2'))]);
      expect(await fleet.listAppliances()).toHaveLength(2);
    });
  });
}
