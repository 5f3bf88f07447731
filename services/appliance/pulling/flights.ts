/**
 * Flights: what is under way once, however many wait for it.
 *
 * | phase   | who joins gets | when all have left |
 * |---------|----------------|--------------------|
 * | flying  | `coalesced`    | it goes on or is cancelled, by the rule of `abandonment.ts` |
 * | landed  | `hit-memory`   | it is stored |
 * | settled | a new flight   | |
 */
import pLimit from 'p-limit';
import type { PullOutcome } from '../pull-outcome.ts';
import { PullError } from '../upstream.ts';
import { isWorthFinishing } from './abandonment.ts';
import type { Answered } from './ask.ts';
import type { PullReport } from './report.ts';

export interface Pulled<T> {
  readonly value: T;
  /**
   * Where the bytes came from for the one that began the flight, `coalesced` for those that waited with it, and
   * `hit-memory` for those that came when the bytes were here and on their way to the disk.
   */
  readonly outcome: PullOutcome | 'coalesced' | 'hit-memory';
  readonly how: Answered<T>['how'];
  /** Resolves when it was stored, or will not be. */
  readonly settled: Promise<void>;
}

/** Somebody who may leave before the bytes come. */
export interface Waiter {
  /** Gone already. */
  readonly isOver: boolean;
  /** Set while a pull is waited for; to be called when they leave. */
  leave: (() => void) | undefined;
}

/** A flight as the one who flies it sees it. */
export interface Course<T> {
  /** Aborts when nobody waits any more. */
  readonly signal: AbortSignal;
  readonly onProgress: (arrivedBytes: number) => void;
  /** Gives all who wait what they wait for; what comes after is storing. */
  readonly land: (answered: Answered<T>) => void;
}

export interface Flights {
  has(name: string): boolean;
  /** Joins the flight of this name, or begins it. Names say what is flown: two of one name have one type. */
  join<T>(
    name: string,
    sizeBytes: number,
    waiter: Waiter | undefined,
    fly: (course: Course<T>) => Promise<void>,
  ): Promise<Pulled<T>>;
  readonly isCrowded: boolean;
  /** Here of what is flying. */
  readonly arrivingBytes: number;
}

interface Flight {
  readonly landing: Promise<Omit<Pulled<unknown>, 'settled'>>;
  readonly settled: Promise<void>;
  readonly abort: AbortController;
  readonly sizeBytes: number;
  landed: boolean;
  arrivedBytes: number;
  firstByteMs: number;
  waiting: number;
  askers: number;
}

const maxFlights = 64;

export function makeFlights(now: () => number, report: Pick<PullReport, 'abandoned'>): Flights {
  const limit = pLimit(maxFlights);
  const flights = new Map<string, Flight>();

  function begin<T>(name: string, sizeBytes: number, fly: (course: Course<T>) => Promise<void>): Flight {
    const { promise: landing, resolve, reject } = Promise.withResolvers<Awaited<Flight['landing']>>();
    const { promise: settled, resolve: settle } = Promise.withResolvers<void>();
    const abort = new AbortController();
    const none = { landed: false, arrivedBytes: 0, firstByteMs: 0, waiting: 0, askers: 0 };
    const flight: Flight = { landing, settled, abort, sizeBytes, ...none };
    flights.set(name, flight);
    const flown = limit(async () => {
      abort.signal.throwIfAborted();
      await fly({
        signal: abort.signal,
        onProgress(bytes) {
          if (flight.arrivedBytes === 0) flight.firstByteMs = now();
          flight.arrivedBytes = Math.max(flight.arrivedBytes, bytes);
        },
        land({ value, source, how }) {
          flight.landed = true;
          resolve({ value, outcome: source.outcome, how });
        },
      });
    });
    flown.catch(reject).finally(() => {
      if (flights.get(name) === flight) flights.delete(name);
      settle();
    });
    // Whoever waited may have left.
    landing.catch(() => {});
    return flight;
  }

  function left(name: string, flight: Flight): void {
    flight.waiting -= 1;
    if (flight.waiting > 0 || flight.landed || flight.abort.signal.aborted) return;
    const { sizeBytes, arrivedBytes, askers } = flight;
    const goesOn = isWorthFinishing({ sizeBytes, arrivedBytes, arrivingMs: now() - flight.firstByteMs, askers });
    report.abandoned(goesOn ? 'finished' : 'cancelled', arrivedBytes);
    if (goesOn) return;
    if (flights.get(name) === flight) flights.delete(name);
    flight.abort.abort(new PullError('abandoned', 'nobody waits for it any more'));
  }

  return {
    has: (name) => flights.has(name),

    async join<T>(
      name: string,
      sizeBytes: number,
      waiter: Waiter | undefined,
      fly: (course: Course<T>) => Promise<void>,
    ) {
      if (waiter?.isOver) throw new PullError('abandoned', 'nobody waits for it');
      const known = flights.get(name);
      const isLate = known?.landed === true;
      const flight = known ?? begin(name, sizeBytes, fly);
      flight.waiting += 1;
      flight.askers += 1;
      if (waiter)
        waiter.leave = () => {
          waiter.leave = undefined;
          left(name, flight);
        };
      try {
        const { value, outcome, how } = await flight.landing;
        const mine = known ? (isLate ? 'hit-memory' : 'coalesced') : outcome;
        return { value: value as T, outcome: mine, how, settled: flight.settled };
      } finally {
        if (waiter) waiter.leave = undefined;
      }
    },

    get isCrowded() {
      return limit.activeCount > maxFlights / 2;
    },

    get arrivingBytes() {
      let sum = 0;
      for (const { landed, arrivedBytes } of flights.values()) if (!landed) sum += arrivedBytes;
      return sum;
    },
  };
}
