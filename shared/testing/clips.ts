import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A folder for one suite's clips; disposed of with everything in it. */
export async function makeClipFolder(): Promise<{ readonly dir: string; dispose(): Promise<void> }> {
  const dir = await mkdtemp(join(tmpdir(), 'nightfill-clips-'));
  return { dir, dispose: () => rm(dir, { recursive: true, force: true }) };
}

export interface ClipOptions {
  /** `320x180` by default. */
  readonly size?: string;
  /** As ffmpeg takes it, `30` by default. */
  readonly rate?: string;
  readonly seconds?: number;
  readonly sound?: boolean;
  /** More output arguments, the last to count. */
  readonly output?: readonly string[];
}

/** Makes a clip of a test picture and a tone; the name's ending is its container. */
export async function makeClip(dir: string, name: string, options: ClipOptions = {}): Promise<string> {
  const { size = '320x180', rate = '30', seconds = 3, sound = true, output = [] } = options;
  const path = join(dir, name);
  await ffmpeg([
    ...['-f', 'lavfi', '-i', `testsrc2=size=${size}:rate=${rate}`],
    ...(sound ? ['-f', 'lavfi', '-i', 'sine=frequency=440:sample_rate=44100', '-c:a', 'aac'] : []),
    ...['-t', `${seconds}`, '-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p', ...output, path],
  ]);
  return path;
}

/** @throws with what ffmpeg wrote when it fails or complains. */
export async function ffmpeg(args: readonly string[]): Promise<string> {
  const { stdout, stderr } = await run('ffmpeg', ['-nostdin', '-v', 'error', '-y', ...args]);
  if (stderr.trim()) throw new Error(`ffmpeg ${args.join(' ')}: ${stderr}`);
  return stdout;
}

/** Runs ffprobe and reads its JSON. */
export async function ffprobe(args: readonly string[]): Promise<unknown> {
  const { stdout } = await run('ffprobe', ['-v', 'error', '-of', 'json', ...args]);
  return JSON.parse(stdout);
}
