import type { AssetFailure } from '../../shared/domain/asset.ts';
import { EncryptionUnsupportedError } from '../../shared/media/encryption/sample-format.ts';
import { ProcessError } from '../../shared/media/process.ts';
import { UnplayableSourceError } from '../../shared/media/unplayable.ts';
import { ObjectStoreError } from '../../shared/ports/object-store.ts';

/** Another attempt cannot help, and it is not the file's bytes: what the job was asked for is not there. */
export class TranscodeRefusedError extends Error {
  readonly code: 'unknown-profile' | 'encoder-missing' | 'no-content-secret' | 'source-missing';

  constructor(code: TranscodeRefusedError['code'], message: string) {
    super(message);
    this.name = 'TranscodeRefusedError';
    this.code = code;
  }
}

/** What was made breaks a rule that players rely on: our mistake, the same on every attempt, and never shown to viewers. */
export class NotConformantError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'NotConformantError';
  }
}

/** The stored source is not what was uploaded: worth another read, and a failure if it stays so. */
export class SourceDamagedError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'SourceDamagedError';
  }
}

/** A part of the asset failed for good in another worker, which said why. */
export class PartFailedError extends Error {
  readonly failure: AssetFailure;

  constructor(failure: AssetFailure) {
    super(`${failure.code}: ${failure.reason}`);
    this.name = 'PartFailedError';
    this.failure = failure;
  }
}

/** This worker would make other bytes than the one that divided the work. */
export class WorkersDifferError extends Error {
  constructor() {
    super('the parts of an asset would be encoded by different settings or versions of ffmpeg');
    this.name = 'WorkersDifferError';
  }
}

/** True when the same input must fail again. */
export const isPermanent = (error: unknown): boolean =>
  error instanceof UnplayableSourceError ||
  error instanceof TranscodeRefusedError ||
  error instanceof NotConformantError ||
  error instanceof PartFailedError ||
  error instanceof EncryptionUnsupportedError;

const again = 'then upload the file again.';

/** What the asset's owner is told. */
export function failureOf(error: unknown): AssetFailure {
  if (error instanceof UnplayableSourceError || error instanceof TranscodeRefusedError)
    return { code: error.code, reason: error.message };
  if (error instanceof PartFailedError) return error.failure;
  if (error instanceof EncryptionUnsupportedError)
    return {
      code: 'not-encryptable',
      reason: `${error.message}. Upload the file again with another profile, with aes-128, or without encryption.`,
    };
  if (error instanceof WorkersDifferError)
    return {
      code: 'workers-differ',
      reason: `The transcode workers have different settings or versions of ffmpeg. Make them the same, ${again}`,
    };
  if (error instanceof NotConformantError)
    return {
      code: 'not-conformant',
      reason: `What was made of the upload breaks a rule for streams, so it was not published: ${error.message}. Report it with the file; re-exporting the file as plain H.264 and AAC may avoid it.`,
    };
  if (error instanceof SourceDamagedError)
    return {
      code: 'source-damaged',
      reason: 'The stored upload differs from what was uploaded. Check the object store, then upload the file again.',
    };
  if (error instanceof ObjectStoreError)
    return {
      code: 'store-failed',
      reason: `The object store failed (${error.code}). Mend it (nightfill doctor says how), ${again}`,
    };
  if (error instanceof ProcessError)
    return {
      code: 'encoder-failed',
      reason: `The encoder did not finish (${error.code}). Check ffmpeg, memory and disk of the transcode worker, ${again}`,
    };
  if (isDiskFull(error))
    return { code: 'scratch-full', reason: `The transcode worker's disk is full. Free some space, ${again}` };
  return { code: 'internal', reason: `The transcode failed; the worker's log says why. Mend it, ${again}` };
}

/** What the failed job of a part left as its message: `<code>: <reason>`, or the queue's own words. */
export function partFailureOf(message: string | null): PartFailedError {
  const [, code, reason] = /^([a-z]+(?:-[a-z]+)+|internal): (.+)$/s.exec(message ?? '') ?? [];
  return new PartFailedError(
    code && reason
      ? { code, reason }
      : {
          code: 'worker-lost',
          reason: `Every worker that took a part of it was lost (${message ?? 'no reason known'}); see the transcode worker's log, ${again}`,
        },
  );
}

const isDiskFull = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT');
