/** What S3 and its SDK say, in the words of the object store port. */
import { S3ServiceException } from '@aws-sdk/client-s3';
import { ObjectStoreError, type ObjectStoreErrorCode } from '../../ports/object-store.ts';

const codes: Readonly<Record<string, ObjectStoreErrorCode>> = {
  PreconditionFailed: 'already-exists',
  InvalidRange: 'range-not-satisfiable',
  KeyTooLongError: 'invalid-key',
  QuotaExceeded: 'no-space',
  InsufficientStorage: 'no-space',
  XMinioStorageFull: 'no-space',
};

const codesByStatus: Readonly<Record<number, ObjectStoreErrorCode>> = {
  412: 'already-exists',
  416: 'range-not-satisfiable',
  507: 'no-space',
};

const advice: Readonly<Record<string, string>> = {
  AccessDenied: 'the key pair may not do that: give it read, write, list and delete on the bucket',
  InvalidAccessKeyId: 'the store does not know the access key id',
  SignatureDoesNotMatch: 'the secret access key is wrong',
  NoSuchBucket: 'the bucket is not there: create it',
  RequestTimeTooSkewed: "this machine's clock is wrong: set it",
};

/** HTTP status of an answer; undefined when there was none, or the error is no answer. */
export const statusOf = (error: unknown): number | undefined =>
  error instanceof S3ServiceException ? error.$metadata.httpStatusCode : undefined;

/** Requests sent until the error was given up on. */
export const attemptsOf = (error: unknown): number =>
  error instanceof S3ServiceException ? (error.$metadata.attempts ?? 1) : 1;

/** HEAD has no body that would name the reason, so its 404 always counts as a missing object. */
export const isMissingObject = (error: unknown): boolean =>
  error instanceof S3ServiceException && ['NoSuchKey', 'NotFound'].includes(error.name) && statusOf(error) === 404;

/** An error of the SDK or the network as an `ObjectStoreError`. */
export function asStoreError(key: string, error: unknown): ObjectStoreError {
  if (error instanceof ObjectStoreError) return error;
  const name = error instanceof Error ? error.name : 'unknown';
  const code = codes[name] ?? codesByStatus[statusOf(error) ?? 0] ?? 'unavailable';
  const said = advice[name] ?? (error instanceof Error && error.message ? error.message : 'no answer');
  return new ObjectStoreError(code, key, `${key || 'store'}: ${said} (${nameOf(error)})`, { cause: error });
}

function nameOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}
