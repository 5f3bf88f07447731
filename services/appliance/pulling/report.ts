/** What pulling tells the metrics. */
import type { Metrics } from '../../../shared/platform/metrics.ts';
import type { PullSource } from '../upstream.ts';
import type { BreakerState } from './breaker.ts';

export interface PullReport {
  /** One question to one source. `result` is `ok`, `cancelled` or a PullError's code. */
  asked(source: PullSource, result: string, bytes: number): void;
  notKept(key: string, why: string): void;
  retried(): void;
  hedged(): void;
  /** The second one that was asked was first. */
  hedgeWon(): void;
  /** Answered from what an upstream said a moment ago. */
  refusedFromMemory(code: string): void;
  breaker(sourceId: string, state: BreakerState): void;
  /** Nobody waits for a pull any more; `finished` when it goes on nevertheless. */
  abandoned(end: 'finished' | 'cancelled', arrivedBytes: number): void;
}

const states: Readonly<Record<BreakerState, number>> = { closed: 0, 'half-open': 1, open: 2 };

export interface PullReportOptions {
  readonly onNotKept: (key: string, why: string) => void;
  /** Bytes came from a shield or the object store: over the line that a region pays for. */
  readonly onCrossed: (bytes: number) => void;
}

export function makePullReport(metrics: Metrics, { onNotKept, onCrossed }: PullReportOptions): PullReport {
  const asked = metrics.counter('nightfill_upstream_requests_total', 'Pull requests sent.', ['kind', 'result']);
  const pulled = metrics.counter('nightfill_upstream_bytes_total', 'Bytes pulled and verified.', ['kind']);
  const notKept = metrics.counter('nightfill_pulled_not_kept_total', 'Pulled slices that were not stored.', ['why']);
  const retries = metrics.counter('nightfill_upstream_retries_total', 'Upstreams asked again after all had failed.');
  const hedges = metrics.counter('nightfill_upstream_hedges_total', 'Second upstreams asked because one was slow.');
  const hedgesWon = metrics.counter('nightfill_upstream_hedges_won_total', 'Hedges that were first.');
  const negatives = metrics.counter(
    'nightfill_pull_refused_from_memory_total',
    'Pulls refused by what an upstream had said a moment before.',
    ['code'],
  );
  const breakers = metrics.gauge('nightfill_upstream_breaker_state', '0 closed, 1 half-open, 2 open.', ['upstream']);
  const openings = metrics.counter('nightfill_upstream_breaker_openings_total', 'Times it opened.', ['upstream']);
  const abandoned = metrics.counter('nightfill_pulls_abandoned_total', 'Pulls that all who waited left.', ['end']);
  const abandonedBytes = metrics.counter('nightfill_pulls_cancelled_bytes_total', 'Bytes that came for nobody.');
  return {
    asked(source, result, byteCount) {
      const kind = source.outcome.replace('pull-', '');
      asked.inc({ kind, result });
      if (byteCount > 0) pulled.inc({ kind }, byteCount);
      if (byteCount > 0 && source.outcome !== 'pull-peer') onCrossed(byteCount);
    },
    notKept(key, why) {
      notKept.inc({ why });
      // That something is not worth its place is no trouble.
      if (why !== 'worth-less') onNotKept(key, why);
    },
    retried: () => retries.inc(),
    hedged: () => hedges.inc(),
    hedgeWon: () => hedgesWon.inc(),
    refusedFromMemory: (code) => negatives.inc({ code }),
    breaker(upstream, state) {
      breakers.set({ upstream }, states[state]);
      if (state === 'open') openings.inc({ upstream });
    },
    abandoned(end, arrivedBytes) {
      abandoned.inc({ end });
      if (end === 'cancelled') abandonedBytes.inc(arrivedBytes);
    },
  };
}
