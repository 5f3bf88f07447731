/**
 * Redis as a child: a private port on loopback, a password, append-only persistence, `noeviction`.
 *
 * Everything it holds can be rebuilt from the object store, but a restart should not have to.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { readFile, readlink, writeFile } from 'node:fs/promises';
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

/** @throws Error when Redis is not ready in time; the log file says why. */
export async function startRedis(options: RedisOptions): Promise<RedisChild> {
  const configFile = join(options.dir, 'redis.conf');
  await writeFile(configFile, configOf(options), { mode: 0o600 });
  await stopOrphan(options.dir);

  let stopping = false;
  let child: ChildProcess | null = null;
  const run = async (): Promise<void> => {
    while (!stopping) {
      const log = openSync(options.logFile, 'a', 0o600);
      child = spawn('redis-server', [configFile], { stdio: ['ignore', log, log], detached: true });
      const how = await Promise.race([
        once(child, 'exit').then(([code, signal]) => String(code ?? signal)),
        once(child, 'error').then(([error]) => (error as Error).message),
      ]);
      if (stopping) return;
      options.onExit(how);
      await delay(restartPauseMs);
    }
  };
  const ended = run();
  await untilReady(options);
  return {
    url: `redis://127.0.0.1:${options.port}`,
    stop: async () => {
      stopping = true;
      child?.kill('SIGTERM');
      await ended;
    },
  };
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

async function untilReady({ port, password, logFile }: RedisOptions): Promise<void> {
  const deadline = Date.now() + readyWithinMs;
  while (Date.now() < deadline) {
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
