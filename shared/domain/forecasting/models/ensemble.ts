/**
 * Several models told of one asset side by side.
 *
 * All begin anew once demand has broken off: two days in a row a tenth of the least of the five before, which chance does not do. A
 * withdrawn title, or a client that fetched one all day and left, would be expected for weeks otherwise.
 */
import type { Day, Model, Track } from './model.ts';

const daysBefore = 5;
const brokenTo = 0.1;

export interface Ensemble {
  /** Writes what each model expects, in their order; asked only after the first `observe`. */
  expect(day: Day, into: Float64Array): void;
  observe(day: Day, bytes: number): void;
}

export function makeEnsemble(models: readonly Model[]): Ensemble {
  let tracks: readonly Track[] = models.map((model) => model.begin());
  /** The last days, round. */
  const recent = new Float64Array(daysBefore + 1);
  let count = 0;
  let previous: Day | null = null;

  const hasBrokenOff = (bytes: number, before: number): boolean => {
    if (count <= daysBefore) return false;
    const most = Math.max(bytes, before) / brokenTo;
    for (let back = 2; back <= daysBefore + 1; back += 1) {
      const earlier = recent[(count - back) % recent.length] ?? 0;
      if (earlier === 0 || earlier < most) return false;
    }
    return true;
  };

  return {
    expect(day, into) {
      for (let at = 0; at < tracks.length; at += 1) into[at] = tracks[at]?.expect(day) ?? 0;
    },
    observe(day, bytes) {
      const before = recent[(count - 1 + recent.length) % recent.length] ?? 0;
      if (previous && hasBrokenOff(bytes, before)) {
        tracks = models.map((model) => model.begin());
        for (const track of tracks) track.observe(previous, before);
      }
      for (const track of tracks) track.observe(day, bytes);
      recent[count % recent.length] = bytes;
      count += 1;
      previous = day;
    },
  };
}
