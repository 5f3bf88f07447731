/**
 * Redis as a child: a private port on loopback, a password, append-only persistence, `noeviction`.
 *
 * Everything it holds can be rebuilt from the object store, but a restart should not have to.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { readFile, readlink, realpath, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

export interface RedisOptions {
  readonly dir: string;
  readonly port: number;
  readonly password: string;
  readonly logFile: string;
  /** It ended without being asked to; it is started again. */
  onExit(how: string): void;
}

export interface RedisChild {
  readonly url: string;
  stop(): Promise<void>;
}

const readyWithinMs = 20_000;
const restartPauseMs = 500;

/** @throws Error when Redis cannot be started or is not ready in time; nothing is left running then. */
export async function startRedis(given: RedisOptions): Promise<RedisChild> {
  // The system tells a process's folder without links; an orphan is known by it.
  const options = { ...given, dir: await realpath(given.dir) };
  const configFile = join(options.dir, 'redis.conf');
  await writeFile(configFile, configOf(options), { mode: 0o600 });
  await stopOrphan(options.dir);

  let stopping = false;
  let child: ChildProcess | null = null;
  const runOnce = async (): Promise<string> => {
    const log = openSync(options.logFile, 'a', 0o600);
    try {
      child = spawn('redis-server', [configFile], { stdio: ['ignore', log, log], detached: true });
      // `once` throws what the child emits as its error: it could not be started.
      const [code, signal] = await once(child, 'exit');
      return String(code ?? signal);
    } finally {
      closeSync(log);
    }
  };
  const run = async (): Promise<void> => {
    for (;;) {
      const how = await runOnce();
      if (stopping) return;
      options.onExit(how);
      await delay(restartPauseMs);
      if (stopping) return;
    }
  };
  const ended = run();
  const cannotStart = ended.then(
    () => {},
    (error: Error) => {
      throw new Error(
        `redis-server cannot be started (${error.message}): install it, e.g. apt-get install redis-server`,
      );
    },
  );
  const stop = async (): Promise<void> => {
    stopping = true;
    child?.kill('SIGTERM');
    await ended.catch(() => {});
  };
  const waiting = new AbortController();
  try {
    await Promise.race([untilReady(options, waiting.signal), cannotStart]);
  } catch (error) {
    waiting.abort();
    await stop();
    throw error;
  }
  cannotStart.catch((error: Error) => options.onExit(error.message));
  return { url: `redis://127.0.0.1:${options.port}`, stop };
}

const configOf = ({ dir, port, password }: RedisOptions): string =>
  `${[
    'bind 127.0.0.1',
    `port ${port}`,
    `requirepass ${password}`,
    `dir "${dir}"`,
    `pidfile "${join(dir, 'redis.pid')}"`,
    'daemonize no',
    'appendonly yes',
    'appendfsync everysec',
    'save ""',
    'maxmemory-policy noeviction',
  ].join('\n')}\n`;

/** A supervisor that was killed outright leaves its Redis behind; two on one folder would spoil the append-only file. */
async function stopOrphan(dir: string): Promise<void> {
  const pid = Number(await readFile(join(dir, 'redis.pid'), 'utf8').catch(() => ''));
  const isOurs = async () => {
    // Redis changes into its folder, which tells it from a stranger that got the process id since.
    const folder = await readlink(`/proc/${pid}/cwd`).catch(() => '');
    const commandLine = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    return folder === dir && commandLine.includes('redis');
  };
  if (!(pid > 0) || !(await isOurs())) return;
  process.kill(pid, 'SIGTERM');
  for (let waitedMs = 0; waitedMs < readyWithinMs && (await isOurs()); waitedMs += 50) await delay(50);
}

async function untilReady({ port, password, logFile }: RedisOptions, signal: AbortSignal): Promise<void> {
  const deadline = Date.now() + readyWithinMs;
  while (Date.now() < deadline && !signal.aborted) {
    if ((await ask(port, `AUTH ${password}\r\nPING\r\n`)).includes('+PONG')) return;
    await delay(20);
  }
  throw new Error(`Redis was not ready within ${readyWithinMs / 1000} s; see ${logFile}`);
}

/** One inline command; the answer so far when it goes quiet. A server that loads its data answers `-LOADING`. */
function ask(port: number, command: string): Promise<string> {
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect({ host: '127.0.0.1', port });
    const done = () => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(500, done);
    socket.on('error', done);
    socket.on('connect', () => socket.write(command));
    socket.on('data', (chunk) => {
      answer += chunk;
      if (/\+PONG|-\w+/.test(answer)) done();
    });
  });
}
