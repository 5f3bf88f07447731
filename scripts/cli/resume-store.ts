/**
 * Where unfinished uploads are remembered, so that the same command takes them up again.
 *
 * One file an upload, written whole or not at all, so that uploads side by side never wait for or harm each other. An
 * upload belongs to the process that runs it: a second one of the same file begins its own, and takes over only what
 * its owner left behind.
 */
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { homedir, hostname } from 'node:os';
import { join } from 'node:path';
import type { PreviousUpload, UrlStorage } from 'tus-js-client';
import type { Environment } from './access.ts';

interface Remembered {
  readonly fingerprint: string;
  readonly upload: PreviousUpload;
  readonly host: string;
  readonly pid: number;
}

const keptMs = 7 * 86_400_000;

/** `$XDG_CACHE_HOME/nightfill/uploads`, else below `~/.cache`. */
export const resumeFolder = (env: Environment): string =>
  join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'nightfill', 'uploads');

/** `$XDG_CACHE_HOME/nightfill/imports`, else below `~/.cache`. */
export const importsFolder = (env: Environment): string => join(resumeFolder(env), '..', 'imports');

export function makeResumeStore(folder: string): UrlStorage {
  const prefixOf = (fingerprint: string): string => createHash('sha256').update(fingerprint).digest('hex').slice(0, 32);

  const read = async (name: string): Promise<PreviousUpload | null> => {
    try {
      const remembered: Remembered = JSON.parse(await readFile(join(folder, name), 'utf8'));
      if (isRunning(remembered)) return null;
      return { ...remembered.upload, urlStorageKey: name };
    } catch {
      // Removed by its owner, or not ours: nothing to resume.
      return null;
    }
  };

  const list = async (prefix: string): Promise<PreviousUpload[]> => {
    const names = await readdir(folder).catch(() => []);
    const uploads = await Promise.all(
      names.filter((name) => name.startsWith(prefix) && name.endsWith('.json')).map(read),
    );
    return uploads.filter((upload) => upload !== null);
  };

  const store: UrlStorage = {
    findAllUploads: () => list(''),
    findUploadsByFingerprint: (fingerprint) => list(prefixOf(fingerprint)),
    removeUpload: (key) => rm(join(folder, key), { force: true }),
    addUpload: async (fingerprint, upload) => {
      const name = `${prefixOf(fingerprint)}-${randomUUID()}.json`;
      const remembered: Remembered = { fingerprint, upload, host: hostname(), pid: process.pid };
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const draft = join(folder, `${name}.${process.pid}.tmp`);
      await writeFile(draft, JSON.stringify(remembered), { mode: 0o600 });
      await rename(draft, join(folder, name));
      return name;
    },
  };
  return store;
}

/**
 * Takes an upload over: of two processes that found the same one, one gets it. The old entry becomes one of this
 * process, so that a third leaves it alone.
 *
 * @returns the upload under its new key, or null when another process was faster.
 */
export async function claim(folder: string, upload: PreviousUpload): Promise<PreviousUpload | null> {
  const path = join(folder, upload.urlStorageKey);
  const taken = `${path}.${process.pid}.claim`;
  try {
    await rename(path, taken);
  } catch {
    return null;
  }
  const { fingerprint }: Remembered = JSON.parse(await readFile(taken, 'utf8'));
  const urlStorageKey = await makeResumeStore(folder).addUpload(fingerprint, upload);
  await rm(taken, { force: true });
  return { ...upload, urlStorageKey };
}

/** Forgets uploads that no server keeps any more. Failing to tidy up is nobody's concern. */
export async function forgetOld(folder: string, nowMs: number): Promise<void> {
  const store = makeResumeStore(folder);
  for (const upload of await store.findAllUploads()) {
    const createdMs = Date.parse(upload.creationTime);
    if (nowMs - createdMs > keptMs) await store.removeUpload(upload.urlStorageKey).catch(() => undefined);
  }
}

function isRunning({ host, pid }: Remembered): boolean {
  if (host !== hostname() || pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
