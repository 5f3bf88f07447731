/**
 * Chooses what to push into a region's disk: by falling expectation, what is trusted to be asked for, and worth clearly
 * more than what would leave for it, if anything has to.
 */

export interface TopUpCandidate {
  readonly object: number;
  /** Natural logarithm of its expected requests; it ranks by bytes served per byte stored. */
  readonly expectedLog: number;
  readonly sizeBytes: number;
}

export interface TopUpInput {
  /** Objects that are not held; sorted in place. */
  readonly candidates: TopUpCandidate[];
  /** Bytes that may be pushed this time. */
  readonly budgetBytes: number;
  /** Whether a push of such an expectation is, by experience, asked for. */
  readonly isTrusted: (expectedLog: number) => boolean;
  /** Value of what would leave first for so many bytes, at this moment; -Infinity where there is room. */
  readonly leastHeldLog: (sizeBytes: number) => number;
  /** Makes room and takes the object; false if something more valuable would have to leave. */
  readonly take: (candidate: TopUpCandidate) => boolean;
}

/**
 * The swap cost: what comes must be worth three times what leaves. Forecasts of what is close to the margin are
 * as often too high as too low, and the highest of many are too high: a push at equal value gains nothing.
 */
export const swapFactor = 3;
const swapLog = Math.log(swapFactor);

/** Returns the bytes taken. */
export function chooseTopUp({ candidates, budgetBytes, isTrusted, leastHeldLog, take }: TopUpInput): number {
  candidates.sort((a, b) => b.expectedLog - a.expectedLog || a.object - b.object);
  let takenBytes = 0;
  for (const candidate of candidates) {
    const { expectedLog, sizeBytes } = candidate;
    if (expectedLog < leastHeldLog(sizeBytes) + swapLog) continue;
    if (takenBytes + sizeBytes > budgetBytes || !isTrusted(expectedLog)) continue;
    if (take(candidate)) takenBytes += sizeBytes;
  }
  return takenBytes;
}
