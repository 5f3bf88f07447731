import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ProblemDocument } from '../../../shared/platform/problem.ts';
import type { AssetView } from '../asset-view.ts';

export const apiKey = 'a-key-of-the-tests-only';

/** The ingest service as a process of its own, over a folder store, that can be killed and started again. */
export interface IngestProcess {
  readonly dir: string;
  readonly storeDir: string;
  readonly base: string;
  readonly pid: number;
  /** Calls the API with the key. */
  call(path: string, init?: RequestInit): Promise<Response>;
  /** Files in scratch and in the store's uploads, relative to the process's folder. */
  leftovers(): Promise<string[]>;
  /** `kill -9`. */
  kill(): Promise<void>;
  /** Starts it again on the same folders and the same port, perhaps with other settings from now on. */
  restart(changes?: Readonly<Record<string, string>>): Promise<void>;
  /** SIGTERM; the exit code. */
  stop(): Promise<number | null>;
  remove(): Promise<void>;
}

export async function startIngest(
  redisUrl: string,
  env: Readonly<Record<string, string>> = {},
): Promise<IngestProcess> {
  const dir = await mkdtemp(join(tmpdir(), 'nightfill-ingest-'));
  const storeDir = join(dir, 'store');
  let port = 0;
  let changed: Readonly<Record<string, string>> = {};
  let child: ChildProcess;

  async function start(): Promise<void> {
    child = spawn(process.execPath, [join(import.meta.dirname, '..', 'main.ts')], {
      env: {
        PATH: process.env.PATH,
        NIGHTFILL_PORT: String(port),
        NIGHTFILL_API_KEY: apiKey,
        NIGHTFILL_REDIS_URL: redisUrl,
        NIGHTFILL_STORE_URL: `folder:${storeDir}`,
        NIGHTFILL_SCRATCH_DIR: join(dir, 'scratch'),
        NIGHTFILL_LOG_LEVEL: process.env.NIGHTFILL_TEST_LOG_LEVEL ?? 'silent',
        NIGHTFILL_SHUTDOWN_GRACE: '2s',
        ...env,
        ...changed,
      },
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    const [message] = await Promise.race([
      once(child, 'message'),
      once(child, 'exit').then(([code]) => {
        throw new Error(`ingest ended with ${code}`);
      }),
    ]);
    port = (message as { port: number }).port;
  }

  async function end(signal: NodeJS.Signals): Promise<number | null> {
    if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
    const exit = once(child, 'exit');
    child.kill(signal);
    const [code] = await exit;
    return code;
  }

  await start().catch(async (error: unknown) => {
    await rm(dir, { recursive: true, force: true });
    throw error;
  });
  return {
    dir,
    storeDir,
    get base() {
      return `http://127.0.0.1:${port}`;
    },
    get pid() {
      return child.pid ?? 0;
    },
    call: (path, init = {}) =>
      fetch(`http://127.0.0.1:${port}${path}`, {
        ...init,
        headers: { authorization: `Bearer ${apiKey}`, ...init.headers },
      }),
    leftovers: async () => {
      const files = await Promise.all(
        ['scratch', 'store/objects/uploads', 'store/objects/incoming', 'store/parts', 'store/tmp'].map(
          async (folder) => {
            const entries = await readdir(join(dir, folder), { recursive: true, withFileTypes: true }).catch(() => []);
            return entries.filter((entry) => entry.isFile()).map((entry) => `${folder}/${entry.name}`);
          },
        ),
      );
      return files.flat();
    },
    kill: async () => void (await end('SIGKILL')),
    restart: (changes = {}) => {
      changed = { ...changed, ...changes };
      return start();
    },
    stop: () => end('SIGTERM'),
    remove: async () => {
      await end('SIGKILL');
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** A body as what the API says it is; the tests then check what they rely on. */
export const assetOf = async (response: Response): Promise<AssetView> => (await response.json()) as AssetView;
export const problemOf = async (response: Response): Promise<ProblemDocument> =>
  (await response.json()) as ProblemDocument;

/** Polls until `condition` holds. */
export async function until(
  what: string,
  condition: () => Promise<boolean> | boolean,
  timeoutMs = 30_000,
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`${what}: not within ${timeoutMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
