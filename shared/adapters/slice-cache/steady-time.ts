/**
 * Time that only goes forward, in seconds, near Unix time: what counts how long ago somebody asked must not jump with
 * the machine's clock. A step back is no time at all; a leap forward is an hour at most.
 */
const longestLeapS = 3_600;
/** A process that was away for longer goes on as if it had been so long: everything has decayed by then. */
const longestAbsenceS = 30 * 86_400;

export interface SavedTime {
  readonly timeS: number;
  /** By the machine's clock, Unix seconds. */
  readonly clockS: number;
}

export interface SteadyTime {
  nowS(): number;
  save(): SavedTime;
}

export function makeSteadyTime(clock: { now(): number }, saved: SavedTime | null = null): SteadyTime {
  let clockS = clock.now() / 1_000;
  let timeS = saved ? saved.timeS + clamp(clockS - saved.clockS, longestAbsenceS) : clockS;
  const nowS = (): number => {
    const readS = clock.now() / 1_000;
    timeS += clamp(readS - clockS, longestLeapS);
    clockS = readS;
    return timeS;
  };
  return { nowS, save: () => ({ timeS: nowS(), clockS }) };
}

const clamp = (value: number, most: number): number => Math.max(0, Math.min(most, value));
