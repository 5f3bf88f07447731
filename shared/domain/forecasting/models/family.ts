/** The models that compete for each class of assets. */
import type { SeriesClass } from '../../fill.ts';
import type { AgeCurve } from '../age-curve.ts';
import { blend } from './blend.ts';
import { dampedEts } from './damped-ets.ts';
import type { Model } from './model.ts';
import { newTitleDecay } from './new-title-decay.ts';
import { persistence } from './persistence.ts';
import { seasonalMean } from './seasonal-mean.ts';
import { weightedMean } from './weighted-mean.ts';

export interface Family {
  readonly models: readonly Model[];
  /** Place of the model that is used while there is too little to choose by. */
  readonly fallback: number;
  /** Whether a model is tried on a class. */
  isCandidate(model: number, seriesClass: SeriesClass): boolean;
}

/** Everything in one fixed order, so that ties fall the same way each time. */
export function makeFamily(curve: AgeCurve): Family {
  const models = [
    weightedMean,
    persistence,
    seasonalMean,
    dampedEts,
    blend([weightedMean, seasonalMean, dampedEts]),
    newTitleDecay(curve),
  ];
  return {
    models,
    fallback: 4,
    isCandidate: (model, seriesClass) => model !== models.length - 1 || seriesClass === 'new',
  };
}
