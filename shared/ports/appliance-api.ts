import type { Readable } from 'node:stream';
import type { ByteSpan } from './object-store.ts';

/**
 * What control's side asks of one appliance: its inventory, its plan, objects to store and to forget.
 *
 * Promised: `put` returns only when the appliance has checked the digest and stored the bytes; every call is harmless
 * when repeated; a call ends by an error when the appliance is silent for longer than the adapter's time-out.
 * Deliberately absent: any memory between calls. Retries are the caller's, who knows the window.
 */
export interface ApplianceApi {
  /** Everything that the appliance holds, in key order, fetched page by page. */
  inventory(target: ApplianceTarget, signal?: AbortSignal): AsyncIterable<HeldEntry>;

  /** Makes `pinned` the pinned set, frees what is in `evict`; returns which planned keys, pinned or not, it holds, wholly or in part. */
  applyPlan(target: ApplianceTarget, plan: PinOrders, signal?: AbortSignal): Promise<readonly HeldKey[]>;

  /** Bytes of an object that are held from its start; 0 when there are none. */
  heldBytes(target: ApplianceTarget, key: string, signal?: AbortSignal): Promise<number>;

  /** Sends an object, or the part of it that `upload` names. A body that was begun is ended in any case. */
  put(target: ApplianceTarget, key: string, upload: Upload, signal?: AbortSignal): Promise<'stored' | 'already-held'>;

  /**
   * Has the appliance take an object, or a part of it, from another one and check it as if it were put. `not-there`
   * when that one does not hold it, or could not give it.
   */
  takeFrom(
    target: ApplianceTarget,
    key: string,
    wanted: Omit<Upload, 'body'>,
    from: ApplianceTarget,
    signal?: AbortSignal,
  ): Promise<'stored' | 'already-held' | 'not-there'>;

  /** Bytes that the appliance holds, unchecked; null when it does not hold them. The caller consumes or destroys them. */
  read(target: ApplianceTarget, key: string, span: ByteSpan | null, signal?: AbortSignal): Promise<Readable | null>;

  /** Deletes an object, or all below a prefix that ends in `/`; returns the freed bytes. */
  remove(target: ApplianceTarget, keyOrPrefix: string, signal?: AbortSignal): Promise<number>;

  close(): Promise<void>;
}

export interface ApplianceTarget {
  readonly id: string;
  readonly internalUrl: string;
}

export interface HeldKey {
  readonly key: string;
  readonly heldBytes: number;
}

export interface HeldEntry extends HeldKey {
  readonly pinned: boolean;
}

export interface PinOrders {
  readonly pinned: readonly string[];
  /** Planned as well, but not pinned. */
  readonly unpinned?: readonly string[];
  readonly evict: readonly string[];
}

export interface Upload {
  /** Exactly `sizeBytes` bytes. A piece has left this process, and may be used again, when the next one is asked for. */
  readonly body: AsyncIterable<Uint8Array>;
  readonly sizeBytes: number;
  /** Lower-case hex SHA-256 of `body`. */
  readonly sha256: string;
  /** Where `body` lies in the object; absent when it is the whole. The offset is a multiple of the slice size. */
  readonly part?: { readonly offset: number; readonly objectBytes: number };
}

/**
 * Why an appliance did not do what it was asked:
 * - `unreachable`: no answer, a broken connection, or an answer that says to try later (429, 502, 503, 504);
 * - `manifest-missing`: `asset.json` of the version must be put first;
 * - `digest-mismatch`: the bytes that arrived are not the announced ones;
 * - `no-room`: nothing that it may evict makes enough room;
 * - `version-gone`: the asset or version was deleted there and is not taken again;
 * - `refused`: anything else, with the appliance's words.
 */
export type ApplianceApiErrorCode =
  | 'unreachable'
  | 'manifest-missing'
  | 'digest-mismatch'
  | 'no-room'
  | 'version-gone'
  | 'refused';

export class ApplianceApiError extends Error {
  readonly code: ApplianceApiErrorCode;
  readonly applianceId: string;

  constructor(code: ApplianceApiErrorCode, applianceId: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ApplianceApiError';
    this.code = code;
    this.applianceId = applianceId;
  }
}
