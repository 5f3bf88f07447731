import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';

/** The worker's own part of the scratch folder, beside ingest's: one folder a job, named `<host>.<pid>.<random>`. */
export interface Scratch {
  /** Makes a folder for one job and removes it when `work` ends, however it ends. */
  withFolder<T>(work: (dir: string) => Promise<T>): Promise<T>;
  /** Removes what killed workers of this host left behind; returns how many folders. */
  removeLeftovers(): Promise<number>;
}

export function makeScratch(dir: string): Scratch {
  const host = hostname().replaceAll('.', '-');
  const prefix = `${host}.${process.pid}.`;
  const mine = new Set<string>();
  return {
    async withFolder(work) {
      await mkdir(dir, { recursive: true });
      const folder = await mkdtemp(join(dir, prefix));
      mine.add(folder);
      try {
        return await work(folder);
      } finally {
        await rm(folder, { recursive: true, force: true, maxRetries: 3 });
        mine.delete(folder);
      }
    },
    async removeLeftovers() {
      await mkdir(dir, { recursive: true });
      const leftovers = (await readdir(dir)).filter((name) => {
        const [owner, pid] = name.split('.');
        return owner === host && !mine.has(join(dir, name)) && !isOtherProcess(Number(pid));
      });
      for (const name of leftovers) await rm(join(dir, name), { recursive: true, force: true, maxRetries: 3 });
      return leftovers.length;
    },
  };
}

/** In a container every start has the same process id, so a folder of our own id that is not ours is a leftover too. */
function isOtherProcess(pid: number): boolean {
  if (!Number.isInteger(pid) || pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
