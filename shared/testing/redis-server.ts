import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** A real redis-server of the test's own, on a unix socket in a temporary folder: no port, so no collision. */
export interface TestRedisServer {
  /** `redis+unix:///…`, as `connectRedis` takes it. */
  readonly url: string;
  /** Stops it in an orderly way, if it runs, and starts it again on the same data and address. */
  restart(): Promise<void>;
  /** `kill -9`: clients lose their connections, the data folder stays. */
  kill(): Promise<void>;
  /** Ends it and removes its folder. */
  stop(): Promise<void>;
}

/** @param options `persistent` keeps an append-only file, synced at every write, so that a restart finds all data. */
export async function startRedisServer(options: { readonly persistent?: boolean } = {}): Promise<TestRedisServer> {
  const folder = await mkdtemp(join(tmpdir(), 'nightfill-redis-'));
  const socket = join(folder, 'redis.sock');
  const settings = {
    port: '0',
    unixsocket: socket,
    dir: folder,
    save: '',
    appendonly: options.persistent ? 'yes' : 'no',
    appendfsync: 'always',
    'maxmemory-policy': 'noeviction',
  };
  let child: ChildProcess | null = null;

  async function start(): Promise<void> {
    const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
    const started = spawn('redis-server', args, { stdio: 'ignore' });
    child = started;
    let failure: Error | null = null;
    started.once('error', (error) => {
      failure = new Error('redis-server could not be started; is it installed?', { cause: error });
    });
    const deadline = Date.now() + 10_000;
    while (!(await answersPing(socket))) {
      if (failure) throw failure;
      if (started.exitCode !== null) throw new Error(`redis-server ended with ${started.exitCode}`);
      if (Date.now() > deadline) throw new Error('redis-server was not ready within 10 s');
      await sleep(10);
    }
  }

  async function end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const running = child;
    child = null;
    if (!running || running.exitCode !== null || running.signalCode !== null) return;
    const exited = once(running, 'exit');
    running.kill(signal);
    await exited;
  }

  try {
    await start();
  } catch (error) {
    await end('SIGKILL');
    await rm(folder, { recursive: true, force: true });
    throw error;
  }

  return {
    url: `redis+unix://${socket}`,
    async restart() {
      await end('SIGTERM');
      await start();
    },
    kill: () => end('SIGKILL'),
    async stop() {
      await end('SIGKILL');
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** False too while the server still loads its data (`-LOADING`). */
function answersPing(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const connection = connect(socket, () => connection.write('PING\r\n'));
    connection.setTimeout(1_000, () => connection.destroy());
    connection.once('data', (data) => {
      resolve(data.toString().startsWith('+PONG'));
      connection.destroy();
    });
    connection.once('error', () => resolve(false));
    connection.once('close', () => resolve(false));
  });
}
