/** Lets many wait for something to change, without missing a change between looking and waiting. */
export interface Changes {
  notify(): void;
  /** The next change after this call. Rejects with the signal's reason. */
  next(): Promise<void>;
}

export function makeChanges(signal: AbortSignal): Changes {
  let waiting = Promise.withResolvers<void>();
  waiting.promise.catch(() => undefined);
  signal.addEventListener('abort', () => waiting.reject(signal.reason), { once: true });
  return {
    notify() {
      const { resolve } = waiting;
      waiting = Promise.withResolvers<void>();
      waiting.promise.catch(() => undefined);
      resolve();
    },
    next() {
      signal.throwIfAborted();
      return waiting.promise;
    },
  };
}
