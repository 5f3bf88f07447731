/**
 * The circuit breaker of one upstream.
 *
 * | state     | who may ask | becomes |
 * |-----------|-------------|---------|
 * | closed    | all         | open, when of enough answers within the window too large a share failed |
 * | open      | nobody      | half-open, after its rest |
 * | half-open | one at a time | closed, when that one succeeds; open again for twice as long, when it fails |
 *
 * Answers to what was asked before it opened change nothing any more.
 */
export type BreakerState = 'closed' | 'half-open' | 'open';

export interface Breaker {
  readonly state: BreakerState;
  /** Until somebody may ask again; 0 unless it is open. */
  readonly restsForMs: number;
  /** Leave to ask once, or null. */
  enter(): Ticket | null;
}

/** The end of what was asked; all but the first call change nothing. */
export interface Ticket {
  succeeded(): void;
  failed(): void;
  /** Nobody waited for the end. */
  cancelled(): void;
}

export interface BreakerOptions {
  readonly windowMs: number;
  readonly leastRequests: number;
  /** Of the answers of a window. */
  readonly failureShare: number;
  readonly restMs: number;
  readonly maxRestMs: number;
  /** Milliseconds. Set back, a rest ends. */
  readonly now: () => number;
  readonly onChange?: (state: BreakerState) => void;
}

export function makeBreaker(options: BreakerOptions): Breaker {
  const { windowMs, leastRequests, failureShare, now, onChange = () => {} } = options;
  let state: BreakerState = 'closed';
  let answers: { readonly atMs: number; readonly failed: boolean }[] = [];
  let openedMs = 0;
  let restMs = options.restMs;
  let isProbing = false;
  /** Numbers the times between two changes, so that late answers are known as such. */
  let era = 0;

  function become(next: BreakerState): void {
    state = next;
    era += 1;
    isProbing = false;
    answers = [];
    if (next === 'open') openedMs = now();
    onChange(next);
  }

  function restsForMs(): number {
    if (state !== 'open') return 0;
    const passedMs = now() - openedMs;
    return passedMs < 0 ? 0 : Math.max(0, restMs - passedMs);
  }

  function note(failed: boolean): void {
    const atMs = now();
    answers = answers.filter((answer) => answer.atMs <= atMs && answer.atMs > atMs - windowMs).slice(-199);
    answers.push({ atMs, failed });
    const failures = answers.filter((answer) => answer.failed).length;
    if (answers.length >= leastRequests && failures >= failureShare * answers.length) become('open');
  }

  function settle(result: 'succeeded' | 'failed' | 'cancelled'): void {
    if (state === 'closed') {
      if (result !== 'cancelled') note(result === 'failed');
    } else if (result === 'cancelled') {
      isProbing = false;
    } else if (result === 'succeeded') {
      restMs = options.restMs;
      become('closed');
    } else {
      restMs = Math.min(options.maxRestMs, restMs * 2);
      become('open');
    }
  }

  return {
    get state() {
      return state;
    },
    get restsForMs() {
      return restsForMs();
    },
    enter() {
      if (state === 'open' && restsForMs() === 0) become('half-open');
      if (state === 'open' || isProbing) return null;
      isProbing = state === 'half-open';
      const mine = era;
      let isOver = false;
      const end = (result: 'succeeded' | 'failed' | 'cancelled') => () => {
        if (isOver || era !== mine) return;
        isOver = true;
        settle(result);
      };
      return { succeeded: end('succeeded'), failed: end('failed'), cancelled: end('cancelled') };
    },
  };
}
