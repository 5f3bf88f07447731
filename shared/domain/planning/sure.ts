/**
 * Whether a file is as good as certain to be asked for on its day, from its forecast alone, and not for what viewers ask for already.
 *
 * A plan is made once a day, what viewers pull is weighed every few minutes. So a plan overrides that only where it knows what
 * today's demand does not show (`rises`), and is sure of it: where the low end of its forecast is of so many requests for the whole
 * file that, by Poisson's law, nine of ten such files are asked for. Forecasts of the others are as often too high as too low,
 * and the highest of them are too high (docs/decisions/0064).
 */
import type { AssetForecast } from '../fill.ts';

export type Sureness = Pick<AssetForecast, 'expectedBytes' | 'lowBytes' | 'rises'>;

/** So many requests expected, and the chance of none is a tenth. */
export const leastSureRequests = Math.LN10;

/** A disk that would not be so full with another file as large as its largest (`held.ts`) has room that costs nobody a place. */
export const fullShare = 0.95;

/** The low end of the interval, as a share of what is expected; 0 where no rise is expected. */
export const lowShareOf = ({ expectedBytes, lowBytes, rises }: Sureness): number =>
  rises && expectedBytes > 0 ? Math.min(1, lowBytes / expectedBytes) : 0;

/** @param value expected bytes per byte of the file, which is how often it is expected to be asked for as a whole. */
export const isSure = (value: number, lowShare: number): boolean => value * lowShare >= leastSureRequests;
