/**
 * Replays a region's requests through one policy and counts what an operator would pay for.
 *
 * The first days warm the cache and are not counted. Upstream bytes are all that crossed into the region, asked for or
 * pushed, each in the hour in which it came; so a policy cannot hide a miss behind a push.
 */
import { makeFillLedger } from './fill-ledger.ts';
import { hit, type PolicyFactory, stored } from './policy.ts';
import { dayS, hourS, midnightBefore, type Selection } from './trace.ts';

export interface ReplayOptions {
  readonly capacityBytes: number;
  /** The counting begins at the midnight (UTC) so many days after the midnight before the first request. */
  readonly warmupDays: number;
}

export interface ReplayResult {
  readonly byteHitRatio: number;
  readonly objectHitRatio: number;
  readonly countedRequests: number;
  readonly servedBytes: number;
  readonly upstreamBytes: number;
  /** Mean rate of the hour with most upstream bytes, bits a second. */
  readonly peakUpstreamBps: number;
  readonly fillBytes: number;
  readonly wastedFillBytes: number;
  /** Bytes written to disk: pulled and kept, or pushed. */
  readonly churnBytes: number;
  /** By day after the warm-up: bytes served, and of them from the cache. */
  readonly days: readonly { readonly servedBytes: number; readonly hitBytes: number }[];
}

export function replay(
  selection: Selection,
  factory: PolicyFactory,
  { capacityBytes, warmupDays }: ReplayOptions,
): ReplayResult {
  const { trace, positions, region } = selection;
  const { times, objects, sizes, regionOf, bytes } = trace;
  const ledger = makeFillLedger(sizes);
  const policy = factory({ capacityBytes, sizes, selection, ledger });
  const { tick } = policy;
  const observe = policy.observe?.bind(policy);

  const startS = midnightBefore(times[positions[0] ?? 0] ?? 0);
  const endS = times[positions.at(-1) ?? 0] ?? 0;
  const countFromS = startS + warmupDays * dayS;
  const hours = Math.max(0, Math.floor((endS - countFromS) / hourS) + 1);
  const upstream = new Float64Array(hours);
  const served = new Float64Array(hours);
  const missed = new Float64Array(hours);
  let requests = 0;
  let hits = 0;
  const sums = new Float64Array(1);

  let isCounting = false;
  let nextTickS = tick ? Math.ceil(startS / tick.everyS) * tick.everyS : Number.POSITIVE_INFINITY;
  const first = observe ? 0 : (positions[0] ?? 0);
  const last = positions.length === 0 ? -1 : (positions.at(-1) ?? -1);
  let place = 0;
  for (let position = first; position <= last; position += 1) {
    const isOwn = region === null || regionOf[position] === region;
    if (!isOwn && !observe) {
      // Nobody cares about the others: on to the region's next request.
      position = (positions[place] ?? last + 1) - 1;
      continue;
    }
    const timeS = times[position] ?? 0;
    while (tick && timeS >= nextTickS) {
      if (!isCounting && nextTickS >= countFromS) {
        isCounting = true;
        ledger.restart();
      }
      ledger.setTime(nextTickS);
      tick.at(nextTickS);
      const recent = ledger.takeRecent();
      if (isCounting) {
        const hour = Math.floor((nextTickS - countFromS) / hourS);
        upstream[hour] = (upstream[hour] ?? 0) + recent;
        sums[0] = (sums[0] ?? 0) + recent;
      }
      nextTickS += tick.everyS;
    }
    const object = objects[position] ?? 0;
    if (!isOwn) {
      observe?.(object, timeS, regionOf[position] ?? 0);
      continue;
    }
    place += 1;
    if (!isCounting && timeS >= countFromS) {
      isCounting = true;
      ledger.restart();
    }
    const answer = policy.request(object, timeS, position);
    if (tick && answer === hit) ledger.hit(object);
    if (!isCounting) continue;
    requests += 1;
    const size = bytes ? (bytes[position] ?? 0) : (sizes[object] ?? 0);
    const hour = ((timeS - countFromS) / hourS) | 0;
    served[hour] = (served[hour] ?? 0) + size;
    if (answer === hit) {
      hits += 1;
      continue;
    }
    upstream[hour] = (upstream[hour] ?? 0) + size;
    missed[hour] = (missed[hour] ?? 0) + size;
    if (answer === stored) sums[0] = (sums[0] ?? 0) + (sizes[object] ?? 0);
  }

  const { fillBytes, wastedBytes } = ledger.totals(Math.ceil(endS / hourS) * hourS);
  const servedBytes = sum(served);
  return {
    byteHitRatio: servedBytes > 0 ? 1 - sum(missed) / servedBytes : 0,
    objectHitRatio: requests > 0 ? hits / requests : 0,
    countedRequests: requests,
    servedBytes,
    upstreamBytes: sum(upstream),
    peakUpstreamBps: Math.round((upstream.reduce((most, each) => Math.max(most, each), 0) * 8) / hourS),
    fillBytes,
    wastedFillBytes: wastedBytes,
    churnBytes: sums[0] ?? 0,
    days: Array.from({ length: Math.ceil(hours / 24) }, (_, day) => {
      const of = (column: Float64Array): number => sum(column.subarray(day * 24, day * 24 + 24));
      return { servedBytes: of(served), hitBytes: of(served) - of(missed) };
    }),
  };
}

const sum = (column: Float64Array): number => column.reduce((total, each) => total + each, 0);
