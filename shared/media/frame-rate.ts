/** Frame rates as fractions, because 29.97 is really 30000/1001 and an hour of the difference is 3.6 s. */
export interface FrameRate {
  readonly numerator: number;
  readonly denominator: number;
}

const rate = (numerator: number, denominator = 1): FrameRate => ({ numerator, denominator });

/** Rates that encodes use, ascending. */
export const standardRates: readonly FrameRate[] = [
  rate(5),
  rate(6),
  rate(8),
  rate(10),
  rate(12),
  rate(25, 2),
  rate(15),
  rate(18),
  rate(20),
  rate(24_000, 1001),
  rate(24),
  rate(25),
  rate(30_000, 1001),
  rate(30),
  rate(48),
  rate(50),
  rate(60_000, 1001),
  rate(60),
];

export const fps = ({ numerator, denominator }: FrameRate): number => numerator / denominator;

/** To 5%. */
const areFields = (real: number, average: number): boolean => Math.abs(real / average - 2) < 0.1;

const maxRate = 60;
const fallbackRate = rate(30);

/** The standard rate nearest in ratio. */
export function nearestRate(framesPerSecond: number): FrameRate {
  const distance = (candidate: FrameRate): number => Math.abs(Math.log(fps(candidate) / framesPerSecond));
  return standardRates.reduce((best, candidate) => (distance(candidate) < distance(best) ? candidate : best));
}

/**
 * The constant rate to encode a source at, from what ffprobe says: `real` is the lowest rate that all time stamps fit
 * (`r_frame_rate`), `average` frames over duration. Null where ffprobe does not know.
 *
 * A phone's variable rate has a sensible real rate and an average below it, a screen recording an average far below; a
 * container with a millisecond clock has a senseless real rate (1000) and a right average; of pictures stored as two fields
 * ffprobe tells the fields' rate, twice the average. Rates over 60 are divided until they fit, so that frames stay evenly
 * spaced.
 */
export function nominalRate(real: number | null, average: number | null): FrameRate {
  const sensible = (value: number | null): value is number => value !== null && value >= 1 && value <= 300;
  const realFits =
    sensible(real) &&
    (!sensible(average) || real <= average * 1.6 || (real <= maxRate * 1.01 && !areFields(real, average)));
  let value = realFits ? real : sensible(average) ? average : null;
  if (value === null) return fallbackRate;
  const whole = value;
  for (let divisor = 2; value > maxRate * 1.01; divisor++) value = whole / divisor;
  return nearestRate(value);
}
