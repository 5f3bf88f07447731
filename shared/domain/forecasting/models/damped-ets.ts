import type { Model } from './model.ts';

const levelGain = 0.3;
const trendGain = 0.05;
const seasonGain = 0.1;
/** What a trend keeps of itself from day to day. */
const damping = 0.9;
/** Bounds of an asset's own weekday factor, so that a day of nothing does not silence a weekday for ever. */
const leastSeason = 0.1;
const mostSeason = 5;

/**
 * Exponential smoothing with a damped trend and a multiplicative weekday factor of the asset's own, which starts as the
 * region's (Gardner & McKenzie 1985; Hyndman & Athanasopoulos, "Forecasting: principles and practice", 8.3). While an asset is
 * young its level is the plain mean.
 */
export const dampedEts: Model = {
  name: 'damped-ets/1',
  begin() {
    const ratios = new Float64Array(7).fill(1);
    let level = 0;
    let trend = 0;
    let days = 0;
    let last = 0;
    /** Over days of which nothing is known the trend runs on and dies away. */
    const ahead = (number: number): number =>
      Math.max(0, level + (trend * damping * (1 - dampingOver(number - last))) / (1 - damping));
    return {
      expect: ({ number, weekday, factor }) => ahead(number) * factor * (ratios[weekday] ?? 1),
      observe({ number, weekday, factor }, bytes) {
        const ratio = ratios[weekday] ?? 1;
        const usual = days > 0 ? ahead(number) : 0;
        const without = bytes / (factor * ratio);
        days += 1;
        const before = level;
        level = usual + Math.max(levelGain, 1 / days) * (without - usual);
        const damped = trend * dampingOver(number - last);
        if (days > 2) trend = damped + trendGain * ((level - before) / Math.max(1, number - last) - damped);
        if (usual > 0 && days > 7) {
          const seen = Math.min(mostSeason, Math.max(leastSeason, bytes / (usual * factor)));
          ratios[weekday] = ratio + seasonGain * (seen - ratio);
        }
        last = number;
      },
    };
  },
};

const dampingOver = (days: number): number => (days <= 1 ? damping : damping ** days);
