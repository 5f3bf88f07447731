/**
 * What the disk refused lately, told in the log once and in the status as long as it lasts.
 *
 * A disk that fails does so at every request: the log has each kind of failure once in half a minute, the metric counts all.
 */
import { limitRepeats } from '../../shared/platform/limit-repeats.ts';
import type { Logger } from '../../shared/platform/logger.ts';
import type { Metrics } from '../../shared/platform/metrics.ts';
import type { Clock } from '../../shared/ports/clock.ts';

export interface DiskTrouble {
  note(error: NodeJS.ErrnoException): void;
  /** In words; null when there was none within the last ten minutes. */
  readonly current: string | null;
}

/** Longer than the scrub needs to come upon the next bad slice, on a disk that nobody else asks for anything. */
const lastsMs = 10 * 60_000;

const words: Readonly<Record<string, string>> = {
  EIO: 'its disk gives I/O errors',
  EROFS: 'its disk has become read-only',
  ENOSPC: 'its disk is full, though less than its capacity is used',
  EDQUOT: 'its disk quota is used up, though less than its capacity is',
  EACCES: 'it may not use its folder',
};

export function makeDiskTrouble({
  clock,
  logger,
  metrics,
}: {
  readonly clock: Clock;
  readonly logger: Pick<Logger, 'error'>;
  readonly metrics: Pick<Metrics, 'counter'>;
}): DiskTrouble {
  const errors = metrics.counter('nightfill_disk_errors_total', 'What the disk refused, by code.', ['code']);
  const log = limitRepeats<NodeJS.ErrnoException>((error) => logger.error({ err: error }, 'the disk has trouble'), {
    kindOf: ({ code, syscall }) => `${code} ${syscall}`,
    now: clock.now,
  });
  let last: { readonly text: string; readonly atMs: number } | null = null;
  return {
    note(error) {
      const { code = 'damaged' } = error;
      errors.inc({ code });
      last = { text: words[code] ?? error.message, atMs: clock.now() };
      log(error);
    },
    get current() {
      return last && clock.now() - last.atMs < lastsMs ? last.text : null;
    },
  };
}

/** An error of starting, with what to do about it where the disk is to blame. */
export function explainDisk(dir: string, error: unknown): unknown {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const text = words[code];
  if (!text) return error;
  return new Error(
    `The appliance cannot use ${dir}: ${text} (${code}). Mend the disk or give it another folder by NIGHTFILL_APPLIANCE_DIR; what it held is filled and pulled anew.`,
    { cause: error },
  );
}
