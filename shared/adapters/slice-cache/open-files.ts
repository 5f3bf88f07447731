/** Slice files kept open, the ones used last: opening and closing cost more than reading 64 KiB. */
import fs from 'node:fs';
import { LRUCache } from 'lru-cache';

export interface OpenFiles {
  /** The descriptor where the file is open already; null otherwise. Good until the next turn of the event loop. */
  peek(fileId: number): number | null;
  /** Keeps the file open until `release`, where it is open already; null otherwise. */
  lend(fileId: number): { readonly fd: number; readonly release: () => void } | null;
  /** Begins to open the file where it is not. */
  prepare(fileId: number): void;
  /** Opens the file where it is not; the descriptor stays good until `work` is done. */
  use<T>(fileId: number, work: (fd: number) => Promise<T>): Promise<T>;
  /** Must be told before a file is deleted, so that its room becomes free. */
  forget(fileId: number): void;
  closeAll(): void;
}

interface Entry {
  readonly fd: number;
  users: number;
  isForgotten: boolean;
}

export function makeOpenFiles(pathOf: (fileId: number) => string, max = 1_000): OpenFiles {
  const close = (entry: Entry): void => {
    entry.isForgotten = true;
    if (entry.users === 0) fs.close(entry.fd, () => {});
  };
  const entries = new LRUCache<number, Entry>({ max, dispose: close });
  const leave = (entry: Entry): void => {
    entry.users -= 1;
    if (entry.isForgotten && entry.users === 0) fs.close(entry.fd, () => {});
  };

  /** Files on their way to being open; one that is deleted meanwhile is not kept. */
  const opening = new Map<number, { isDeleted: boolean; readonly entry: Promise<Entry> }>();

  function open(fileId: number): Promise<Entry> {
    const known = opening.get(fileId);
    if (known) return known.entry;
    const state = { isDeleted: false, entry: opened() };
    opening.set(fileId, state);
    return state.entry;

    async function opened(): Promise<Entry> {
      try {
        const fd = await new Promise<number>((resolve, reject) => {
          fs.open(pathOf(fileId), 'r', (error, found) => (error ? reject(error) : resolve(found)));
        });
        const entry: Entry = { fd, users: 0, isForgotten: state.isDeleted };
        if (!state.isDeleted) entries.set(fileId, entry);
        return entry;
      } finally {
        opening.delete(fileId);
      }
    }
  }

  async function use<T>(fileId: number, work: (fd: number) => Promise<T>): Promise<T> {
    const entry = entries.get(fileId) ?? (await open(fileId));
    entry.users += 1;
    try {
      return await work(entry.fd);
    } finally {
      leave(entry);
    }
  }

  return {
    peek: (fileId) => entries.get(fileId)?.fd ?? null,
    lend(fileId) {
      const entry = entries.get(fileId);
      if (!entry) return null;
      entry.users += 1;
      let isLent = true;
      return {
        fd: entry.fd,
        release: () => {
          if (isLent) leave(entry);
          isLent = false;
        },
      };
    },
    prepare(fileId) {
      // Used for nothing, so that it is closed where it was deleted meanwhile.
      if (!entries.has(fileId) && !opening.has(fileId)) use(fileId, async () => {}).catch(() => {});
    },
    use,
    forget(fileId) {
      entries.delete(fileId);
      const state = opening.get(fileId);
      if (state) state.isDeleted = true;
    },
    closeAll: () => entries.clear(),
  };
}
