import type { ObjectKey } from '../../shared/domain/keys.ts';
import type { PullOutcome } from './pull-outcome.ts';

/**
 * One place that bytes can be pulled from: a peer, a shield, or the object store.
 *
 * Nothing that comes from here has been checked: the caller compares digests before anything is kept or served.
 */
export interface PullSource {
  /** For logs and for resting after a failure. */
  readonly id: string;
  readonly outcome: PullOutcome;
  /**
   * The bytes `offset … offset + sizeBytes - 1` of an object; `whole` when that is all of it.
   *
   * @throws PullError
   */
  readPart(request: PartRequest): Promise<Buffer>;
  /**
   * A whole object of unknown size (a manifest), with the digest that the source states for it, if it states one.
   *
   * @throws PullError
   */
  readWhole(request: WholeRequest): Promise<ReadWhole>;
  /**
   * The newest revision of a version that is being made, or that it is the one that is known.
   *
   * @throws PullError
   */
  readGrowing(request: GrowingRequest): Promise<ReadWhole | 'unchanged'>;
}

export interface ReadWhole {
  readonly bytes: Buffer;
  readonly sha256: string | null;
}

export interface GrowingRequest {
  readonly id: Pick<ObjectKey, 'assetId' | 'version'>;
  readonly known: { readonly revision: number; readonly sha256: string } | null;
  readonly maxBytes: number;
  readonly attempt?: Attempt;
  readonly loop: string | undefined;
}

/** One request to a source, as the one who asks watches it. */
export interface Attempt {
  /** Ends it; the source lets go of everything. */
  readonly signal: AbortSignal;
  /** The answer begins, and is one that can be used. */
  headArrived(): void;
  arrived(bytes: number): void;
}

export interface WholeRequest {
  /** `<assetId>/<version>/<path>` */
  readonly key: string;
  readonly maxBytes: number;
  readonly attempt?: Attempt;
  /** `CDN-Loop` of the request that made this one necessary. */
  readonly loop: string | undefined;
}

export interface PartRequest {
  readonly key: string;
  readonly offset: number;
  readonly sizeBytes: number;
  readonly whole: boolean;
  readonly attempt?: Attempt;
  readonly loop: string | undefined;
}

/**
 * | code        | meaning | what the puller does |
 * |-------------|---------|----------------------|
 * | `abandoned` | nobody waits for it any more | lets it be |
 * | `not-held`  | a peer does not have it | asks the next |
 * | `not-found` | there is no such object, says one that must know | gives up |
 * | `gone`      | it was deleted | gives up |
 * | `mismatch`  | other bytes came than were promised | asks the next, counts it |
 * | `failed`    | no answer, a broken one, or a refusal | lets it rest, asks the next |
 * | `timed-out` | silent for too long, or hopelessly slow | lets it rest, asks the next |
 */
export type PullErrorCode = 'not-held' | 'not-found' | 'gone' | 'mismatch' | 'failed' | 'timed-out' | 'abandoned';

export interface PullErrorOptions extends ErrorOptions {
  readonly retryAfterS?: number;
  readonly how?: 'remembered' | 'resting';
}

export class PullError extends Error {
  readonly code: PullErrorCode;
  /** When it is worth trying again, where that is known. */
  readonly retryAfterS: number | null;

  /** Why nobody was asked, where nobody was. */
  readonly how: 'remembered' | 'resting' | null;

  constructor(code: PullErrorCode, message: string, options: PullErrorOptions = {}) {
    super(message, options);
    this.name = 'PullError';
    this.code = code;
    this.retryAfterS = options.retryAfterS ?? null;
    this.how = options.how ?? null;
  }
}
