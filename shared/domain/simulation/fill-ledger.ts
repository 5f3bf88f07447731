/**
 * Books of what was pushed: how much, when, and how much of it nobody asked for before it was evicted.
 *
 * What is still held and unasked at the end counts as wasted too if it had a day's time; a later push is undecided.
 */
const dayS = 86_400;

export interface FillLedger {
  /** A policy pushed an object that was not held. */
  push(object: number): void;
  /** The time of the pushes that follow. */
  setTime(timeS: number): void;
  /** An object left, pushed or not. */
  evict(object: number): void;
  /** The replay saw a request for a held object. */
  hit(object: number): void;
  /** Pushes before are forgotten, as hits and misses are: the warm-up is over. */
  restart(): void;
  /** Bytes pushed since the last call, for the books of the hour. */
  takeRecent(): number;
  /** @param endS the end of the log. */
  totals(endS: number): FillTotals;
}

export interface FillTotals {
  readonly fillBytes: number;
  readonly wastedBytes: number;
}

export function makeFillLedger(sizes: Float64Array): FillLedger {
  const pending = new Uint8Array(sizes.length);
  const pushedS = new Float64Array(sizes.length);
  let nowS = 0;
  let fillBytes = 0;
  let recentBytes = 0;
  let usedBytes = 0;
  return {
    push: (object) => {
      pending[object] = 1;
      pushedS[object] = nowS;
      const size = sizes[object] ?? 0;
      fillBytes += size;
      recentBytes += size;
    },
    setTime: (timeS) => {
      nowS = timeS;
    },
    evict: (object) => {
      pending[object] = 0;
    },
    hit: (object) => {
      if (pending[object] === 0) return;
      pending[object] = 0;
      usedBytes += sizes[object] ?? 0;
    },
    restart: () => {
      pending.fill(0);
      fillBytes = 0;
      recentBytes = 0;
      usedBytes = 0;
    },
    takeRecent: () => {
      const recent = recentBytes;
      recentBytes = 0;
      return recent;
    },
    totals: (endS) => {
      let undecidedBytes = 0;
      for (let object = 0; object < pending.length; object += 1)
        if (pending[object] === 1 && endS - (pushedS[object] ?? 0) < dayS) undecidedBytes += sizes[object] ?? 0;
      return { fillBytes, wastedBytes: fillBytes - usedBytes - undecidedBytes };
    },
  };
}
