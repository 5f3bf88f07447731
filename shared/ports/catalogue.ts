import type { Asset, AssetState, PartProgress, TranscodeProgress } from '../domain/asset.ts';

/**
 * What assets exist and in what state.
 *
 * Promised: `create` and `update` return only when the change is in durable storage (the object store), so an
 * acknowledged upload outlives Redis; readers see the change at once. Updates of one asset are serialised, also between
 * processes. Progress is live data: it is lost with Redis and nobody minds.
 */
export interface Catalogue {
  /** @throws CatalogueError `already-exists` */
  create(asset: Asset): Promise<void>;

  get(id: string): Promise<Asset | null>;

  /**
   * Replaces an asset by what `change` makes of it. `change` may run again when another process was first, so it must
   * be pure; returning its argument unchanged writes nothing.
   *
   * @throws CatalogueError `not-found`
   */
  update(id: string, change: (asset: Asset) => Asset): Promise<Asset>;

  /** Newest first. `after` is the `next` of the page before. */
  list(options?: CatalogueListOptions): Promise<Page<Asset>>;

  /** Removes the document. Removing what is not there is success. */
  remove(id: string): Promise<void>;

  /** Keeps the highest `fraction` seen per attempt: progress never goes back. */
  setProgress(id: string, progress: TranscodeProgress): Promise<void>;
  /**
   * Tells the progress of one part of a transcode that several workers share, and returns that of all parts told so far.
   * A rendition's share of a part never goes back, also when the part is begun anew.
   */
  setPartProgress(id: string, part: string, progress: PartProgress): Promise<Readonly<Record<string, PartProgress>>>;
  getProgress(id: string): Promise<TranscodeProgress | null>;
  /** Of the whole and of its parts. */
  clearProgress(id: string): Promise<void>;

  /** Calls `listener` after each change or progress of the asset, from any process, until the returned function is called. */
  watch(id: string, listener: () => void): Promise<() => Promise<void>>;

  /** Makes the live index anew from durable storage; returns how many assets it holds. */
  rebuild(): Promise<number>;
}

export interface CatalogueListOptions {
  readonly state?: AssetState;
  readonly after?: string;
  /** 1 … 500, 50 by default. */
  readonly limit?: number;
}

export interface Page<T> {
  readonly items: readonly T[];
  /** Cursor of the next page; null on the last. */
  readonly next: string | null;
}

export class CatalogueError extends Error {
  readonly code: 'already-exists' | 'not-found' | 'busy';

  constructor(code: CatalogueError['code'], message: string) {
    super(message);
    this.name = 'CatalogueError';
    this.code = code;
  }
}
