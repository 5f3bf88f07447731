import { runProcess } from './process.ts';

/** The names of all encoders that this ffmpeg has. @throws ProcessError when it does not run. */
export async function availableEncoders(ffmpegPath: string): Promise<ReadonlySet<string>> {
  const output = await runProcess(ffmpegPath, ['-hide_banner', '-encoders'], { timeoutMs: 10_000 });
  // ` V....D libx264   …`: six flags, the first being the kind.
  return new Set([...output.matchAll(/^ [VAS][A-Z.]{5} (\S+)/gm)].map(([, name = '']) => name));
}
