import { runProcess } from '../../../shared/media/process.ts';

/** A picture that moves and a tone, with key frames every two seconds as cameras write them. */
export async function makeSource(path: string, seconds: number): Promise<string> {
  await runProcess('ffmpeg', [
    ...['-nostdin', '-v', 'error', '-y', '-f', 'lavfi', '-i', 'testsrc2=size=1920x1080:rate=30'],
    ...['-f', 'lavfi', '-i', 'anoisesrc=amplitude=0.1:sample_rate=48000', '-t', `${seconds}`],
    ...['-vf', 'noise=alls=2:allf=t', '-c:v', 'libx264', '-preset', 'ultrafast', '-crf', '23', '-g', '60'],
    ...['-pix_fmt', 'yuv420p', '-c:a', 'aac', path],
  ]);
  return path;
}
