/**
 * Whether a pull goes on when all who waited for it have left.
 *
 * It does when half of it is here, when it ends within a second at the rate so far, or when more than one asked for it.
 * So what is thrown away is less than half a slice, what is fetched for nobody is less than a slice, and what is nearly
 * done is kept for the next viewer.
 */
export interface PullProgress {
  readonly sizeBytes: number;
  readonly arrivedBytes: number;
  /** Since the first of them. */
  readonly arrivingMs: number;
  /** How many asked for it since it began. */
  readonly askers: number;
}

const soonMs = 1_000;

export function isWorthFinishing({ sizeBytes, arrivedBytes, arrivingMs, askers }: PullProgress): boolean {
  if (askers > 1 || arrivedBytes * 2 >= sizeBytes) return true;
  if (arrivedBytes === 0) return false;
  return (sizeBytes - arrivedBytes) * Math.max(1, arrivingMs) <= arrivedBytes * soonMs;
}
