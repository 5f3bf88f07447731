import { listBoxes } from '../../shared/media/boxes.ts';
import { ProcessError, runProcess } from '../../shared/media/process.ts';
import { UnplayableSourceError } from '../../shared/media/unplayable.ts';
import { audioFragmentS, type EncodePlan, encodeArgs } from './encode-args.ts';

export interface EncodeProgress {
  /** 0 … 1 by rendition id. */
  readonly renditions: Readonly<Record<string, number>>;
  /** Encoded media seconds per wall-clock second; null before the first reading. */
  readonly speed: number | null;
}

export interface EncodeOptions {
  readonly ffmpegPath: string;
  readonly signal: AbortSignal;
  onProgress(progress: EncodeProgress): void;
}

/**
 * Encodes all renditions in one run of ffmpeg, so that the source is decoded once.
 *
 * @throws UnplayableSourceError `not-decodable` when ffmpeg gives up on the input; ProcessError when ffmpeg is missing
 * or was killed from outside; the signal's reason.
 */
export async function encode(plan: EncodePlan, options: EncodeOptions): Promise<void> {
  const { ffmpegPath, signal, onProgress } = options;
  const watch = makeProgressWatch(plan, onProgress);
  try {
    await runProcess(ffmpegPath, encodeArgs(plan), { signal, onLine: watch });
  } catch (error) {
    if (!(error instanceof ProcessError) || error.code !== 'exit-code' || !isInputsFault(error)) throw error;
    throw new UnplayableSourceError(
      'not-decodable',
      'The video could not be decoded; the file is damaged. Play it through locally, repair or re-export it, and upload it again.',
      { cause: error },
    );
  }
}

/** A full disk, missing memory, a kill, or an ffmpeg without what we need are ours, and worth another attempt. */
const ours =
  /No space left|Disk quota|Cannot allocate memory|Input\/output error|Unknown encoder|No such filter|Unrecognized option/i;
const isInputsFault = ({ message, stderr }: ProcessError): boolean =>
  !/with SIG[A-Z]+/.test(message) && !ours.test(stderr);

/** Reads `-progress` lines; after each reading counts the fragments that each rendition's file holds by then. */
function makeProgressWatch(plan: EncodePlan, report: (progress: EncodeProgress) => void): (line: string) => void {
  const { durationS } = plan.source;
  const tracks = [
    ...plan.video.map((output) => ({ ...output, fragmentS: plan.recipe.gopS, next: 0, fragments: 0 })),
    ...(plan.audio ? [{ ...plan.audio, fragmentS: audioFragmentS, next: 0, fragments: 0 }] : []),
  ];
  let speed: number | null = null;
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
    report({ renditions: Object.fromEntries(done), speed });
  };

  return (line) => {
    const [key, value = ''] = line.split('=', 2);
    if (key === 'speed') {
      const reading = Number.parseFloat(value);
      if (Number.isFinite(reading)) speed = reading;
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
