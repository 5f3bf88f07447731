import { type ProbedStream, type ProbeOutput, streamDurationS } from './ffprobe-output.ts';

/** When each track that is shown ends, in seconds from where the file begins. */
export interface StreamEnds {
  readonly video: number | null;
  /** In the order of the file's audio tracks; null where it does not say. */
  readonly audio: readonly (number | null)[];
}

/** Matroska tells the end on its own clock, others how long a track lasts from where it begins. */
export function endsOf(
  { format }: ProbeOutput,
  video: ProbedStream | undefined,
  sounds: readonly ProbedStream[],
): StreamEnds {
  const beginS = Number(format.start_time ?? 0);
  const endOf = (stream: ProbedStream): number | null => {
    const tellsEnd = !(Number(stream.duration) > 0);
    const toldS = streamDurationS(stream);
    return toldS === null ? null : toldS - beginS + (tellsEnd ? 0 : Number(stream.start_time ?? 0));
  };
  return { video: video ? endOf(video) : null, audio: sounds.map(endOf) };
}
