/**
 * How much of each model a blend takes.
 *
 * The weights, none below nothing and their sum 1, are those whose blend would have made the least squared error so far, with the models'
 * errors taken together (Bates & Granger, "The combination of forecasts", Operational Research Quarterly 20, 1969), drawn
 * towards the usual ones (Diebold & Pauly, "The use of prior information in forecast combination", International Journal of
 * Forecasting 6, 1990): estimated weights of few days would follow chance.
 */

/** Sums of products of the models' errors, and of how many days and forecasts. */
export interface ErrorProducts {
  /** By model and model. */
  readonly products: Float64Array;
  days: number;
  forecasts: number;
}

export const noProducts = (models: number): ErrorProducts => ({
  products: new Float64Array(models * models),
  days: 0,
  forecasts: 0,
});

export function addProducts(to: ErrorProducts, from: ErrorProducts): void {
  for (let at = 0; at < to.products.length; at += 1)
    to.products[at] = (to.products[at] ?? 0) + (from.products[at] ?? 0);
  to.days += from.days;
  to.forecasts += from.forecasts;
}

/** The usual weights count as so many days, and as so many forecasts. */
const usualDays = 1;
const usualForecasts = 50;
/** And so much of the models' mean: nothing that was right by chance is left alone. */
const ofMean = 0.05;
const mostMoves = 200;
/** Hundredths: weights are shown to people, and what is shown is what is used. */
const parts = 100;

/** @param usual sum 1; a model that is no candidate has no weight and gets none. */
export function blendWeights(
  { products, days, forecasts }: ErrorProducts,
  usual: readonly number[],
  isCandidate: (model: number) => boolean,
): readonly number[] {
  const size = usual.length;
  const among = usual.flatMap((_, model) => (isCandidate(model) ? [model] : []));
  const product = (a: number, b: number): number => products[a * size + b] ?? 0;
  if (days === 0 || forecasts === 0) return usual;
  const own = among.map((model) => product(model, model));
  /** In the measure of the best model's own errors: one that is nearly without needs little company. */
  const measure = Math.min(...own) + ofMean * (own.reduce((sum, each) => sum + each, 0) / own.length);
  const pull = (usualDays / days + usualForecasts / forecasts) * measure;
  const weights = [...usual];
  /** Moves weight from the model that does most harm to the one that does least, exactly as far as it helps. */
  for (let move = 0; move < mostMoves; move += 1) {
    const slope = among.map((model) => {
      let sum = pull * ((weights[model] ?? 0) - (usual[model] ?? 0));
      for (const other of among) sum += product(model, other) * (weights[other] ?? 0);
      return sum;
    });
    let [to, from] = [-1, -1];
    for (let at = 0; at < among.length; at += 1) {
      if (to < 0 || (slope[at] ?? 0) < (slope[to] ?? 0)) to = at;
      const holds = (weights[among[at] ?? 0] ?? 0) > 0;
      if (holds && (from < 0 || (slope[at] ?? 0) > (slope[from] ?? 0))) from = at;
    }
    const [best = 0, worst = 0] = [among[to], among[from]];
    const gain = (slope[from] ?? 0) - (slope[to] ?? 0);
    const curve = product(best, best) + product(worst, worst) - 2 * product(best, worst) + 2 * pull;
    if (from < 0 || best === worst || !(gain > 1e-12 * curve) || !(curve > 0)) break;
    const moved = Math.min(weights[worst] ?? 0, gain / curve);
    weights[worst] = (weights[worst] ?? 0) - moved;
    weights[best] = (weights[best] ?? 0) + moved;
  }
  return inHundredths(weights);
}

/** Rounded so that the sum stays 1: the largest remainders are rounded up. */
function inHundredths(weights: readonly number[]): readonly number[] {
  const scaled = weights.map((weight) => weight * parts);
  const whole = scaled.map((value) => Math.floor(value + 1e-9));
  const missing = parts - whole.reduce((sum, value) => sum + value, 0);
  const order = scaled
    .map((value, at) => ({ at, rest: value - (whole[at] ?? 0) }))
    .sort((a, b) => b.rest - a.rest || a.at - b.at)
    .slice(0, missing);
  for (const { at } of order) whole[at] = (whole[at] ?? 0) + 1;
  return whole.map((value) => value / parts);
}

export const blendOf = (weights: readonly number[], expected: Float64Array): number => {
  let sum = 0;
  for (let model = 0; model < weights.length; model += 1) {
    const weight = weights[model] ?? 0;
    if (weight > 0) sum += weight * (expected[model] ?? 0);
  }
  return sum;
};
