/** What each model of the family alone says of a day, and the two plainest ones, from the same past as the product's. */
import type { SeriesClass } from '../../../shared/domain/fill.ts';
import { learnAgeCurve } from '../../../shared/domain/forecasting/age-curve.ts';
import type { History } from '../../../shared/domain/forecasting/history.ts';
import { daysOf } from '../../../shared/domain/forecasting/level.ts';
import { makeEnsemble } from '../../../shared/domain/forecasting/models/ensemble.ts';
import { makeFamily } from '../../../shared/domain/forecasting/models/family.ts';
import { boundsOf, classOf, isNew, volumesOf } from '../../../shared/domain/forecasting/series-class.ts';
import { walk } from '../../../shared/domain/forecasting/walk.ts';
import { weekdayFactors } from '../../../shared/domain/forecasting/weekday.ts';

export interface Said {
  readonly expected: number;
  readonly low?: number;
  readonly high?: number;
}

export interface Alone {
  readonly assetId: string;
  readonly seriesClass: SeriesClass;
  readonly models: readonly (readonly [name: string, expected: number])[];
}

export function* eachAlone(history: History, day: number): Generator<Alone> {
  const { axis } = history;
  const until = axis.dates.length;
  const factors = weekdayFactors(axis);
  const days = daysOf(axis, factors, day);
  const target = days.pop();
  if (!target) return;
  const { models } = makeFamily(learnAgeCurve(history, factors, until));
  const said = new Float64Array(models.length);
  const volumes = volumesOf(history, until);
  const bounds = boundsOf(volumes);
  for (let place = 0; place < history.size; place += 1) {
    const one = history.series(place);
    const ensemble = makeEnsemble(models);
    const recent: number[] = [];
    walk(one, days, (step) => {
      ensemble.observe(step.day, step.believed);
      recent.push(step.bytes);
    });
    ensemble.expect(target, said);
    const lastSeven = recent.slice(-7);
    yield {
      assetId: one.assetId,
      seriesClass: isNew(axis, one, day) ? 'new' : classOf(volumes[place] ?? 0, bounds),
      models: [
        ['yesterday', recent.at(-1) ?? 0],
        ['mean7', lastSeven.reduce((sum, bytes) => sum + bytes, 0) / Math.max(1, lastSeven.length)],
        ...models.map((model, at) => [model.name, said[at] ?? 0] as const),
      ],
    };
  }
}
