import type { Outcome } from '../../shared/domain/demand.ts';
import { Problem, type ProblemCode } from '../../shared/platform/problem.ts';
import { PullError, type PullErrorCode } from './upstream.ts';

/** A refusal with the outcome under which it is counted. */
export class Refusal extends Problem {
  readonly outcome: Outcome;

  constructor(outcome: Outcome, code: ProblemCode, detail: string, headers: Readonly<Record<string, string>> = {}) {
    super(code, detail, { headers });
    this.name = 'Refusal';
    this.outcome = outcome;
  }
}

const denials = {
  'denied-no-token': 'token-missing',
  'denied-bad-token': 'token-invalid',
  'denied-expired': 'token-expired',
  'denied-not-covered': 'token-not-covering',
} as const satisfies Partial<Record<Outcome, ProblemCode>>;

const mends = {
  'denied-no-token': 'POST /v1/playback gives an address with one.',
  'denied-bad-token': 'POST /v1/playback gives a new address.',
  'denied-expired': 'POST /v1/playback gives a new address.',
  'denied-not-covered': 'A token opens one version of one asset.',
} as const satisfies Record<keyof typeof denials, string>;

export function refuseToken(outcome: keyof typeof denials, detail: string): Refusal {
  const headers = outcome === 'denied-not-covered' ? {} : { 'www-authenticate': 'Bearer realm="nightfill"' };
  return new Refusal(outcome, denials[outcome], `${detail} ${mends[outcome]}`, headers);
}

const pullRefusals: Readonly<Record<PullErrorCode, readonly [Outcome, ProblemCode, string]>> = {
  'not-found': ['not-found', 'not-found', 'There is no such version.'],
  gone: ['version-gone', 'version-gone', 'This version was deleted.'],
  'not-held': ['not-found', 'not-held', 'Only held content was asked for, and this is not held.'],
  mismatch: ['upstream-mismatch', 'upstream-failed', 'The upstreams sent other bytes than were published.'],
  failed: ['upstream-failed', 'upstream-failed', 'No upstream could deliver this now; it is worth trying again.'],
  'timed-out': ['upstream-failed', 'upstream-timed-out', 'The upstreams are too slow now; it is worth trying again.'],
  abandoned: ['upstream-failed', 'upstream-failed', 'Whoever asked for this had left.'],
};

/** A pull that failed, as the caller sees it. Which upstream failed and why is for the log alone. */
export function refusePull(error: unknown): unknown {
  if (!(error instanceof PullError)) return error;
  const [outcome, code, detail] = pullRefusals[error.code];
  const isWorthAnother = code === 'upstream-failed' || code === 'upstream-timed-out';
  const headers = isWorthAnother ? { 'retry-after': String(error.retryAfterS ?? 2) } : {};
  const refusal = new Refusal(outcome, code, detail, headers);
  refusal.cause = error;
  return refusal;
}
