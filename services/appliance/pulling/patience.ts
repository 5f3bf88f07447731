import { type Attempt, PullError } from '../upstream.ts';

/**
 * Ends a request to an upstream that is silent for too long, before its answer or within it, or that only drips: after
 * the time for which it may be silent, it must have sent 16 KiB for each second.
 */
export interface Patience {
  /** Aborts with a PullError `timed-out`, or with the reason of the attempt's own signal. */
  readonly signal: AbortSignal;
  headArrived(): void;
  arrived(bytes: number): void;
  /** For what looks at the signal only now and then; rejects as soon as it aborts. */
  race<T>(work: Promise<T>): Promise<T>;
  end(): void;
}

const leastBytesPerMs = 16;

/**
 * Everything between the beginning and the end of one request, by its patience. What goes wrong is `explain`ed, but for the
 * attempt's own end; a PullError by its source, so that it names it.
 */
export async function withPatience<T>(
  timeoutMs: number,
  attempt: Attempt | undefined,
  explain: (error: unknown) => PullError,
  action: (patience: Patience) => Promise<T>,
): Promise<T> {
  const patience = beginPatience(timeoutMs, attempt);
  try {
    return await action(patience);
  } catch (thrown) {
    if (attempt?.signal.aborted) throw attempt.signal.reason;
    throw explain(patience.signal.aborted ? patience.signal.reason : thrown);
  } finally {
    patience.end();
  }
}

export function beginPatience(timeoutMs: number, attempt: Attempt | undefined): Patience {
  const abort = new AbortController();
  const begunMs = performance.now();
  let receivedBytes = 0;
  const late = (why: string) => abort.abort(new PullError('timed-out', why));
  const timer = setTimeout(() => late(`was silent for ${timeoutMs} ms`), timeoutMs);
  const onAbort = () => abort.abort(attempt?.signal.reason);
  if (attempt?.signal.aborted) onAbort();
  else attempt?.signal.addEventListener('abort', onAbort);

  return {
    signal: abort.signal,
    headArrived() {
      timer.refresh();
      attempt?.headArrived();
    },
    arrived(bytes) {
      timer.refresh();
      receivedBytes += bytes;
      attempt?.arrived(bytes);
      const tookMs = performance.now() - begunMs;
      if (tookMs > timeoutMs && receivedBytes < (tookMs - timeoutMs) * leastBytesPerMs) late('sent next to nothing');
    },
    race(work) {
      if (abort.signal.aborted) {
        work.catch(() => {});
        return Promise.reject(abort.signal.reason);
      }
      return new Promise((resolve, reject) => {
        const onEnd = () => reject(abort.signal.reason);
        abort.signal.addEventListener('abort', onEnd, { once: true });
        work.then(resolve, reject).finally(() => abort.signal.removeEventListener('abort', onEnd));
      });
    },
    end() {
      clearTimeout(timer);
      attempt?.signal.removeEventListener('abort', onAbort);
    },
  };
}
