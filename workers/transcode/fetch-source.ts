import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Asset } from '../../shared/domain/asset.ts';
import type { ObjectStore } from '../../shared/ports/object-store.ts';
import { SourceDamagedError, TranscodeRefusedError } from './failure.ts';

export interface SourceToFetch {
  readonly key: string;
  readonly sizeBytes: number;
  readonly sha256: string;
}

/** @throws TranscodeRefusedError `source-missing` when it was deleted. */
export function sourceOf({ sourceKey, source }: Pick<Asset, 'sourceKey' | 'source'>): SourceToFetch {
  if (sourceKey === null)
    throw new TranscodeRefusedError(
      'source-missing',
      'The uploaded bytes were deleted already. Upload the file again.',
    );
  return { key: sourceKey, sizeBytes: source.sizeBytes, sha256: source.sha256 };
}

/**
 * Copies the uploaded bytes into a local file and checks that they are the uploaded ones.
 *
 * @throws TranscodeRefusedError `source-missing`; SourceDamagedError when size or digest differ.
 */
export async function fetchSource(
  store: Pick<ObjectStore, 'get'>,
  source: SourceToFetch,
  path: string,
  signal: AbortSignal,
  onShare: (share: number) => void,
): Promise<void> {
  const object = await store.get(source.key, { signal });
  if (!object)
    throw new TranscodeRefusedError(
      'source-missing',
      'The uploaded bytes are no longer in the store. Upload the file again.',
    );
  const hash = createHash('sha256');
  let received = 0;
  const check = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      received += chunk.length;
      onShare(received / source.sizeBytes);
      done(null, chunk);
    },
  });
  await pipeline(object.body, check, createWriteStream(path), { signal });
  const sha256 = hash.digest('hex');
  if (received !== source.sizeBytes || sha256 !== source.sha256)
    throw new SourceDamagedError(`${source.key} has ${received} bytes with SHA-256 ${sha256}, not ${source.sha256}`);
}
