import type { ObjectKey } from '../../shared/domain/keys.ts';
import type { StateFile } from './state-file.ts';

/**
 * Marks of deleted assets and versions: what bears one is answered with 410 and never pulled or filled again. Assets that
 * are hidden are answered the same, until they are not: their deletion may be taken back.
 */
export interface Tombstones {
  has(key: Pick<ObjectKey, 'assetId' | 'version'>): boolean;
  prefixes(): Iterable<string>;
  /** Changes with every new mark, and when others are hidden. */
  readonly generation: number;
  /**
   * `<assetId>/` or `<assetId>/<version>/`. In force at once, durable when it resolves.
   *
   * @throws Error where the disk does not keep it; it is in force all the same, and adding it again tries again.
   */
  add(prefix: string): Promise<void>;
  /** These assets and no others are hidden from now on. Not kept here: orders say it again at every start. */
  hide(assetIds: readonly string[]): void;
}

/** Deletions remembered at most; the oldest are long gone from every playlist and every token. */
const maxMarks = 100_000;

export async function openTombstones(file: StateFile<readonly string[]>): Promise<Tombstones> {
  const marks = new Set<string>(await file.read());
  let hidden = new Set<string>();
  let generation = 0;
  let isWritten = true;
  return {
    get generation() {
      return generation;
    },
    has: ({ assetId, version }) =>
      hidden.has(assetId) || marks.has(`${assetId}/`) || marks.has(`${assetId}/${version}/`),
    hide(assetIds) {
      if (assetIds.length === hidden.size && assetIds.every((id) => hidden.has(id))) return;
      hidden = new Set(assetIds);
      generation += 1;
    },
    prefixes: () => marks.values(),
    async add(prefix) {
      if (marks.has(prefix) && isWritten) return;
      marks.add(prefix);
      generation += 1;
      for (const oldest of marks) {
        if (marks.size <= maxMarks) break;
        marks.delete(oldest);
      }
      isWritten = false;
      await file.write([...marks]);
      isWritten = true;
    },
  };
}

export const parseMarks = (value: unknown): readonly string[] | null =>
  Array.isArray(value) ? value.filter((mark) => typeof mark === 'string') : null;
