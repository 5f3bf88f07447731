import type { Model } from './model.ts';

/**
 * The asset's share of what the region watches, times what the region is expected to watch: a holiday, a strike or an outage moves all
 * assets together, and one asset's past alone tells that late.
 *
 * @param halfLifeDays after which a day counts half.
 */
export const shareOfRegion = (halfLifeDays: number): Model => {
  const ofOneDay = 0.5 ** (1 / halfLifeDays);
  return {
    name: `share-of-region-${halfLifeDays}d/1`,
    begin() {
      let bytes = 0;
      let level = 0;
      let last = 0;
      return {
        expect: ({ expectedLevel }) => (level > 0 ? (bytes / level) * expectedLevel : 0),
        observe(day, watched) {
          const gapDays = day.number - last;
          const decay = gapDays === 1 ? ofOneDay : level > 0 ? ofOneDay ** gapDays : 1;
          bytes = bytes * decay + watched;
          level = level * decay + day.level;
          last = day.number;
        },
      };
    },
  };
};
