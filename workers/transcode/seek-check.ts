/** Whether a source can be read from near the places where it would be cut. */
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { containedInput } from '../../shared/media/containment.ts';
import { ProcessError, runProcess } from '../../shared/media/process.ts';
import type { Chunk } from './chunks.ts';

const Output = Type.Object({
  packets: Type.Array(Type.Object({ pts_time: Type.Optional(Type.String()), flags: Type.String() })),
  format: Type.Object({ start_time: Type.Optional(Type.String()) }),
});

export interface SeekCheckOptions {
  readonly ffprobePath: string;
  readonly signal: AbortSignal;
  /** A key frame further before a cut makes more work than dividing saves. */
  readonly farthestS: number;
}

const limits = { memoryBytes: 4 * 1024 ** 3, fileSizeBytes: 0, cpuS: 60 };

/**
 * Asks for the key frame before each place where a chunk begins to be read.
 *
 * @returns why the source is better encoded in one go, or null
 */
export async function unseekable(
  path: string,
  chunks: readonly Chunk[],
  { ffprobePath, signal, farthestS }: SeekCheckOptions,
): Promise<string | null> {
  const places = chunks.flatMap(({ seekS }) => (seekS === null ? [] : [seekS]));
  const start = await ask(['-show_entries', 'format=start_time']);
  const startS = Number(start?.format.start_time ?? 0);
  const intervals = places.map((placeS) => `${placeS + startS}%+#1`).join(',');
  const found = await ask([
    ...['-select_streams', 'V:0', '-read_intervals', intervals],
    ...['-show_entries', 'packet=pts_time,flags:format=start_time'],
  ]);
  const missed = places.findIndex((placeS, index) => {
    const { pts_time, flags = '' } = found?.packets[index] ?? {};
    const beforeS = placeS + startS - Number(pts_time ?? Number.NaN);
    return !(flags.startsWith('K') && beforeS >= 0 && beforeS <= farthestS);
  });
  return missed < 0 ? null : `there is no key frame in the ${farthestS} s before ${places[missed]} s`;

  async function ask(what: readonly string[]) {
    const args = ['-v', 'error', ...what, '-of', 'json', ...containedInput(path)];
    try {
      const text = await runProcess(ffprobePath, args, {
        signal,
        limits,
        timeoutMs: 60_000,
        maxOutputBytes: 4 * 1024 ** 2,
      });
      const value: unknown = { packets: [], ...JSON.parse(text) };
      return Value.Check(Output, value) ? value : null;
    } catch (error) {
      if (error instanceof ProcessError && error.code !== 'not-started') return null;
      throw error;
    }
  }
}
