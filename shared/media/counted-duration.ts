import { containedInput } from './containment.ts';
import { parseFraction, parseProbeOutput } from './ffprobe-output.ts';
import { runProcess } from './process.ts';

/** Recordings that were put together, or lost their signal, have a clock that jumps, and ffprobe reckons over the jump. */
const jumpingClocks = ['mpegts', 'mpeg'];

/** Reading a large file takes long, and hardly any of it is thinking. */
const timeoutMs = 30 * 60_000;
const scanTimeoutMs = 5 * 60_000;
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

/**
 * How long a recording lasts whose container does not say, as those that a browser makes: from its first to its last time
 * stamp, for which all of it is read. Null for other containers, where a missing duration is a sign of damage.
 */
export async function scannedDurationS(
  path: string,
  container: string,
  { signal, ffprobePath }: { readonly signal?: AbortSignal; readonly ffprobePath: string },
): Promise<number | null> {
  if (!container.includes('matroska')) return null;
  let [first, last] = [Number.POSITIVE_INFINITY, 0];
  const onLine = (line: string): void => {
    const [, time = Number.NaN, duration = Number.NaN] = line.split(',').map(Number);
    if (!Number.isFinite(time)) return;
    first = Math.min(first, time);
    last = Math.max(last, time + (Number.isFinite(duration) ? duration : 0));
  };
  const args = ['-v', 'error', '-show_entries', 'packet=pts_time,duration_time', '-of', 'csv'];
  const bounds = { timeoutMs: scanTimeoutMs, limits, onLine };
  await runProcess(ffprobePath, [...args, ...containedInput(path)], signal ? { ...bounds, signal } : bounds);
  return last > first ? last - first : null;
}
