/** How much of a region's disks plans leave to what viewers pull: decided from replays of the region's own log. */
import type { PlanRoom } from '../fill.ts';
import { storeKeys } from '../keys.ts';
import { pulledReserveShare } from '../planning/limits.ts';
import type { DayServed } from './replay-share.ts';

/** What can be chosen. Plans keep a tenth at least: for what must be there, premieres, and what a log cannot tell. */
export const choosableShares: readonly number[] = [0.02, 0.05, 0.1, 0.2, 0.35, 0.6, 0.9];

export interface ShareResult {
  readonly share: number;
  /** Share of the counted bytes that came from the disk. */
  readonly byteHitRatio: number;
  /** Byte hits above the present share's, and the standard error of it by the days' differences. */
  readonly gain: number;
  readonly gainError: number;
}

/** `rooms/<region>/<date>.json`: one decision, never changed. */
export interface PulledRoom {
  readonly schema: 1;
  readonly regionId: string;
  /** The day on which it was decided, UTC. */
  readonly date: string;
  /** ISO 8601, UTC. */
  readonly decidedAt: string;
  /** Of each disk, from now on. */
  readonly share: number;
  /** What held before. */
  readonly before: number;
  /** In words. */
  readonly reason: string;
  /** By share, the smallest first. */
  readonly results: readonly ShareResult[];
  /** Days that were replayed, and of them those that counted. */
  readonly days: number;
  readonly countedDays: number;
  /** Requests of each replay, and the share of the assets that they were sampled from. */
  readonly requests: number;
  readonly sampledShare: number;
  /** Of the region's disks. */
  readonly capacityBytes: number;
}

/** Less than this, in byte hits, is not worth moving a disk's content for. */
const leastGain = 0.005;
/** A gain must be so many times its standard error. */
const leastErrors = 2;

/** The present share with those it is compared with. */
export const sharesToReplay = (present: number): number[] =>
  [...new Set([...choosableShares, present])].sort((a, b) => a - b);

/**
 * Moves only for a gain that is worth it and that the days agree on; then to the share nearest to the present one among
 * those that are as good as the best. So small differences, which are mostly chance, move nothing.
 *
 * @param replays by share; the present one among them.
 */
export function chooseShare(
  present: number,
  replays: ReadonlyMap<number, readonly DayServed[]>,
): Pick<PulledRoom, 'share' | 'before' | 'reason' | 'results'> {
  const now = replays.get(present) ?? [];
  const results = [...replays]
    .map(([share, days]) => ({ share, byteHitRatio: ratioOf(days), ...gainOver(now, days) }))
    .sort((a, b) => a.share - b.share);
  const better = results.filter(({ gain, gainError }) => gain >= Math.max(leastGain, leastErrors * gainError));
  const best = better.reduce((most, { byteHitRatio }) => Math.max(most, byteHitRatio), 0);
  const [chosen] = better
    .filter(({ byteHitRatio }) => byteHitRatio >= best - leastGain)
    .sort((a, b) => Math.abs(a.share - present) - Math.abs(b.share - present));
  const before = { before: present, results };
  const held = `${percent(ratioOf(now))} of the bytes with ${percent(present)} left`;
  const over = `The last ${now.length} counted days`;
  if (chosen) {
    const served = `${percent(chosen.byteHitRatio)} with ${percent(chosen.share)}`;
    return { ...before, share: chosen.share, reason: `${over}, replayed, had ${held}, and ${served}.` };
  }
  const most = results.reduce((a, b) => (b.byteHitRatio > a.byteHitRatio ? b : a), {
    share: present,
    byteHitRatio: ratioOf(now),
  });
  const other =
    most.share === present
      ? 'and no more with any other share'
      : `and ${percent(most.byteHitRatio)} at most, with ${percent(most.share)}, which is too little to move for`;
  return { ...before, share: present, reason: `${over}, replayed, had ${held}, ${other}.` };
}

/** What holds now, with the last decision even where an operator has set something else. */
export interface RoomNow extends PlanRoom {
  readonly decision: PulledRoom | null;
}

/** What a plan is to keep to. @param setting an operator's word; null leaves it to the log. */
export function planRoomOf(setting: number | null, decided: PulledRoom | null): PlanRoom {
  if (setting !== null) return { share: setting, key: null, reason: 'An operator set it.' };
  if (decided)
    return { share: decided.share, key: storeKeys.room(decided.regionId, decided.date), reason: decided.reason };
  return { share: pulledReserveShare, key: null, reason: 'The default, until there is a week of log to decide from.' };
}

const sum = (values: readonly number[]): number => values.reduce((total, each) => total + each, 0);

const ratioOf = (days: readonly DayServed[]): number => {
  const served = sum(days.map(({ servedBytes }) => servedBytes));
  return served > 0 ? sum(days.map(({ hitBytes }) => hitBytes)) / served : 0;
};

/** All shares are replayed over the same days, so that a day's chance is in both and falls out of the difference. */
function gainOver(now: readonly DayServed[], days: readonly DayServed[]): Pick<ShareResult, 'gain' | 'gainError'> {
  const gain = ratioOf(days) - ratioOf(now);
  const daily = days.flatMap(({ servedBytes, hitBytes }, at) =>
    servedBytes > 0 ? [(hitBytes - (now[at]?.hitBytes ?? 0)) / servedBytes] : [],
  );
  if (daily.length < 2) return { gain, gainError: Math.abs(gain) };
  const mean = sum(daily) / daily.length;
  const squares = sum(daily.map((each) => (each - mean) ** 2));
  return { gain, gainError: Math.sqrt(squares / (daily.length * (daily.length - 1))) };
}

const percent = (share: number): string => `${Number((share * 100).toFixed(1))}%`;
