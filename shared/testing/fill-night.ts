/**
 * One night of one region: published assets, appliances that can be made to fail, and a frozen plan of which a fill is to
 * be carried out. Everything is written through the real ports.
 */
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { makeApplianceHttpApi } from '../adapters/appliance-http/appliance-http.ts';
import type { Fill, FillReport } from '../domain/fill.ts';
import type { Appliance, Region } from '../domain/fleet.ts';
import { demandTableOf } from '../domain/forecasting/demand-table.ts';
import { forecastRegion } from '../domain/forecasting/forecast-region.ts';
import { fillId, storeKeys } from '../domain/keys.ts';
import type { Manifest } from '../domain/manifest.ts';
import { makeValuer } from '../domain/planning/file-values.ts';
import { planFill } from '../domain/planning/plan-fill.ts';
import { noCount } from '../domain/reporting/fill-report.ts';
import { systemClock } from '../platform/clock.ts';
import { type Logger, makeLogger } from '../platform/logger.ts';
import type { ApplianceApi, ApplianceTarget } from '../ports/appliance-api.ts';
import type { Clock } from '../ports/clock.ts';
import { applianceCredential, pullCredential } from '../tokens/credentials.ts';
import { type FailingAppliance, startFailingAppliance } from './failing-appliance.ts';
import { makePortsKit, type PortsKit } from './ports-kit.ts';
import { makeTestAppliance, makeTestRegion, type PublishPorts, publishTestAsset } from './published.ts';

/** The day that the night prepares, in a region `r` on Berlin's clock with a window from 01:00 to 05:00. */
export const nightDate = '2026-11-21';
export const nightSecret = 'a fleet secret of at least 32 characters';
const frozenAt = '2026-11-20T20:00:00.000Z';

export interface NightOptions {
  readonly budget?: Partial<Region['budget']>;
  readonly run?: number;
  readonly start?: Fill['start'];
  /** What the edges hold already, else nothing. */
  readonly held?: 'as-it-is';
}

export interface FillNightWorkerDeps extends Omit<PortsKit, 'dispose'> {
  readonly store: PublishPorts['store'];
  readonly api: ApplianceApi;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly parallelPushes: number;
  readonly patienceMs: { readonly window: number; readonly now: number };
}

export interface FillNight {
  readonly kit: PortsKit;
  readonly ports: PublishPorts;
  readonly api: ApplianceApi;
  /** Starts the next failing appliance, `e0` first. */
  addEdge(): Promise<FailingAppliance>;
  addEdges(count: number): Promise<void>;
  /** What a fill worker needs, with little patience. */
  readonly workerDeps: FillNightWorkerDeps;
  edge(at: number): FailingAppliance;
  readonly edges: readonly FailingAppliance[];
  /** Publishes the assets besides those of before, and freezes a plan that wants all of them on the appliances. */
  freeze(assets: Readonly<Record<string, readonly number[]>>, options?: NightOptions): Promise<Fill>;
  /** The same for appliances that the test runs itself. */
  freezeFor(targets: readonly ApplianceTarget[], options?: NightOptions): Promise<Fill>;
  publish(assetId: string, segmentBytes: readonly number[]): Promise<Manifest>;
  report(run?: number): Promise<FillReport>;
  fill(id: string): Promise<Fill>;
  dispose(): Promise<void>;
}

