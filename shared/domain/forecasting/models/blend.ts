import type { Model } from './model.ts';

/** The plain mean of several models: their errors cancel in part, and no choice among close ones can go wrong. */
export const blend = (models: readonly Model[]): Model => ({
  name: 'blend/1',
  begin() {
    const tracks = models.map((model) => model.begin());
    return {
      expect(day) {
        let sum = 0;
        for (const track of tracks) sum += track.expect(day);
        return sum / tracks.length;
      },
      observe(day, bytes) {
        for (const track of tracks) track.observe(day, bytes);
      },
    };
  },
});
