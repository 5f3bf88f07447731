export interface RepeatLimits<E extends Error> {
  readonly quietMs?: number;
  /** Errors of one kind count as the same; by default those of one message. */
  readonly kindOf?: (error: E) => string;
  /** Milliseconds of a clock that is never set back. */
  readonly now?: () => number;
}

/** Passes each kind of error on once in `quietMs`: an outage makes every connection, or every request, repeat itself. */
export function limitRepeats<E extends Error>(
  onError: (error: E) => void,
  { quietMs = 30_000, kindOf = ({ message }) => message, now = () => performance.now() }: RepeatLimits<E> = {},
): (error: E) => void {
  const toldAtMs = new Map<string, number>();
  return (error) => {
    const nowMs = now();
    const kind = kindOf(error);
    const last = toldAtMs.get(kind);
    if (last !== undefined && nowMs - last < quietMs) return;
    // Messages may carry ids; a bound keeps them from piling up.
    if (toldAtMs.size >= 100) toldAtMs.clear();
    toldAtMs.set(kind, nowMs);
    onError(error);
  };
}
