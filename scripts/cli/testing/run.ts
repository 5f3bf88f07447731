/** Runs the real command line as a child process. */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { projectRoot } from '../access.ts';

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly child: ChildProcess;
  /** What standard error holds so far. */
  stderr(): string;
  readonly ended: Promise<Ended>;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string | Uint8Array;
  readonly cwd?: string;
  /** Path of the started file; the launcher by default. */
  readonly launcher?: string;
}

export const launcher = join(projectRoot, 'scripts', 'nightfill.mjs');

/** The environment of a user who has set nothing of ours. */
export const plainEnvironment = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^(NIGHTFILL_|VITEST|NODE_OPTIONS$|FORCE_COLOR$)/.test(name)),
);

export function start(args: readonly string[], options: RunOptions = {}): Running {
  const child = spawn(process.execPath, [options.launcher ?? launcher, ...args], {
    env: { ...plainEnvironment, ...options.env },
    cwd: options.cwd,
    stdio: 'pipe',
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  child.stdin.on('error', () => {}).end(options.input);
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
  return { child, stderr: () => stderr, ended };
}

export const run = (args: readonly string[], options?: RunOptions): Promise<Ended> => start(args, options).ended;

/** Waits until something is so. */
export async function until(isSo: () => boolean | Promise<boolean>, what: string, withinMs = 15_000): Promise<void> {
  const deadline = Date.now() + withinMs;
  while (!(await isSo())) {
    if (Date.now() > deadline) throw new Error(`not within ${withinMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
