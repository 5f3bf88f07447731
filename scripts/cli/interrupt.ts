/** Ctrl-C while something is waited for: what was begun on the server goes on, and the user learns how to see it. */
import { exitCodes, interruption } from './exit.ts';

/**
 * Runs `work` with a signal that Ctrl-C (or SIGTERM) aborts. The first one ends the wait with what `hint` says; a
 * second one ends the process at once.
 *
 * @throws CliError `interrupted`
 */
export async function interruptible<T>(hint: () => string, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const onSignal = (): void => {
    if (controller.signal.aborted) process.exit(exitCodes.interrupted);
    controller.abort();
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  try {
    return await work(controller.signal);
  } catch (error) {
    if (controller.signal.aborted) throw interruption(hint());
    throw error;
  } finally {
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
  }
}
