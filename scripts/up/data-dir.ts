/**
 * The data folder of one installation on one machine: lock, secrets, ports, and what the command line needs to reach it.
 *
 * | path            | what |
 * |-----------------|------|
 * | `up.lock`       | process id of the running supervisor |
 * | `secrets.json`  | API key, fleet secret, content secret, token keys, Redis password; readable by the owner only; made once |
 * | `ports.json`    | ports of the inner processes, kept between runs so that playback URLs outlive a restart |
 * | `access.json`   | address and key of the public API, for the command line |
 * | `store/`        | the object store |
 * | `redis/`, `appliances/<id>/`, `scratch/`, `log/` | as named |
 */
import { randomBytes } from 'node:crypto';
import { link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { generateTokenKey } from '../../shared/tokens/keys.ts';

export interface Secrets {
  readonly apiKey: string;
  readonly fleetSecret: string;
  readonly contentSecret: string;
  readonly redisPassword: string;
  /** JSON Web Key Set. */
  readonly tokenKeys: { readonly keys: readonly unknown[] };
}

export interface DataDir {
  readonly root: string;
  path(...parts: string[]): string;
  /** Opens the folder for this process alone. @throws Error that names the process which has it. */
  lock(): Promise<void>;
  unlock(): Promise<void>;
  secrets(): Promise<Secrets>;
  /** Ports for the named processes: those of the last run where they are free, else the next free ones from `base`. */
  ports(names: readonly string[], host: string, base: number): Promise<ReadonlyMap<string, number>>;
  writeAccess(access: { readonly apiUrl: string; readonly apiKey: string }): Promise<void>;
}

export async function openDataDir(folder: string): Promise<DataDir> {
  const root = resolve(folder);
  const path = (...parts: string[]) => join(root, ...parts);
  await mkdir(root, { recursive: true });
  for (const part of ['store', 'redis', 'appliances', 'scratch', 'log']) {
    await mkdir(path(part), { recursive: true, mode: 0o700 });
  }
  return {
    root,
    path,
    lock: () => lock(path('up.lock'), root),
    unlock: () => rm(path('up.lock'), { force: true }),
    secrets: () => readOrMakeSecrets(path('secrets.json')),
    ports: (names, host, base) => choosePorts(path('ports.json'), names, host, base),
    writeAccess: (access) => writePrivate(path('access.json'), access),
  };
}

async function lock(file: string, root: string): Promise<void> {
  for (;;) {
    // Linked when it is written, so that nobody finds a lock that does not say whose it is.
    const mine = `${file}.${process.pid}`;
    try {
      await writeFile(mine, String(process.pid), { mode: 0o600 });
      return await link(mine, file);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    } finally {
      await rm(mine, { force: true });
    }
    const pid = Number(await readFile(file, 'utf8').catch(() => ''));
    if (pid > 0 && (await isNightfill(pid)))
      throw new Error(
        `Nightfill runs here already (process ${pid}, data in ${root}); stop it, or take another --data and --port`,
      );
    await rm(file, { force: true });
  }
}

/** A process id may have gone to another program since: the command line tells. */
async function isNightfill(pid: number): Promise<boolean> {
  if (pid === process.pid) return false;
  const commandLine = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => null);
  return /nightfill\.(ts|mjs)/.test(commandLine ?? '');
}

async function readOrMakeSecrets(file: string): Promise<Secrets> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  const random = () => randomBytes(32).toString('base64url');
  if (text !== null) {
    const found = JSON.parse(text) as Secrets;
    if (found.contentSecret) return found;
    // Folders from before media could be encrypted.
    const completed = { ...found, contentSecret: random() };
    await writePrivate(file, completed);
    return completed;
  }
  const secrets: Secrets = {
    apiKey: random(),
    fleetSecret: random(),
    contentSecret: random(),
    redisPassword: random(),
    tokenKeys: { keys: [await generateTokenKey()] },
  };
  await writePrivate(file, secrets);
  return secrets;
}

async function writePrivate(file: string, value: unknown): Promise<void> {
  const temporary = `${file}.${process.pid}`;
  await writeFile(temporary, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600 });
  await rename(temporary, file);
}

async function choosePorts(
  file: string,
  names: readonly string[],
  host: string,
  base: number,
): Promise<ReadonlyMap<string, number>> {
  const last = JSON.parse(await readFile(file, 'utf8').catch(() => '{}')) as Record<string, number>;
  const chosen = new Map<string, number>();
  const taken = new Set<number>();
  let next = base;
  for (const name of names) {
    const before = last[name];
    let port = before !== undefined && !taken.has(before) && (await isFree(host, before)) ? before : undefined;
    while (port === undefined) {
      const candidate = next++;
      if (candidate > 65_535) throw new Error('no free ports are left');
      if (!taken.has(candidate) && !Object.values(last).includes(candidate) && (await isFree(host, candidate)))
        port = candidate;
    }
    chosen.set(name, port);
    taken.add(port);
  }
  await writePrivate(file, Object.fromEntries(chosen));
  return chosen;
}

/** True when a server could listen there now. */
export function isFree(host: string, port: number): Promise<boolean> {
  return new Promise((resolveFree) => {
    const probe = createServer();
    probe.once('error', () => resolveFree(false));
    probe.listen({ host, port, exclusive: true }, () => probe.close(() => resolveFree(true)));
  });
}
