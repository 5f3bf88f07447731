import { type ChildProcess, spawn, spawnSync } from 'node:child_process';

export interface RunOptions {
  /** Aborting kills the child and everything it started, and rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Kills the child after so long; no limit by default. */
  readonly timeoutMs?: number;
  /** Kills the child after so long without a byte on standard output; no limit by default. */
  readonly silenceMs?: number;
  /** Largest standard output that is kept; more is an error. 1 MiB by default. */
  readonly maxOutputBytes?: number;
  /** Enforced by the kernel where `prlimit` is (Linux with util-linux), else not at all. */
  readonly limits?: ResourceLimits;
  /** Gets each line of standard output instead of keeping it. */
  readonly onLine?: (line: string) => void;
}

export interface ResourceLimits {
  /** Address space; an allocation beyond it fails. */
  readonly memoryBytes: number;
  /** Of each file that is written; a write beyond it kills the child. */
  readonly fileSizeBytes: number;
  /** Of all threads together; more kills the child. */
  readonly cpuS: number;
}

export type ProcessErrorCode = 'not-started' | 'timed-out' | 'output-too-large' | 'exit-code';

/** How a child ended other than well. */
export class ProcessError extends Error {
  readonly code: ProcessErrorCode;
  /** The end of what it wrote to standard error. */
  readonly stderr: string;

  constructor(code: ProcessErrorCode, message: string, stderr = '', options?: ErrorOptions) {
    super(message, options);
    this.name = 'ProcessError';
    this.code = code;
    this.stderr = stderr;
  }
}

const stderrTailChars = 8_192;

/**
 * Runs a program to its end and resolves with its standard output.
 *
 * The child leads a process group of its own, so that a Ctrl-C in the terminal reaches it only through us and killing it
 * leaves no grandchild. Where the system can (Linux with util-linux), it also dies when this process is killed.
 *
 * @throws ProcessError, or the reason of `signal`.
 */
export function runProcess(command: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const { signal, timeoutMs, silenceMs, maxOutputBytes = 1024 * 1024, limits, onLine } = options;
  if (signal?.aborted) return Promise.reject(signal.reason);
  const [program, ...programArgs] = [...dieWithParent(), ...(limits ? limited(limits) : []), command, ...args];
  const child = spawn(program ?? command, programArgs, { detached: true, stdio: ['ignore', 'pipe', 'pipe'] });

  return new Promise((resolve, reject) => {
    let ended: { readonly error: unknown } | null = null;
    let output = '';
    let stderr = '';
    const kill = (error: unknown): void => {
      ended ??= { error };
      killGroup(child);
    };
    const onAbort = (): void => kill(signal?.reason);
    signal?.addEventListener('abort', onAbort, { once: true });
    const late = (ms: number, what: string): NodeJS.Timeout =>
      setTimeout(() => kill(new ProcessError('timed-out', `${command} ${what} ${ms} ms`, stderr)), ms);
    const timer = timeoutMs === undefined ? undefined : late(timeoutMs, 'took over');
    const silence = silenceMs === undefined ? undefined : late(silenceMs, 'was silent for');

    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      silence?.refresh();
      output += chunk;
      if (onLine) {
        const lines = output.split('\n');
        output = lines.pop() ?? '';
        for (const line of lines) onLine(line);
      }
      if (output.length > maxOutputBytes)
        kill(new ProcessError('output-too-large', `${command} wrote over ${maxOutputBytes} bytes`, stderr));
    });
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      stderr = (stderr + chunk).slice(-stderrTailChars);
    });

    const finish = (error: unknown): void => {
      clearTimeout(timer);
      clearTimeout(silence);
      signal?.removeEventListener('abort', onAbort);
      if (error === null) resolve(output);
      else reject(error);
    };
    child.on('error', (cause) => {
      finish(new ProcessError('not-started', `${command} could not be started: ${cause.message}`, '', { cause }));
    });
    child.on('close', (exitCode, exitSignal) => {
      if (ended) finish(ended.error);
      else if (exitCode === 0) finish(null);
      else if (exitCode === 127 && programArgs.length > args.length)
        finish(new ProcessError('not-started', `${command} could not be started: is it installed?`, stderr));
      else
        finish(
          new ProcessError('exit-code', `${command} ended with ${exitSignal ?? exitCode}: ${lastLine(stderr)}`, stderr),
        );
    });
  });
}

const lastLine = (text: string): string => text.trimEnd().split('\n').at(-1) ?? '';

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    child.kill('SIGKILL');
  }
}

/** Runs `command true` once and remembers whether that works here. */
function ifAvailable(command: readonly string[]): readonly string[] {
  const key = command.join(' ');
  const [program = '', ...args] = command;
  const works =
    available.get(key) ?? (process.platform === 'linux' && spawnSync(program, [...args, 'true']).status === 0);
  available.set(key, works);
  return works ? command : [];
}
const available = new Map<string, boolean>();

/** An encoder that outlives a killed worker would write on for nobody. */
const dieWithParent = (): readonly string[] => ifAvailable(['setpriv', '--pdeathsig', 'KILL', '--']);

function limited({ memoryBytes, fileSizeBytes, cpuS }: ResourceLimits): readonly string[] {
  if (ifAvailable(['prlimit', '--core=0', '--']).length === 0) return [];
  const whole = (value: number): number => Math.ceil(value);
  return [
    'prlimit',
    '--core=0',
    `--as=${whole(memoryBytes)}`,
    `--fsize=${whole(fileSizeBytes)}`,
    `--cpu=${whole(cpuS)}`,
    '--',
  ];
}
