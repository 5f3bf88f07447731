import { listBoxes } from '../../shared/media/boxes.ts';
import { ProcessError, type ResourceLimits, runProcess } from '../../shared/media/process.ts';
import { UnplayableSourceError } from '../../shared/media/unplayable.ts';
import { audioFragmentS, divide, type EncodePart, type EncodePlan, encodeArgs, longestEncodeS } from './encode-args.ts';

export interface EncodeProgress {
  /** 0 … 1 by rendition id. */
  readonly renditions: Readonly<Record<string, number>>;
  /** Encoded media seconds per wall-clock second; null before the first reading. */
  readonly speed: number | null;
}

export interface EncodeOptions {
  readonly ffmpegPath: string;
  /** Runs of ffmpeg at once; each decodes the source anew and uses about one core. */
  readonly runs: number;
  readonly signal: AbortSignal;
  onProgress(progress: EncodeProgress): void;
}

/** ffmpeg tells its progress twice a second; a run that says nothing for so long hangs. */
const silenceMs = 180_000;

/**
 * Encodes all renditions, in runs side by side. When one fails, the others are stopped.
 *
 * @throws UnplayableSourceError `not-decodable` when ffmpeg gives up on the input; ProcessError when ffmpeg is missing
 * or was killed from outside; the signal's reason.
 */
export async function encode(plan: EncodePlan, options: EncodeOptions): Promise<void> {
  const watch = makeProgressWatch(plan, options.onProgress);
  const stop = new AbortController();
  const signal = AbortSignal.any([options.signal, stop.signal]);
  const runs = divide(plan, options.runs).map(async (part, index) => {
    try {
      await run(plan, part, options.ffmpegPath, signal, (line) => watch(index, line));
    } catch (error) {
      stop.abort(error);
      throw error;
    }
  });
  await Promise.allSettled(runs);
  options.signal.throwIfAborted();
  stop.signal.throwIfAborted();
}

async function run(
  plan: EncodePlan,
  part: EncodePart,
  ffmpegPath: string,
  signal: AbortSignal,
  onLine: (line: string) => void,
): Promise<void> {
  try {
    await runProcess(ffmpegPath, encodeArgs(plan, part), { signal, onLine, silenceMs, limits: limitsOf(plan) });
  } catch (error) {
    if (!(error instanceof ProcessError) || error.code !== 'exit-code' || !isInputsFault(error)) throw error;
    throw new UnplayableSourceError(
      'not-decodable',
      'The video could not be decoded; the file is damaged. Play it through locally, repair or re-export it, and upload it again.',
      { cause: error },
    );
  }
}

const maxMemoryBytes = 16 * 1024 ** 3;
const slowestCpuSecondsPerSecond = 300;

/** Far beyond what any encode needs, and an end for one that a strange file has driven mad. */
function limitsOf({ source, ladder, audio }: EncodePlan): ResourceLimits {
  const rates = [...(ladder?.rungs ?? []).map(({ maxRateBps }) => maxRateBps), ...audio.map(({ rateBps }) => rateBps)];
  const longestS = longestEncodeS(source.durationS);
  return {
    memoryBytes: maxMemoryBytes,
    fileSizeBytes: (Math.max(...rates) / 8) * longestS * 2 + 64 * 1024 ** 2,
    cpuS: longestS * slowestCpuSecondsPerSecond,
  };
}

/** A full disk, missing memory, a kill, or an ffmpeg without what we need are ours, and worth another attempt. */
const ours =
  /No space left|Disk quota|Cannot allocate memory|Input\/output error|Unknown encoder|No such filter|Unrecognized option/i;
const isInputsFault = ({ message, stderr }: ProcessError): boolean =>
  !/with SIG[A-Z]+/.test(message) && !ours.test(stderr);

/** Reads `-progress` lines of all runs; after each reading counts the fragments that the renditions' files hold by then. */
function makeProgressWatch(
  plan: EncodePlan,
  report: (progress: EncodeProgress) => void,
): (run: number, line: string) => void {
  const { durationS } = plan.source;
  const tracks = [
    ...plan.video.map((output) => ({ ...output, fragmentS: plan.recipe.gopS, next: 0, fragments: 0 })),
    ...plan.audio.map((output) => ({ ...output, fragmentS: audioFragmentS, next: 0, fragments: 0 })),
  ];
  const speeds = new Map<number, number>();
  let counting = false;

  const count = async (): Promise<void> => {
    for (const track of tracks) {
      const { boxes, fileSizeBytes } = await listBoxes(track.path, track.next);
      const whole = boxes.filter(({ offset, sizeBytes }) => offset + sizeBytes <= fileSizeBytes);
      const last = whole.at(-1);
      if (!last) continue;
      track.next = last.offset + last.sizeBytes;
      track.fragments += whole.filter(({ type }) => type === 'moof').length;
    }
    const done = tracks.map(({ id, fragments, fragmentS }) => [id, Math.min(1, (fragments * fragmentS) / durationS)]);
    report({ renditions: Object.fromEntries(done), speed: speeds.size > 0 ? Math.min(...speeds.values()) : null });
  };

  return (run, line) => {
    const [key, value = ''] = line.split('=', 2);
    if (key === 'speed') {
      const reading = Number.parseFloat(value);
      if (Number.isFinite(reading)) speeds.set(run, reading);
    }
    if (key !== 'progress' || counting) return;
    counting = true;
    count()
      .catch(() => {}) // a file that is not there yet has no progress
      .finally(() => {
        counting = false;
      });
  };
}
