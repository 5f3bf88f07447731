import type { Model } from './model.ts';

/** What was watched a week ago counts half. */
export const halfLifeDays = 7;

/** The recency-weighted mean of daily demand with the weekday taken out, times the region's factor for the weekday. */
export const weightedMean: Model = {
  name: 'weighted-mean-weekday/1',
  begin() {
    let sum = 0;
    let weight = 0;
    let last = 0;
    return {
      expect: ({ factor }) => (weight > 0 ? (sum / weight) * factor : 0),
      observe({ number, factor }, bytes) {
        const decay = weight > 0 ? decayOver(number - last) : 1;
        sum = sum * decay + bytes / factor;
        weight = weight * decay + 1;
        last = number;
      },
    };
  },
};

const ofOneDay = 0.5 ** (1 / halfLifeDays);

/** What a value keeps of its weight after so many days. */
export const decayOver = (days: number): number => (days === 1 ? ofOneDay : 0.5 ** (days / halfLifeDays));
