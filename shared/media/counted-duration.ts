import { containedInput } from './containment.ts';
import { parseFraction, parseProbeOutput } from './ffprobe-output.ts';
import { runProcess } from './process.ts';

/** Recordings that were put together, or lost their signal, have a clock that jumps, and ffprobe reckons over the jump. */
const jumpingClocks = ['mpegts', 'mpeg'];

/** Reading a large file takes long, and hardly any of it is thinking. */
const timeoutMs = 30 * 60_000;
const limits = { memoryBytes: 4 * 1024 ** 3, fileSizeBytes: 0, cpuS: 30 * 60 };

/**
 * How long the pictures of a file last by their number, which takes reading all of it; null for containers whose clock can be
 * believed, without pictures, and where it cannot be told.
 */
export async function countedDurationS(
  path: string,
  container: string,
  { signal, ffprobePath }: { readonly signal?: AbortSignal; readonly ffprobePath: string },
): Promise<number | null> {
  if (!jumpingClocks.includes(container)) return null;
  const args = ['-v', 'error', '-select_streams', 'V:0', '-count_packets', '-show_format', '-show_streams'];
  const bounds = { timeoutMs, maxOutputBytes: 1024 * 1024, limits };
  const text = await runProcess(
    ffprobePath,
    [...args, '-of', 'json', ...containedInput(path)],
    signal ? { ...bounds, signal } : bounds,
  );
  const [stream] = parseProbeOutput(text).streams;
  const rate = parseFraction(stream?.avg_frame_rate) ?? parseFraction(stream?.r_frame_rate);
  const packets = Number(stream?.nb_read_packets ?? 0);
  return rate && packets > 0 ? packets / rate : null;
}
