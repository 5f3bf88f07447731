import { describe, expect, it } from 'vitest';
import { makeCacheForecaster, makeForecastCache } from '../../caching/forecast-cache.ts';
import type { PopularityForecaster } from './popularity-forecaster.ts';
import { makeRandom } from './random.ts';
import { shareForecaster } from './shared-forecaster.ts';

const objects = 60;
const hours = 72;
const sizes = { cells: Float64Array.from({ length: objects }, (_, object) => 1_000_000 + object * 10_000) };

/** Three days of requests here and elsewhere, on disks side by side; what each answers, and what comes and goes. */
function diaries(disks: readonly { readonly capacityBytes: number; readonly forecaster?: PopularityForecaster }[]) {
  const told = disks.map((): string[] => []);
  const caches = disks.map((disk, index) =>
    makeForecastCache({
      ...disk,
      sizes,
      onPush: (object) => told[index]?.push(`push ${object}`),
      onEvict: (object) => told[index]?.push(`evict ${object}`),
    }),
  );
  const random = makeRandom(3);
  for (let hour = 0; hour < hours; hour += 1) {
    for (const cache of caches) for (const work = cache.advance(hour * 3_600); !work.next().done; );
    for (let request = 0; request < 120; request += 1) {
      const object = Math.floor(random() ** 3 * objects);
      const timeS = hour * 3_600 + request * 30;
      const isHere = random() < 0.7;
      for (const [index, cache] of caches.entries()) {
        if (!isHere) cache.observe(object, timeS);
        else if (cache.ask(object, timeS)) told[index]?.push(`hit ${object}`);
        else told[index]?.push(`${cache.offer(object, timeS) ? 'keep' : 'pass'} ${object}`);
      }
    }
  }
  return told;
}

describe('a shared forecaster', () => {
  const capacities = [4e6, 12e6, 30e6];

  it('gives each cache what one of its own would', () => {
    const forecasters = shareForecaster(makeCacheForecaster(objects), capacities.length);
    const shared = diaries(
      capacities.flatMap((capacityBytes, index) => {
        const forecaster = forecasters[index];
        return forecaster ? [{ capacityBytes, forecaster }] : [];
      }),
    );
    expect(shared).toEqual(capacities.flatMap((capacityBytes) => diaries([{ capacityBytes }])));
    expect(new Set(shared.map((diary) => diary.join())).size).toBe(capacities.length);
  });

  it('sees at once what a request changes', () => {
    const [first, second] = shareForecaster(makeCacheForecaster(2), 2);
    first?.see(0, 100);
    second?.see(0, 100);
    const before = second?.expectLog(0, 100) ?? Number.NaN;
    first?.see(0, 100);
    second?.see(0, 100);
    expect(second?.expectLog(0, 100)).toBeGreaterThan(before);
    expect(second?.expectLog(0, 100)).toBe(first?.expectLog(0, 100));
  });
});
