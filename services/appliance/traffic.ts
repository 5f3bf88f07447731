import { isHit, type Outcome } from '../../shared/domain/demand.ts';
import type { Metrics } from '../../shared/platform/metrics.ts';
import type { SegmentCache } from '../../shared/ports/segment-cache.ts';
import type { TelemetrySpool } from './telemetry-spool.ts';

export type ClientKind = 'viewer' | 'appliance';

/** Numbers of what goes through: for Prometheus, and for the appliance's own status. */
export interface Traffic {
  opened(): void;
  closed(): void;
  readonly openRequests: number;
  served(client: ClientKind, outcome: Outcome, requests: number, bytes: number): void;
  firstByte(outcome: Outcome, seconds: number): void;
  /** An answer that broke off because a later slice could not be had. */
  cut(): void;
  /** Mean over the time since the last call. */
  takeServedBps(nowMs: number): number;
}

interface Sum {
  readonly client: ClientKind;
  readonly outcome: Outcome;
  requests: number;
  bytes: number;
}

/** `onHit` is told how long a request for what is held waited for its first slice. */
export function makeTraffic(
  metrics: Metrics,
  cache: SegmentCache,
  spool: TelemetrySpool,
  onHit: (waitedMs: number) => void,
): Traffic {
  /** Summed here and handed over when somebody asks: the client library takes longer for one than an answer may. */
  const sums = new Map<string, Sum>();
  let openRequests = 0;
  let last: Sum | null = null;
  // The first of all, so that the counters have the sums before they are read.
  metrics.gauge('nightfill_media_open_requests', 'Media requests being answered.', [], () => {
    handOver();
    return openRequests;
  });
  const requests = metrics.counter('nightfill_media_requests_total', 'Media requests.', ['outcome', 'client']);
  const bytes = metrics.counter('nightfill_media_bytes_total', 'Media bytes sent.', ['outcome', 'client']);
  const cuts = metrics.counter('nightfill_media_cut_total', 'Answers that broke off for want of a later slice.');
  const firstByte = metrics.histogram(
    'nightfill_media_first_byte_seconds',
    'Time from a request to the first slice of its answer.',
    [0.0005, 0.002, 0.005, 0.02, 0.1, 0.5, 2, 10],
    ['outcome'],
  );
  const gauge = (name: string, help: string, read: () => number) => metrics.gauge(name, help, [], read);
  gauge('nightfill_cache_capacity_bytes', 'Disk budget.', () => cache.stats().capacityBytes);
  gauge('nightfill_cache_stored_bytes', 'Bytes on disk.', () => cache.stats().storedBytes);
  gauge('nightfill_cache_pinned_bytes', 'Bytes that the plan keeps.', () => cache.stats().pinnedBytes);
  gauge('nightfill_cache_stored_objects', 'Objects held, wholly or in part.', () => cache.stats().storedObjects);
  gauge('nightfill_cache_memory_bytes', 'Bytes in the memory tier.', () => cache.stats().memoryBytes);
  gauge('nightfill_cache_evicted_bytes', 'Bytes evicted since the start.', () => cache.stats().evictedBytes);
  gauge(
    'nightfill_cache_damaged_slices',
    'Slices found damaged on disk and dropped since the start.',
    () => cache.damagedSlices,
  );
  gauge('nightfill_telemetry_waiting_batches', 'Batches that control has not taken yet.', () => spool.size);
  gauge('nightfill_telemetry_dropped_batches', 'Batches lost because the spool was full.', () => spool.dropped);
  let servedBytes = 0;
  let takenAtMs = 0;

  function handOver(): void {
    for (const sum of sums.values()) {
      const { client, outcome } = sum;
      if (sum.requests > 0) requests.inc({ client, outcome }, sum.requests);
      if (sum.bytes > 0) bytes.inc({ client, outcome }, sum.bytes);
      sum.requests = 0;
      sum.bytes = 0;
    }
  }

  function sumOf(client: ClientKind, outcome: Outcome): Sum {
    if (last?.outcome === outcome && last.client === client) return last;
    const name = `${client} ${outcome}`;
    let sum = sums.get(name);
    if (!sum) {
      sum = { client, outcome, requests: 0, bytes: 0 };
      sums.set(name, sum);
    }
    last = sum;
    return sum;
  }

  return {
    opened() {
      openRequests += 1;
    },
    closed() {
      openRequests -= 1;
    },
    get openRequests() {
      return openRequests;
    },
    served(client, outcome, requestCount, byteCount) {
      const sum = sumOf(client, outcome);
      sum.requests += requestCount;
      sum.bytes += byteCount;
      servedBytes += byteCount;
    },
    firstByte(outcome, seconds) {
      firstByte.observe({ outcome }, seconds);
      if (isHit(outcome)) onHit(seconds * 1_000);
    },
    cut: () => cuts.inc(),
    takeServedBps(nowMs) {
      const seconds = (nowMs - takenAtMs) / 1_000;
      const bps = takenAtMs > 0 && seconds > 0 ? Math.round((servedBytes * 8) / seconds) : 0;
      servedBytes = 0;
      takenAtMs = nowMs;
      return bps;
    },
  };
}
