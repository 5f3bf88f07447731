/** Headers of media answers, in blocks that are made once: of the product, of a file, of an outcome. */
import type { Outcome } from '../../shared/domain/demand.ts';
import { type HeaderBlock, headerBlock } from './exchange.ts';

/** Players run in pages of any origin; without credentials, since the token is in the address. */
const corsFields = {
  'access-control-allow-origin': '*',
  'access-control-expose-headers':
    'Accept-Ranges, Cache-Status, Content-Encoding, Content-Length, Content-Range, ETag, Last-Modified, Server-Timing, X-Request-Id',
  'timing-allow-origin': '*',
};
export const corsHeaders = headerBlock(corsFields);

const methods = 'GET, HEAD, OPTIONS';
export const preflightHeaders = headerBlock({
  ...corsFields,
  'access-control-allow-methods': methods,
  'access-control-allow-headers': 'Range, If-Range, If-None-Match, If-Modified-Since, Cache-Control',
  'access-control-max-age': '86400',
  allow: methods,
});
export const allowHeader = { allow: methods };

const licenceMethods = 'POST, OPTIONS';
export const licencePreflightHeaders = headerBlock({
  ...corsFields,
  'access-control-allow-methods': licenceMethods,
  'access-control-allow-headers': 'Content-Type',
  'access-control-max-age': '86400',
  allow: licenceMethods,
});
export const licenceAllowHeader = { allow: licenceMethods };

/** RFC 9211: what this cache did, with our own word for it as `detail`. */
export function cacheStatus(applianceId: string, outcome: Outcome): string {
  const how = outcome.startsWith('hit-')
    ? ' hit;'
    : outcome === 'coalesced'
      ? ' fwd=miss; collapsed;'
      : outcome.startsWith('pull-')
        ? ' fwd=miss; stored;'
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
