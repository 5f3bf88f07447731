import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Small files made once a suite: a real video, and files that only look like one. */
export interface Clips {
  readonly dir: string;
  readonly video: Buffer;
  readonly videoPath: string;
  readonly refused: readonly { readonly name: string; readonly bytes: Buffer }[];
  remove(): Promise<void>;
}

export async function makeClips(): Promise<Clips> {
  const dir = await mkdtemp(join(tmpdir(), 'nightfill-clips-'));
  const videoPath = join(dir, 'clip.mp4');
  const picture = join(dir, 'still.png');
  const ffmpeg = ['-v', 'error', '-y', '-f', 'lavfi'];
  await run('ffmpeg', [
    ...ffmpeg,
    ...['-i', 'testsrc2=size=320x180:rate=25:duration=2', '-f', 'lavfi', '-i', 'sine=duration=2'],
    ...[
      '-c:v',
      'libx264',
      '-preset',
      'ultrafast',
      '-pix_fmt',
      'yuv420p',
      '-c:a',
      'aac',
      '-movflags',
      '+faststart',
      videoPath,
    ],
  ]);
  await run('ffmpeg', [...ffmpeg, '-i', 'testsrc2=size=320x180', '-frames:v', '1', picture]);
  const video = await readFile(videoPath);
  const playlist = `#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n${videoPath}\n#EXT-X-ENDLIST\n`;
  await writeFile(join(dir, 'list.mp4'), playlist);
  return {
    dir,
    video,
    videoPath,
    refused: [
      { name: 'garbage.mp4', bytes: Buffer.alloc(40_000, 'no video here, ') },
      { name: 'still.png', bytes: await readFile(picture) },
      { name: 'list.mp4', bytes: Buffer.from(playlist) },
      { name: 'empty.mp4', bytes: Buffer.alloc(0) },
      { name: 'truncated.mp4', bytes: video.subarray(0, Math.floor(video.length * 0.6)) },
    ],
    remove: () => rm(dir, { recursive: true, force: true }),
  };
}
