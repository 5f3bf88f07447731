/** Uploads in parts as S3's multipart uploads, with parts that are sent again while their bytes are at hand. */
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  HeadObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { contentTypeOf } from '../../domain/keys.ts';
import { ObjectStoreError } from '../../ports/object-store.ts';
import type { PartUpload, PartUploads } from '../../ports/part-uploads.ts';
import { assertKey } from '../object-store/keys.ts';
import { unfinishedUploads } from './s3-bucket.ts';
import { makeS3Client, type S3Options } from './s3-client.ts';
import { asStoreError, isMissingObject, statusOf } from './s3-errors.ts';

export function makeS3PartUploads(options: S3Options): PartUploads {
  const client = makeS3Client(options);
  const prefix = options.prefix ?? '';
  const at = ({ key, handle }: PartUpload) => ({ Bucket: options.bucket, Key: prefix + key, UploadId: handle });

  async function abort(upload: PartUpload): Promise<void> {
    try {
      await client.send(new AbortMultipartUploadCommand(at(upload)));
    } catch (error) {
      if (statusOf(error) !== 404) throw error;
    }
  }

  async function sizeOf(key: string): Promise<number | null> {
    try {
      const found = await client.send(new HeadObjectCommand({ Bucket: options.bucket, Key: prefix + key }));
      return found.ContentLength ?? 0;
    } catch (error) {
      if (isMissingObject(error)) return null;
      throw error;
    }
  }

  return {
    leastPartBytes: 5 * 1024 * 1024,
    mostParts: 10_000,
    begin: (key) =>
      guarded(key, async () => {
        assertKey(key);
        const { UploadId } = await client.send(
          new CreateMultipartUploadCommand({
            Bucket: options.bucket,
            Key: prefix + key,
            ContentType: contentTypeOf(key),
          }),
        );
        if (!UploadId) throw new ObjectStoreError('unavailable', key, `${key}: the store gave the upload no id`);
        return { key, handle: UploadId };
      }),
    putPart: (upload, { number }, bytes) =>
      guarded(upload.key, async () => {
        const { ETag } = await client.send(new UploadPartCommand({ ...at(upload), PartNumber: number, Body: bytes }));
        if (!ETag) throw new ObjectStoreError('unavailable', upload.key, `${upload.key}: the part got no mark`);
        return ETag;
      }),
    finish: (upload, marks, sizeBytes) =>
      guarded(upload.key, async () => {
        // S3 makes no object of no parts.
        const parts = marks.length > 0 ? marks : [await putEmptyPart(upload)];
        try {
          const Parts = parts.map((ETag, index) => ({ ETag, PartNumber: index + 1 }));
          await client.send(new CompleteMultipartUploadCommand({ ...at(upload), MultipartUpload: { Parts } }));
        } catch (error) {
          // Done by a call whose answer was lost.
          if (statusOf(error) === 404 && (await sizeOf(upload.key)) === sizeBytes) return;
          throw error;
        }
        if ((await sizeOf(upload.key)) !== sizeBytes)
          throw new ObjectStoreError(
            'size-mismatch',
            upload.key,
            `${upload.key}: the parts are not ${sizeBytes} bytes`,
          );
      }),
    abort: (upload) => guarded(upload.key, () => abort(upload)),
    abortUnknown: (keyPrefix, known, before) =>
      guarded(keyPrefix, async () => {
        let aborted = 0;
        for await (const { Key, UploadId, Initiated } of unfinishedUploads(
          client,
          options.bucket,
          prefix + keyPrefix,
        )) {
          if (!Key || !UploadId || !Initiated || known.has(UploadId) || Initiated >= before) continue;
          await abort({ key: Key.slice(prefix.length), handle: UploadId });
          aborted += 1;
        }
        return aborted;
      }),
    close: async () => client.destroy(),
  };

  async function putEmptyPart(upload: PartUpload): Promise<string> {
    const { ETag } = await client.send(new UploadPartCommand({ ...at(upload), PartNumber: 1, Body: Buffer.alloc(0) }));
    return ETag ?? '';
  }
}

async function guarded<T>(key: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw asStoreError(key, error);
  }
}
