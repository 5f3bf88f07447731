/** The models that are blended for each class of assets. */
import { type SeriesClass, seriesClasses } from '../../fill.ts';
import type { AgeCurve } from '../age-curve.ts';
import { dampedEts } from './damped-ets.ts';
import type { Model } from './model.ts';
import { newTitleDecay } from './new-title-decay.ts';
import { persistence } from './persistence.ts';
import { seasonalMean } from './seasonal-mean.ts';
import { shareOfRegion } from './share-of-region.ts';

export interface Family {
  readonly models: readonly Model[];
  /**
   * Weights, by model, before a region's own past says anything; their sum is 1.
   */
  readonly usual: ReadonlyMap<SeriesClass, readonly number[]>;
  /** Whether a model is tried on a class. */
  isCandidate(model: number, seriesClass: SeriesClass): boolean;
}

/** A model and its weights for what has been there for long, and for new titles. */
const members: readonly (readonly [of: (curve: AgeCurve) => Model, grown: number, isNew: number])[] = [
  [() => persistence, 0.1, 0.3],
  [() => seasonalMean, 0, 0],
  [() => dampedEts, 0.25, 0],
  [() => shareOfRegion(1), 0.25, 0.3],
  [() => shareOfRegion(4), 0.25, 0],
  [() => shareOfRegion(14), 0.15, 0],
  [newTitleDecay, 0, 0.4],
];

/** Everything in one fixed order, so that ties fall the same way each time. */
export function makeFamily(curve: AgeCurve): Family {
  const usual = seriesClasses.map(
    (name) => [name, members.map(([, grown, isNew]) => (name === 'new' ? isNew : grown))] as const,
  );
  return {
    models: members.map(([of]) => of(curve)),
    usual: new Map(usual),
    isCandidate: (model, seriesClass) => model !== members.length - 1 || seriesClass === 'new',
  };
}
