/** Where the first run's videos come from: a real clip out of a Debian package, and a test pattern that ffmpeg makes. */
import { execFile } from 'node:child_process';
import { mkdtemp, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface Sample {
  readonly path: string;
  readonly title: string;
  /** What it is and where it is from, for the one who watches. */
  readonly origin: string;
}

/** Copyright Joao Eriberto Mota Filho, CC-BY-SA-4.0; 1280×720, H.264/AAC, 8.3 s. */
const debianClip = {
  package: 'forensics-samples-files',
  member: './usr/share/forensics-samples/original-files/movie2/movie-hello.mp4',
};

/**
 * The sample video, kept in `dir` for later starts. Where apt cannot bring the real clip, ffmpeg makes one of the same
 * size, and `origin` says so.
 */
export async function fetchSample(dir: string, signal: AbortSignal): Promise<Sample> {
  const path = join(dir, 'hello.mp4');
  const real: Sample = { path, title: 'Hello', origin: `a real clip from Debian's package ${debianClip.package}` };
  if (await exists(path)) return real;
  try {
    await fetchFromDebian(path, signal);
    return real;
  } catch (error) {
    signal.throwIfAborted();
    const made = join(dir, 'made.mp4');
    if (!(await exists(made))) await makePattern(made, { seconds: 10, source: 'testsrc2', toneHz: 440 }, signal);
    const why = (error as Error).message.split('\n')[0];
    return {
      path: made,
      title: 'Hello (made)',
      origin: `made by ffmpeg, because the real clip could not be had (${why})`,
    };
  }
}

/** A second video, which nobody has watched yet and no plan will bring. */
export async function makeUnplanned(dir: string, signal: AbortSignal): Promise<Sample> {
  const path = join(dir, 'pattern.mp4');
  if (!(await exists(path))) await makePattern(path, { seconds: 6, source: 'smptehdbars', toneHz: 1_000 }, signal);
  return { path, title: 'Test pattern', origin: 'made by ffmpeg' };
}

async function fetchFromDebian(path: string, signal: AbortSignal): Promise<void> {
  const folder = await mkdtemp(join(dirname(path), 'package-'));
  try {
    const download = () =>
      run('apt-get', ['download', '-q', debianClip.package], { cwd: folder, signal, timeout: 120_000 });
    await download().catch(async () => {
      await run('apt-get', ['update', '-q'], { signal, timeout: 120_000 });
      await download();
    });
    const script = `set -e; dpkg-deb --fsys-tarfile ${debianClip.package}_*.deb | tar -xf - ${debianClip.member}`;
    await run('sh', ['-c', script], { cwd: folder, signal, timeout: 60_000 });
    await rename(join(folder, debianClip.member), path);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

interface Pattern {
  readonly seconds: number;
  /** An ffmpeg video source filter that takes `size`, `rate` and `duration`. */
  readonly source: string;
  readonly toneHz: number;
}

async function makePattern(path: string, pattern: Pattern, signal: AbortSignal): Promise<void> {
  const part = `${path}.part.mp4`;
  await run(
    'ffmpeg',
    [
      ['-hide_banner', '-loglevel', 'error', '-y'],
      ['-f', 'lavfi', '-i', `${pattern.source}=size=1280x720:rate=30:duration=${pattern.seconds}`],
      ['-f', 'lavfi', '-i', `sine=frequency=${pattern.toneHz}:sample_rate=48000:duration=${pattern.seconds}`],
      ['-c:v', 'libx264', '-preset', 'veryfast', '-pix_fmt', 'yuv420p', '-c:a', 'aac', '-shortest', part],
    ].flat(),
    { signal, timeout: 120_000 },
  );
  await rename(part, path);
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    (found) => found.size > 0,
    () => false,
  );
