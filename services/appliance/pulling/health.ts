/** What this appliance remembers of each upstream it asks: whether it works, and how long it takes. */
import { sliceSizeBytes } from '../../../shared/domain/manifest.ts';
import type { PullSource } from '../upstream.ts';
import { type Breaker, type BreakerState, makeBreaker } from './breaker.ts';
import { type Delays, makeDelays } from './delays.ts';

export interface Health {
  readonly breaker: Breaker;
  /** From a request to the head of its answer. */
  readonly head: Delays;
  /** From the head to the end, for a whole slice. */
  readonly body: Delays;
  /** Failed lately: asked after those that did not. */
  isTired(): boolean;
  failed(): void;
  succeeded(): void;
  /**
   * Wrong bytes of one object say that the object is damaged there; of several in a row, that the upstream is.
   * True for the latter.
   */
  mismatched(key: string): boolean;
}

export interface HealthTable {
  of(source: PullSource): Health;
  /** Those that are not asked now, or only to see whether they work again. */
  resting(): readonly string[];
}

const restAfterFailureMs = 5_000;
const maxSources = 256;
const breakerRules = {
  windowMs: 10_000,
  leastRequests: 8,
  failureShare: 0.5,
  restMs: 1_000,
  maxRestMs: 30_000,
} as const;

export function makeHealthTable(now: () => number, onState: (id: string, state: BreakerState) => void): HealthTable {
  const table = new Map<string, Health>();

  function make(id: string): Health {
    let failedMs: number | null = null;
    let mismatchedKey: string | null = null;
    onState(id, 'closed');
    return {
      breaker: makeBreaker({ ...breakerRules, now, onChange: (state) => onState(id, state) }),
      head: makeDelays(),
      body: makeDelays(),
      isTired() {
        const passedMs = failedMs === null ? -1 : now() - failedMs;
        return passedMs >= 0 && passedMs < restAfterFailureMs;
      },
      failed() {
        failedMs = now();
      },
      succeeded() {
        failedMs = null;
        mismatchedKey = null;
      },
      mismatched(key) {
        const isAnother = mismatchedKey !== null && mismatchedKey !== key;
        mismatchedKey = key;
        return isAnother;
      },
    };
  }

  return {
    of({ id }) {
      const known = table.get(id) ?? make(id);
      table.set(id, known);
      if (table.size > maxSources) {
        const [oldest] = table.keys();
        if (oldest !== undefined) table.delete(oldest);
      }
      return known;
    },
    resting: () =>
      [...table].filter(([, { breaker }]) => breaker.restsForMs > 0 || breaker.state === 'half-open').map(([id]) => id),
  };
}

const leastHeadMs = 30;
const leastBodyMs = 500;

/** How long to wait for the head before a second upstream is asked as well; null: not known well enough. */
export function patienceForHead({ head }: Health): number | null {
  const ms = head.p95Ms();
  return ms === null ? null : Math.max(leastHeadMs, ms);
}

/** The same for the rest of the answer, from its head on. */
export function patienceForBody({ body }: Health, sizeBytes: number): number | null {
  const ms = body.p95Ms();
  return ms === null ? null : Math.max(leastBodyMs, (2 * ms * sizeBytes) / sliceSizeBytes);
}

/** Small answers say nothing of the rate. */
const leastTellingBytes = 64 * 1024;

export function noteTimes({ head, body }: Health, headMs: number, bodyMs: number, bytes: number): void {
  head.record(headMs);
  if (bytes >= leastTellingBytes) body.record((bodyMs * sliceSizeBytes) / bytes);
}
