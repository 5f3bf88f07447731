/**
 * How many extra requests there may be for the ordinary ones: a share of them over a sliding window.
 *
 * A few are allowed however little is asked, so that a quiet appliance may retry as well. Counted in tenths of the
 * window: what was taken within the last nine tenths never exceeds the share of what was asked within the whole.
 */
export interface ShareBudget {
  /** An ordinary request was made. */
  asked(): void;
  /** Takes one extra request; false where there is none left. */
  take(): boolean;
}

export interface ShareBudgetOptions {
  /** Extra requests for one ordinary. */
  readonly share: number;
  /** Allowed in a window in any case. */
  readonly least: number;
  readonly windowMs: number;
  /** Milliseconds. Set back, the count begins anew. */
  readonly now: () => number;
}

const parts = 10;

export function makeShareBudget({ share, least, windowMs, now }: ShareBudgetOptions): ShareBudget {
  const partMs = windowMs / parts;
  const asked: number[] = new Array(parts).fill(0);
  const taken: number[] = new Array(parts).fill(0);
  let part = Math.floor(now() / partMs);

  const at = (): number => ((part % parts) + parts) % parts;

  function moveOn(): void {
    const current = Math.floor(now() / partMs);
    if (current < part || current - part >= parts) {
      asked.fill(0);
      taken.fill(0);
      part = current;
    }
    while (part < current) {
      part += 1;
      asked[at()] = 0;
      taken[at()] = 0;
    }
  }

  const sum = (counts: readonly number[]): number => counts.reduce((total, count) => total + count, 0);
  const add = (counts: number[]): void => {
    counts[at()] = (counts[at()] ?? 0) + 1;
  };

  return {
    asked() {
      moveOn();
      add(asked);
    },
    take() {
      moveOn();
      if (sum(taken) + 1 > Math.max(least, share * sum(asked))) return false;
      add(taken);
      return true;
    },
  };
}