export async function makeFillNight(options: { readonly persistent?: boolean } = {}): Promise<FillNight> {
  const kit = await makePortsKit(systemClock, options);
  const ports = { ...kit, store: kit.redisKit.store };
  const api = makeApplianceHttpApi({
    credentialOf: (id) => applianceCredential(nightSecret, id),
    pullCredentialOf: (id) => pullCredential(nightSecret, id),
  });
  const edges: FailingAppliance[] = [];
  const published: Manifest[] = [];

  const found = <T>(what: T | null | undefined): T => {
    if (what === null || what === undefined) throw new Error('not found');
    return what;
  };
  const publish = async (assetId: string, segmentBytes: readonly number[]): Promise<Manifest> => {
    const manifest = await publishTestAsset(ports, assetId, segmentBytes);
    published.push(manifest);
    return manifest;
  };

  async function plannable(manifest: Manifest) {
    const object = await ports.store.get(storeKeys.manifest(manifest.assetId, manifest.version));
    const bytes = await buffer(object?.body ?? Readable.from([]));
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    return { manifest, manifestFile: { sizeBytes: bytes.length, sha256 } };
  }

  async function freezeFor(targets: readonly ApplianceTarget[], options: NightOptions = {}): Promise<Fill> {
    const { run = 1, start = 'now' } = options;
    const region = makeTestRegion('r', { budget: { bytesPerNight: 1e12, rateBps: 4e9, ...options.budget } });
    await kit.fleet.putRegion(region);
    const appliances: Appliance[] = targets.map(({ id, internalUrl }) => makeTestAppliance(id, 'r', internalUrl));
    for (const appliance of appliances) await kit.fleet.putAppliance(appliance);
    const history = published.map(({ assetId }, at) => ({
      assetId,
      date: '2026-11-20',
      views: 10,
      bytes: 1e9 / (at + 1),
    }));
    const forecast = forecastRegion({
      regionId: 'r',
      date: nightDate,
      history: demandTableOf(history),
      madeAt: frozenAt,
    });
    const plan = planFill({
      region,
      date: nightDate,
      run,
      fillId: fillId('r', nightDate, run),
      frozenAt,
      start,
      forecast,
      forecastKey: storeKeys.forecast('r', nightDate, run),
      versions: (await Promise.all(published.map(plannable))).map(makeValuer(null)),
      appliances: appliances.map((appliance, at) => ({
        appliance,
        inventory:
          options.held === undefined
            ? []
            : Array.from(found(edges[at]).held, ([key, heldBytes]) => ({ key, heldBytes })),
      })),
      spentBytes: 0,
    });
    const fill: Fill = {
      id: plan.id,
      regionId: 'r',
      date: nightDate,
      run,
      state: 'scheduled',
      start,
      createdAt: frozenAt,
      startedAt: null,
      finishedAt: null,
      message: null,
      planned: { files: plan.fetchFiles, bytes: plan.fetchBytes },
      pushed: noCount,
      skipped: noCount,
      failed: noCount,
      rateBps: 0,
    };
    await kit.documents.putForecast(forecast, run);
    await kit.documents.putPlan(plan);
    await kit.documents.createFill(fill);
    return fill;
  }

  const addEdge = async (): Promise<FailingAppliance> => {
    const edge = await startFailingAppliance(applianceCredential(nightSecret, `e${edges.length}`));
    edges.push(edge);
    return edge;
  };

  return {
    kit,
    ports,
    api,
    addEdge,
    addEdges: async (count) => {
      for (let at = 0; at < count; at += 1) await addEdge();
    },
    workerDeps: {
      ...ports,
      api,
      clock: systemClock,
      logger: makeLogger('test', 'silent'),
      parallelPushes: 4,
      patienceMs: { window: 1_500, now: 1_500 },
    },
    edges,
    edge: (at) => found(edges[at]),
    publish,
    freezeFor,
    async freeze(assets, options) {
      if (edges.length === 0) await addEdge();
      for (const [id, segmentBytes] of Object.entries(assets)) await publish(id, segmentBytes);
      return freezeFor(
        edges.map(({ url }, at) => ({ id: `e${at}`, internalUrl: url })),
        options,
      );
    },
    report: async (run) => found(await kit.documents.getReport('r', nightDate, run)),
    fill: async (id) => found(await kit.documents.getFill(id)),
    async dispose() {
      await Promise.all(edges.map((edge) => edge.close()));
      await api.close();
      await kit.dispose();
    },
  };
}

export interface MovableClock extends Clock {
  /** Makes it so late; whoever sleeps until then, or before, wakes up. */
  moveTo(atMs: number): void;
}

/** A clock that runs as all clocks do, from another moment, and can be set forward: what is awaited for hours, tests need not wait for. */
export function clockFrom(atMs: number): MovableClock {
  let offsetMs = atMs - Date.now();
  const sleepers = new Set<() => void>();
  const now = (): number => Date.now() + offsetMs;
  return {
    now,
    async sleep(ms, signal) {
      const untilMs = now() + ms;
      // At least once, as a timer would.
      do {
        const woken = new AbortController();
        const wake = (): void => woken.abort();
        sleepers.add(wake);
        try {
          const either = AbortSignal.any([woken.signal, ...(signal ? [signal] : [])]);
          await systemClock.sleep(Math.max(0, untilMs - now()), either);
        } catch {
          signal?.throwIfAborted();
        } finally {
          sleepers.delete(wake);
        }
      } while (now() < untilMs);
    },
    moveTo(lateMs) {
      offsetMs += Math.max(0, lateMs - now());
      for (const wake of [...sleepers]) wake();
    },
  };
}

/** For what comes sooner or later, on however busy a machine. */
export const soon = { timeout: 60_000, interval: 20 };

/** As many segments, all of one size. */
export const segments = (count: number, bytes: number): number[] => new Array<number>(count).fill(bytes);
