/**
 * Top-ups: slices that the forecast wants here before anybody asks, pulled one after the other in the background.
 *
 * The cache decides once an hour which (`TopUp` of the segment cache); here is what holds them within bounds: the
 * appliance's share of the region's bytes a UTC day, which outlives a restart, its share of the rate, and nothing while
 * viewers need all there is. What does not come gives its place back.
 */
import type { ApplianceOrders } from '../../shared/domain/fleet.ts';
import { manifestName, type ObjectKey, parseObjectKey } from '../../shared/domain/keys.ts';
import { slicesOf } from '../../shared/domain/manifest.ts';
import { rankAppliances } from '../../shared/domain/routing/rendezvous.ts';
import type { Logger } from '../../shared/platform/logger.ts';
import type { Metrics } from '../../shared/platform/metrics.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import type { SegmentCache, TopUp } from '../../shared/ports/segment-cache.ts';
import type { Puller } from './pull.ts';
import type { StateFile } from './state-file.ts';
import type { Telemetry } from './telemetry.ts';
import type { Tombstones } from './tombstones.ts';
import type { Versions } from './versions.ts';

export interface TopUps {
  /** True for assets that a region has here, if anywhere: only their owner is topped up with them. */
  owns(assetId: string): boolean;
  /** Whether the region allows top-ups here now. */
  readonly isAllowed: boolean;
  /** Brought today (UTC). */
  readonly todayBytes: number;
  /** Pulls what the cache asks for until the signal aborts. */
  run(signal: AbortSignal): Promise<void>;
}

/** What was brought on a UTC day; kept on disk. */
export interface TopUpDay {
  readonly day: string;
  readonly bytes: number;
}

export interface TopUpDeps {
  readonly applianceId: string;
  readonly orders: () => ApplianceOrders | null;
  readonly cache: SegmentCache;
  readonly versions: Versions;
  readonly puller: Puller;
  readonly tombstones: Pick<Tombstones, 'has'>;
  readonly telemetry: Pick<Telemetry, 'toppedUp'>;
  readonly file: StateFile<TopUpDay>;
  /** Viewers need what there is. */
  readonly isBusy: () => boolean;
  /** Of days. */
  readonly clock: Clock;
  /** Of the rate. */
  readonly steadyClock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

interface Wanted {
  readonly key: string;
  readonly sliceIndex: number;
}

const idleMs = 1_000;

export async function openTopUps(deps: TopUpDeps): Promise<TopUps> {
  const {
    applianceId,
    orders,
    cache,
    versions,
    puller,
    tombstones,
    telemetry,
    file,
    clock,
    steadyClock,
    logger,
    metrics,
  } = deps;
  const waiting: Wanted[] = [];
  const today = (): string => new Date(clock.now()).toISOString().slice(0, 10);
  let spent: TopUpDay = (await file.read()) ?? { day: today(), bytes: 0 };
  const slices = metrics.counter('nightfill_top_up_slices_total', 'Slices wanted before anybody asked.', ['result']);
  const bytes = metrics.counter('nightfill_top_up_bytes_total', 'Bytes fetched before anybody asked.');
  metrics.gauge('nightfill_top_up_waiting_slices', 'Slices that wait to be topped up.', [], () => waiting.length);

  const todayBytes = (): number => (spent.day === today() ? spent.bytes : 0);
  const allowance = () => {
    const current = orders();
    return current?.role === 'edge' && current.mode === 'active' ? (current.topUp ?? null) : null;
  };

  function owns(assetId: string): boolean {
    const current = orders();
    if (!current) return false;
    const peers = current.upstreams.filter(({ kind }) => kind === 'peer');
    const region = [
      { id: applianceId, weight: current.weight ?? 1 },
      ...peers.map(({ applianceId: id, weight }) => ({ id, weight })),
    ];
    return rankAppliances(assetId, region)[0]?.id === applianceId;
  }

  const isGone = (object: ObjectKey): boolean =>
    tombstones.has(object) || orders()?.hiddenAssets?.includes(object.assetId) === true;

  const topUp: TopUp = {
    budgetBytes: () => Math.max(0, (allowance()?.bytesPerDay ?? 0) - todayBytes()),
    mayPush(key) {
      const object = parseObjectKey(key);
      // A manifest comes with the first of its files.
      return object !== null && object.path !== manifestName && !isGone(object) && owns(object.assetId);
    },
    push: (key, sliceIndex) => void waiting.push({ key, sliceIndex }),
  };
  cache.demand.setTopUp(topUp);

  /** Returns the bytes that crossed into the appliance for it. */
  async function fetch({ key, sliceIndex }: Wanted): Promise<number> {
    const object = parseObjectKey(key);
    if (!object || isGone(object) || cache.has(key, sliceIndex)) return 0;
    const version = await versions.load(object, undefined);
    const file = version.files.get(object.path);
    const all = file ? slicesOf(file) : [];
    const slice = all[sliceIndex];
    if (!slice) throw new Error('the version has no such file');
    if (slice.sizeBytes > topUp.budgetBytes()) throw new Error('the bytes of the day are used up');
    const { assetId } = object;
    const { outcome } = await puller.pullSlice({ assetId, key, slice, whole: all.length === 1, loop: undefined });
    return outcome === 'coalesced' || outcome === 'hit-memory' ? 0 : slice.sizeBytes;
  }

  async function bring(wanted: Wanted): Promise<number> {
    try {
      const broughtBytes = await fetch(wanted);
      slices.inc({ result: broughtBytes > 0 ? 'brought' : 'there-already' });
      if (broughtBytes === 0) return 0;
      bytes.inc(broughtBytes);
      telemetry.toppedUp(broughtBytes);
      spent = { day: today(), bytes: todayBytes() + broughtBytes };
      await file.write(spent);
      return broughtBytes;
    } catch (error) {
      slices.inc({ result: 'failed' });
      cache.demand.giveUp(wanted.key, wanted.sliceIndex);
      logger.debug({ err: error, key: wanted.key }, 'not topped up');
      return 0;
    }
  }

  return {
    owns,
    get isAllowed() {
      return allowance() !== null;
    },
    get todayBytes() {
      return todayBytes();
    },
    async run(signal) {
      while (!signal.aborted) {
        const rateBps = allowance()?.rateBps ?? 0;
        const next = deps.isBusy() || rateBps <= 0 ? undefined : waiting.shift();
        const startedMs = steadyClock.now();
        const broughtBytes = next ? await bring(next) : 0;
        const dueMs = next ? (broughtBytes * 8_000) / rateBps - (steadyClock.now() - startedMs) : idleMs;
        if (dueMs > 0) await steadyClock.sleep(dueMs, signal).catch(() => {});
      }
      for (const { key, sliceIndex } of waiting.splice(0)) cache.demand.giveUp(key, sliceIndex);
    },
  };
}

export function parseTopUpDay(value: unknown): TopUpDay | null {
  const { day, bytes } = (value ?? {}) as Partial<Record<keyof TopUpDay, unknown>>;
  return typeof day === 'string' && typeof bytes === 'number' && bytes >= 0 ? { day, bytes } : null;
}
