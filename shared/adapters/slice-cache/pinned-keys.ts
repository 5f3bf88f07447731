import fs from 'node:fs';
import { join } from 'node:path';

/** The pinned set, durable. Each set has a number, so that the journal's additions to an older one are not mistaken. */
export interface PinnedKeys {
  readonly setNumber: number;
  has(key: string): boolean;
  keys(): Iterable<string>;
  /** Adds a key to the present set in memory; the journal makes it durable. False when it is in it already. */
  add(key: string): boolean;
  /** What was added since the set was made: the part that lives in the journal. */
  added(): Iterable<string>;
  wasAdded(key: string): boolean;
  /** @param onReplaced called with the set before, as soon as the new one counts. */
  replace(keys: ReadonlySet<string>, onReplaced: (before: ReadonlySet<string>) => void): Promise<void>;
}

export function openPinnedKeys(dir: string): PinnedKeys {
  const path = join(dir, 'pinned');
  const lines = fs.existsSync(path) ? fs.readFileSync(path, 'utf8').split('\n') : [];
  let setNumber = Number(lines[0] ?? 0);
  let keys = new Set(lines.slice(1).filter((line) => line !== ''));
  let added = new Set<string>();

  return {
    get setNumber() {
      return setNumber;
    },
    has: (key) => keys.has(key),
    keys: () => keys,
    add(key) {
      if (keys.has(key)) return false;
      keys.add(key);
      added.add(key);
      return true;
    },
    added: () => added,
    wasAdded: (key) => added.has(key),
    async replace(next, onReplaced) {
      const number = setNumber + 1;
      const file = await fs.promises.open(`${path}.tmp`, 'w', 0o600);
      try {
        await file.writeFile([number, ...next].join('\n'));
        await file.sync();
      } finally {
        await file.close();
      }
      await fs.promises.rename(`${path}.tmp`, path);
      setNumber = number;
      const before = keys;
      keys = new Set(next);
      added = new Set();
      onReplaced(before);
    },
  };
}
