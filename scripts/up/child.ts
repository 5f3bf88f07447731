/**
 * One supervised process.
 *
 * | state     | left by |
 * |-----------|---------|
 * | starting  | its `listening` message → running; its exit → waiting |
 * | running   | its exit → waiting |
 * | waiting   | a pause that doubles from 0.5 s to 15 s → starting |
 * | stopped   | nothing: `stop()` is final. Exit code 78 (configuration) stops it too, because trying again cannot help |
 *
 * A child gets its own process group, so that Ctrl-C reaches the supervisor alone and the order of stopping is ours. It
 * notices the supervisor's death by the closed channel and stops by itself.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, statSync, type WriteStream } from 'node:fs';
import { rename } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

export interface ChildSpec {
  readonly name: string;
  /** Path of the TypeScript file to run. */
  readonly main: string;
  readonly env: Readonly<Record<string, string>>;
  readonly logFile: string;
}

export interface ChildEvents {
  /** It ended without being asked to and will be started again after `pauseMs`; null when it will not. */
  onExit(name: string, how: string, pauseMs: number | null): void;
}

export interface Child {
  readonly name: string;
  /** Resolves once it listens for the first time; rejects when it gives up before. */
  readonly listening: Promise<void>;
  /** Asks it to stop, kills it after `graceMs`; resolves when it is gone. */
  stop(graceMs: number): Promise<void>;
}

const firstPauseMs = 500;
const longestPauseMs = 15_000;
/** A process that ran for so long was well: the next pause is short again. */
const wellAfterMs = 30_000;
const largestLogBytes = 20 * 1024 * 1024;
const exitConfiguration = 78;

export function startChild(spec: ChildSpec, events: ChildEvents): Child {
  let process_: ChildProcess | null = null;
  let stopping = false;
  let pauseMs = firstPauseMs;
  let exited: Promise<unknown> = Promise.resolve();
  const wake = new AbortController();
  const { promise: listening, resolve: isListening, reject: neverListens } = Promise.withResolvers<void>();
  listening.catch(() => {});

  const run = async (): Promise<void> => {
    while (!stopping) {
      const startedAt = Date.now();
      const code = await runOnce();
      if (stopping) return;
      if (code === exitConfiguration || code === 'spawn-failed') {
        events.onExit(spec.name, `ended with ${code}; see ${spec.logFile}`, null);
        neverListens(new Error(`${spec.name} cannot start; see ${spec.logFile}`));
        return;
      }
      if (Date.now() - startedAt > wellAfterMs) pauseMs = firstPauseMs;
      events.onExit(spec.name, `ended with ${code}`, pauseMs);
      await delay(pauseMs, undefined, { signal: wake.signal }).catch(() => {});
      pauseMs = Math.min(pauseMs * 2, longestPauseMs);
    }
  };

  const runOnce = async (): Promise<number | string> => {
    await rotate(spec.logFile);
    const log = createWriteStream(spec.logFile, { flags: 'a', mode: 0o600 });
    await once(log, 'open');
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', spec.main], {
      env: { ...spec.env },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      detached: true,
    });
    process_ = child;
    if (stopping) child.kill('SIGTERM');
    record(child, log);
    child.on('message', (message: { type?: string }) => {
      if (message.type === 'listening') isListening();
    });
    const { promise, resolve } = Promise.withResolvers<number | string>();
    child.on('error', () => resolve('spawn-failed'));
    child.on('close', (code, signal) => resolve(code ?? signal ?? 'unknown'));
    const code = await promise;
    process_ = null;
    log.end();
    return code;
  };

  exited = run().catch((error: Error) => {
    events.onExit(spec.name, `cannot be run: ${error.message}`, null);
    neverListens(error);
  });
  return {
    name: spec.name,
    listening,
    stop: async (graceMs) => {
      stopping = true;
      wake.abort();
      neverListens(new Error(`${spec.name} was stopped`));
      process_?.kill('SIGTERM');
      const timer = setTimeout(() => process_?.kill('SIGKILL'), graceMs);
      await exited;
      clearTimeout(timer);
    },
  };
}

/** A disk that is full costs the log, not the process: what it writes is read on, and its log begins anew with its next start. */
function record(child: ChildProcess, log: WriteStream): void {
  const streams = [child.stdout, child.stderr].filter((stream) => stream !== null);
  for (const stream of streams) stream.pipe(log, { end: false });
  log.on('error', () => {
    for (const stream of streams) {
      stream.unpipe(log);
      stream.resume();
    }
  });
}

/** Keeps one older file of a log that has grown large. */
async function rotate(file: string): Promise<void> {
  const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  if (size > largestLogBytes) await rename(file, `${file}.1`);
}
