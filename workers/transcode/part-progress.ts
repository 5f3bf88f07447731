/** Progress of a transcode that several workers share: each tells its part's, and that of the whole as it then stands. */
import type { PartProgress, TranscodeProgress } from '../../shared/domain/asset.ts';
import type { Catalogue } from '../../shared/ports/catalogue.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import type { EncodeProgress } from './encode.ts';
import { makeProgressReporter } from './progress.ts';
import { type Part, partName, type WorkPlan } from './work.ts';

type Parts = Readonly<Record<string, PartProgress>>;

/** A worker that said nothing for so long adds nothing to the speed. */
const staleMs = 10_000;
/** A part is told no oftener. */
const quietMs = 500;

/** The whole by its parts: a rendition's share is what of its time is encoded; speeds of the picture add up. */
export function combineParts(
  parts: Parts,
  { chunks }: Pick<WorkPlan, 'chunks'>,
  ids: { readonly video: readonly string[]; readonly audio: readonly string[] },
  nowMs: number,
): EncodeProgress {
  const wholeS = chunks.reduce((sum, { durationS }) => sum + durationS, 0);
  const encodedS = (id: string): number =>
    chunks.reduce((sum, { index, durationS }) => sum + durationS * (parts[partName(index)]?.renditions[id] ?? 0), 0);
  const video = ids.video.map((id) => [id, Math.min(1, encodedS(id) / wholeS)] as const);
  const audio = ids.audio.map((id) => [id, parts[partName('sound')]?.renditions[id] ?? 0] as const);
  const speeds = chunks.flatMap(({ index }) => {
    const { speed = null, atMs = 0 } = parts[partName(index)] ?? {};
    return speed !== null && nowMs - atMs <= staleMs ? [speed] : [];
  });
  return {
    renditions: Object.fromEntries([...video, ...audio]),
    speed: speeds.length > 0 ? speeds.reduce((sum, speed) => sum + speed, 0) : null,
  };
}

export interface PartReporter {
  encoded(progress: EncodeProgress): void;
  /** Tells that all of the part is there, and waits until that was written. */
  done(): Promise<void>;
}

export interface PartReporterOptions {
  readonly catalogue: Pick<Catalogue, 'setProgress' | 'setPartProgress'>;
  readonly clock: Pick<Clock, 'now'>;
  readonly assetId: string;
  readonly part: Part;
  readonly plan: Pick<WorkPlan, 'chunks'>;
  readonly ids: { readonly video: readonly string[]; readonly audio: readonly string[] };
}

/** What cannot be written is forgotten: progress is no reason to stop an encode. */
export function makePartReporter({ catalogue, clock, assetId, part, plan, ids }: PartReporterOptions): PartReporter {
  const write = (progress: TranscodeProgress): Promise<void> => catalogue.setProgress(assetId, progress);
  const whole = makeProgressReporter([...ids.video, ...ids.audio], clock.now, write);
  const own = part === 'sound' ? ids.audio : ids.video;
  let toldAtMs = Number.NEGATIVE_INFINITY;
  let telling: Promise<void> = Promise.resolve();

  const tell = (progress: Pick<PartProgress, 'renditions' | 'speed'>): void => {
    toldAtMs = clock.now();
    telling = telling
      .then(() => catalogue.setPartProgress(assetId, partName(part), { ...progress, atMs: clock.now() }))
      .then((parts) => whole.encoded(combineParts(parts, plan, ids, clock.now())))
      .catch(() => undefined);
  };

  return {
    encoded(progress) {
      if (clock.now() - toldAtMs >= quietMs) tell(progress);
    },
    async done() {
      tell({ renditions: Object.fromEntries(own.map((id) => [id, 1])), speed: null });
      await telling;
      await whole.flush();
    },
  };
}
