/** Holds a fill back while an operator wants it paused: nothing new begins, what is on its way is cut. */
import { FillStopped } from './fill-errors.ts';

export interface PauseGate {
  readonly paused: boolean;
  /** Aborts when the fill is paused; another one after it goes on. */
  round(): AbortSignal;
  /** Resolves while the fill is not paused. Rejects with the reason of `signal`. */
  open(signal: AbortSignal): Promise<void>;
  set(paused: boolean): void;
}

export function makePauseGate(): PauseGate {
  let round = new AbortController();
  let opening: PromiseWithResolvers<void> | null = null;
  return {
    get paused() {
      return opening !== null;
    },
    round: () => round.signal,
    async open(signal) {
      while (opening) {
        signal.throwIfAborted();
        const { promise: aborted, reject } = Promise.withResolvers<never>();
        const onAbort = (): void => reject(signal.reason);
        signal.addEventListener('abort', onAbort, { once: true });
        try {
          await Promise.race([opening.promise, aborted]);
        } finally {
          signal.removeEventListener('abort', onAbort);
        }
      }
      signal.throwIfAborted();
    },
    set(paused) {
      if (paused === (opening !== null)) return;
      if (paused) {
        opening = Promise.withResolvers<void>();
        round.abort(new FillStopped('cancelled', 'an operator paused the fill'));
      } else {
        round = new AbortController();
        opening?.resolve();
        opening = null;
      }
    },
  };
}
