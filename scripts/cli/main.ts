/** Runs one command line to its exit code. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CommanderError } from 'commander';
import { projectRoot } from './access.ts';
import { CliError, exitCodes } from './exit.ts';
import { makeProgram } from './program.ts';

/**
 * Sets `process.exitCode` rather than ending the process, so that what was written to a pipe arrives. Standard error
 * gets one line for an error, which with `--json` is JSON as well.
 */
export async function main(args: readonly string[]): Promise<void> {
  // A reader that has seen enough (`| head`) is no error of ours, and nothing more can be told to it.
  for (const stream of [process.stdout, process.stderr])
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') process.exit(exitCodes.brokenPipe);
      throw error;
    });
  const program = makeProgram(await version());
  try {
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) {
      // Help and version are asked for and told; everything else of commander's is a usage error it has shown.
      process.exitCode = error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
      return;
    }
    const known = error instanceof CliError ? error : unexpected(error);
    process.exitCode = known.exitCode;
    const text = args.includes('--json')
      ? JSON.stringify({ error: { code: known.code, message: known.message, exitCode: known.exitCode } })
      : `nightfill: ${known.message}`;
    process.stderr.write(`${text}\n`);
  }
}

/** A mistake of ours: the stack is what a report of it needs. */
function unexpected(error: unknown): CliError {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return new CliError(exitCodes.failed, 'internal', text, { cause: error });
}

async function version(): Promise<string> {
  const manifest: { readonly version: string } = JSON.parse(await readFile(join(projectRoot, 'package.json'), 'utf8'));
  return manifest.version;
}
