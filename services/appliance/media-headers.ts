/** Headers of media answers, in blocks that are made once: of the product, of a file, of an outcome. */
import type { Outcome } from '../../shared/domain/demand.ts';
import { licenceMethods, mediaMethods } from './cors.ts';
import { type HeaderBlock, headerBlock } from './exchange.ts';

export const allowHeader = { allow: mediaMethods };
export const licenceAllowHeader = { allow: licenceMethods };

/**
 * RFC 9211: what this cache did, with our own word for it as `detail`.
 *
 * `stored` is left out, for that is decided while the answer is on its way already; so are `ttl`, which is the `max-age` of
 * the same answer, and `key`, which is its path.
 */
export function cacheStatus(applianceId: string, outcome: Outcome): string {
  const how =
    outcome.startsWith('hit-') || outcome === 'not-modified'
      ? ' hit;'
      : outcome === 'coalesced'
        ? ' fwd=miss; collapsed;'
        : outcome.startsWith('pull-') || outcome.startsWith('upstream-')
          ? ' fwd=miss;'
          : '';
  return `nightfill-${applianceId};${how} detail=${outcome}`;
}

/** `Server-Timing`: the outcome with the time to the first slice, and what it took besides, where it took something. */
export const serverTiming = (outcome: Outcome, ms: string, how?: string | null): string =>
  `cache;desc="${outcome}";dur=${ms}${how ? `, pull;desc="${how}"` : ''}`;

/** What happened to one request: `Cache-Status` and `Server-Timing`. */
export function makeOutcomeHeaders(
  applianceId: string,
): (outcome: Outcome, tookMs: number, how?: string | null) => HeaderBlock {
  const atOnce = new Map<Outcome, HeaderBlock>();
  const make = (outcome: Outcome, ms: string, how?: string | null): HeaderBlock =>
    headerBlock({
      'cache-status': cacheStatus(applianceId, outcome),
      'server-timing': serverTiming(outcome, ms, how),
    });
  return (outcome, tookMs, how) => {
    if (tookMs >= 0.05 || how) return make(outcome, tookMs.toFixed(1), how);
    let block = atOnce.get(outcome);
    if (!block) {
      block = make(outcome, '0.0');
      atOnce.set(outcome, block);
    }
    return block;
  };
}
