/**
 * Passes each error on once in `quietMs`: an outage makes every connection repeat itself.
 *
 * Errors count as the same by their message.
 */
export function limitRepeats(onError: (error: Error) => void, quietMs = 30_000): (error: Error) => void {
  const toldAtMs = new Map<string, number>();
  return (error) => {
    const nowMs = performance.now();
    const last = toldAtMs.get(error.message);
    if (last !== undefined && nowMs - last < quietMs) return;
    // Messages may carry ids; a bound keeps them from piling up.
    if (toldAtMs.size >= 100) toldAtMs.clear();
    toldAtMs.set(error.message, nowMs);
    onError(error);
  };
}
