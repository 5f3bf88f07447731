import { AsyncLocalStorage } from 'node:async_hooks';
import { createHash, type Hash } from 'node:crypto';
import { Problem } from '../../shared/platform/problem.ts';

/** What tus calls them is what OpenSSL calls them. */
export const checksumAlgorithms = ['sha1', 'sha256', 'sha512', 'md5'] as const;

/** The digest that the body of one request must have (tus 1.0, checksum extension). */
export interface UploadChecksum {
  readonly algorithm: (typeof checksumAlgorithms)[number];
  readonly expected: Buffer;
}

/** @throws Problem `invalid-request` for another form or algorithm than those that are offered. */
export function parseUploadChecksum(header: string): UploadChecksum {
  const [name = '', digest = '', ...more] = header.trim().split(' ');
  const algorithm = checksumAlgorithms.find((known) => known === name.toLowerCase());
  if (!algorithm)
    throw new Problem('invalid-request', `Upload-Checksum must begin with one of ${checksumAlgorithms.join(', ')}.`);
  const expected = Buffer.from(digest, 'base64');
  if (more.length > 0 || expected.length !== createHash(algorithm).digest().length)
    throw new Problem('invalid-request', `Upload-Checksum must be "${algorithm} " and the digest in base64.`);
  return { algorithm, expected };
}

/**
 * The checksum of the request that is being handled, for the store that receives its body: the tus server hands on no
 * header.
 */
export const requestChecksum = new AsyncLocalStorage<UploadChecksum | null>();

/** Checks a body that goes by. */
export interface ChecksumCheck {
  update(bytes: Uint8Array): void;
  /** @throws Problem `checksum-mismatch` */
  end(): void;
}

export function startChecksumCheck(checksum: UploadChecksum | null | undefined): ChecksumCheck {
  const hash: Hash | null = checksum ? createHash(checksum.algorithm) : null;
  return {
    update: (bytes) => void hash?.update(bytes),
    end() {
      if (!checksum || !hash || hash.digest().equals(checksum.expected)) return;
      throw new Problem(
        'checksum-mismatch',
        `The bytes of this request do not have the announced ${checksum.algorithm}; none of them was kept. Send them again.`,
      );
    },
  };
}
