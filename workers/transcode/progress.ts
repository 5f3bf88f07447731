import type { ProgressStage, TranscodeProgress } from '../../shared/domain/asset.ts';
import type { EncodeProgress } from './encode.ts';

/** Which part of the whole each stage is; encoding takes nearly all of the time. */
const spans: Readonly<Record<ProgressStage, readonly [start: number, end: number]>> = {
  waiting: [0, 0],
  download: [0, 0.05],
  encode: [0.05, 0.88],
  package: [0.88, 0.92],
  upload: [0.92, 0.98],
  publish: [0.98, 0.99],
  done: [1, 1],
};

/** Viewers of a progress bar need no more. */
const quietMs = 250;

export interface ProgressReporter {
  /** `share` is 0 … 1 within the stage. */
  stage(stage: ProgressStage, share?: number): void;
  encoded(progress: EncodeProgress): void;
  /** Waits until the latest state was written. */
  flush(): Promise<void>;
}

/**
 * Turns stages into one fraction that never goes back, and writes it no oftener than is useful, one write at a time.
 * A write that fails is forgotten: progress is no reason to stop an encode.
 */
export function makeProgressReporter(
  renditionIds: readonly string[],
  now: () => number,
  write: (progress: TranscodeProgress) => Promise<void>,
): ProgressReporter {
  let latest: TranscodeProgress = {
    stage: 'waiting',
    fraction: 0,
    renditions: Object.fromEntries(renditionIds.map((id) => [id, 0])),
    speed: null,
  };
  let written = latest;
  let writtenAt = Number.NEGATIVE_INFINITY;
  let writing: Promise<void> = Promise.resolve();

  const enqueue = (): void => {
    writtenAt = now();
    writing = writing.then(async () => {
      if (written === latest) return;
      written = latest;
      await write(latest).catch(() => {});
    });
  };

  const report = (stage: ProgressStage, share: number, change: Partial<TranscodeProgress> = {}): void => {
    const [start, end] = spans[stage];
    const fraction = Math.max(latest.fraction, start + (end - start) * Math.min(1, Math.max(0, share)));
    const isNewStage = stage !== latest.stage;
    latest = { ...latest, ...change, stage, fraction };
    if (isNewStage || now() - writtenAt >= quietMs) enqueue();
  };

  return {
    stage(stage, share = 0) {
      const encoded = spans[stage][0] >= spans.encode[1];
      const renditions = encoded ? Object.fromEntries(renditionIds.map((id) => [id, 1])) : latest.renditions;
      report(stage, share, { renditions });
    },
    encoded({ renditions, speed }) {
      const merged = Object.fromEntries(
        renditionIds.map((id) => [id, Math.max(latest.renditions[id] ?? 0, renditions[id] ?? 0)]),
      );
      const shares = Object.values(merged);
      report('encode', shares.reduce((sum, share) => sum + share, 0) / shares.length, { renditions: merged, speed });
    },
    async flush() {
      enqueue();
      await writing;
    },
  };
}
