import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';

/** A small document on the appliance's own disk: replaced whole or not at all, readable by the owner only. */
export interface StateFile<T> {
  /** Null when there is none, or none that can be read: what the appliance keeps here it can learn again. */
  read(): Promise<T | null>;
  write(value: T): Promise<void>;
}

export function makeStateFile<T>(path: string, parse: (value: unknown) => T | null): StateFile<T> {
  // Two writes at once would share the temporary file.
  let last: Promise<unknown> = Promise.resolve();
  return {
    async read() {
      const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return null;
        throw error;
      });
      return text === null ? null : parse(parseJson(text));
    },
    write(value) {
      const writing = last.catch(() => {}).then(() => replaceFile(path, JSON.stringify(value)));
      last = writing;
      return writing;
    },
  };
}

export async function replaceFile(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const file = await open(`${path}.tmp`, 'w', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${path}.tmp`, path);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
