/** Writes a live document at most once in a while, always its newest state, never two writes at once. */
import type { Clock } from '../../shared/ports/clock.ts';

export interface ProgressWriter {
  /** Something changed. */
  touch(): void;
  /** No write begins after this; waits for one that runs. */
  stop(): Promise<void>;
}

/** A failed write is told and made good by the next one: progress must not end a fill. */
export function makeProgressWriter(options: {
  readonly write: () => Promise<void>;
  readonly everyMs: number;
  readonly clock: Clock;
  readonly onError: (error: unknown) => void;
}): ProgressWriter {
  const { write, everyMs, clock, onError } = options;
  const stopping = new AbortController();
  let dirty = false;
  let writing: Promise<void> | null = null;
  let waiting = false;

  const writeNow = (): Promise<void> => {
    writing = (writing ?? Promise.resolve())
      .then(async () => {
        if (!dirty) return;
        dirty = false;
        await write();
      })
      .catch(onError);
    return writing;
  };

  return {
    touch() {
      dirty = true;
      if (waiting || stopping.signal.aborted) return;
      waiting = true;
      clock
        .sleep(everyMs, stopping.signal)
        .then(() => {
          waiting = false;
          return stopping.signal.aborted ? undefined : writeNow();
        })
        .catch(() => undefined);
    },
    async stop() {
      stopping.abort();
      await writing;
    },
  };
}
