/**
 * Files that are being written and are not objects yet.
 *
 * Several processes share one root, so a leftover is told from a file in use by its name, which says who writes it:
 * `<world>.<pid>.<start>.<uuid>`. `world` stands for the boot and the process namespace in which a pid means something,
 * `start` for the process's start time, since pids are used again. Files of another world (a container, a machine
 * before its restart) are leftovers only once nobody has written to them for a day.
 */
import { createHash, randomUUID } from 'node:crypto';
import { type FileHandle, mkdir, open, readdir, readFile, readlink, rm, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { errnoOf, unless } from './folder-errors.ts';

const abandonedAfterMs = 24 * 3600 * 1000;

export interface TempFile {
  readonly path: string;
  readonly handle: FileHandle;
}

/** Creates an empty file that only this process writes. */
export async function createTempFile(folder: string): Promise<TempFile> {
  const path = join(folder, `${await ownMark()}.${randomUUID()}`);
  try {
    return { path, handle: await open(path, 'wx', 0o644) };
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
    await mkdir(folder, { recursive: true });
    return { path, handle: await open(path, 'wx', 0o644) };
  }
}

/** Removes what dead writers left; returns how many files. */
export async function sweepTempFiles(folder: string, nowMs: number): Promise<number> {
  let removed = 0;
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    if (!(await isLeftover(name, path, nowMs))) continue;
    await rm(path, { force: true });
    removed += 1;
  }
  return removed;
}

async function isLeftover(name: string, path: string, nowMs: number): Promise<boolean> {
  const [world, pid, start] = name.split('.');
  if (world === (await ownWorld()) && start !== unknownStart) return !(await isRunning(Number(pid), start));
  const written = await unless(['ENOENT'], null, () => stat(path));
  return written !== null && nowMs - written.mtimeMs > abandonedAfterMs;
}

async function isRunning(pid: number, start: string | undefined): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (errnoOf(error) === 'ESRCH') return false;
  }
  const found = await startOf(pid);
  return found === unknownStart || found === start;
}

const unknownStart = '0';

/** Start time in clock ticks since boot: field 22 of proc(5) stat, counted behind the command's closing bracket. */
async function startOf(pid: number | 'self'): Promise<string> {
  try {
    const text = await readFile(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? unknownStart;
  } catch {
    return unknownStart;
  }
}

let world: Promise<string> | undefined;

function ownWorld(): Promise<string> {
  world ??= (async () => {
    const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => hostname());
    const namespace = await readlink('/proc/self/ns/pid').catch(() => hostname());
    return createHash('sha256').update(`${boot}\n${namespace}`).digest('hex').slice(0, 12);
  })();
  return world;
}

let mark: Promise<string> | undefined;

function ownMark(): Promise<string> {
  mark ??= (async () => `${await ownWorld()}.${process.pid}.${await startOf('self')}`)();
  return mark;
}
