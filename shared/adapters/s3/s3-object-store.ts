/**
 * The object store in a bucket of S3, or of what speaks its language.
 *
 * Key = `<prefix><key>`. Relies on: strong read-after-write, conditional PutObject (`If-None-Match: *`), ranges,
 * multipart uploads, ListObjectsV2 in byte order, DeleteObjects.
 */
import { addAbortSignal, Readable } from 'node:stream';
import {
  AbortMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  type GetObjectCommandOutput,
  HeadObjectCommand,
  ListObjectsV2Command,
  type S3Client,
} from '@aws-sdk/client-s3';
import { contentTypeOf } from '../../domain/keys.ts';
import {
  type ByteSpan,
  type GetOptions,
  type ObjectBody,
  type ObjectInfo,
  type ObjectStore,
  ObjectStoreError,
} from '../../ports/object-store.ts';
import { assertFolderPrefix, assertKey, assertPrefix } from '../object-store/keys.ts';
import { assertSpan, notSatisfiable, resolveSpan } from '../object-store/span.ts';
import { makeS3Client, type S3Options } from './s3-client.ts';
import { asStoreError, isMissingObject, statusOf } from './s3-errors.ts';
import { putS3 } from './s3-put.ts';

/** S3's own limit for one DeleteObjects. */
const deleteBatch = 1_000;

/** The bucket must be there: see `ensureBucket`. */
export function makeS3ObjectStore(options: S3Options): ObjectStore {
  const client = makeS3Client(options);
  const { bucket } = options;
  const prefix = checkedPrefix(options.prefix ?? '');
  const at = (key: string) => ({ Bucket: bucket, Key: prefix + key });

  const store: ObjectStore = {
    head: (key, signal) =>
      guarded(key, signal, async () => {
        assertKey(key);
        const found = await client.send(new HeadObjectCommand(at(key)), abortBy(signal));
        return infoOf(key, found.ContentLength ?? 0, found);
      }),

    get: (key, getOptions = {}) =>
      guarded(key, getOptions.signal, async () => {
        assertKey(key);
        if (getOptions.range) assertSpan(key, getOptions.range);
        return get(client, at(key), key, getOptions);
      }),

    put: (key, body, putOptions = {}) => putS3({ client, bucket, name: prefix + key }, key, body, putOptions),

    async *list(listPrefix, { after, signal } = {}) {
      assertPrefix(listPrefix);
      let token: string | undefined;
      do {
        const command = new ListObjectsV2Command({
          Bucket: bucket,
          Prefix: prefix + listPrefix,
          ...(token === undefined ? (after ? { StartAfter: prefix + after } : {}) : { ContinuationToken: token }),
        });
        const page = await orThrow(listPrefix, signal, () => client.send(command, abortBy(signal)));
        for (const found of page.Contents ?? []) {
          signal?.throwIfAborted();
          if (found.Key !== undefined) yield infoOf(found.Key.slice(prefix.length), found.Size ?? 0, found);
        }
        token = page.IsTruncated ? page.NextContinuationToken : undefined;
      } while (token !== undefined);
    },

    delete: (key) =>
      orThrow(key, undefined, async () => {
        assertKey(key);
        await client.send(new DeleteObjectCommand(at(key)));
      }),

    deletePrefix: (folder) =>
      orThrow(folder, undefined, async () => {
        assertFolderPrefix(folder);
        let removed = 0;
        let batch: string[] = [];
        for await (const { key } of store.list(folder)) {
          batch.push(key);
          if (batch.length < deleteBatch) continue;
          removed += await deleteKeys(client, bucket, prefix, batch);
          batch = [];
        }
        return removed + (await deleteKeys(client, bucket, prefix, batch));
      }),

    /** An upload that is begun and given up needs the right to write, and no reader ever sees it. */
    check: () =>
      orThrow('', undefined, async () => {
        await client.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix, MaxKeys: 1 }));
        const { UploadId } = await client.send(new CreateMultipartUploadCommand(at('check')));
        await client.send(new AbortMultipartUploadCommand({ ...at('check'), UploadId }));
      }),

    close: async () => client.destroy(),
  };
  return store;
}

function checkedPrefix(prefix: string): string {
  if (prefix === '') return '';
  assertFolderPrefix(prefix);
  if (Buffer.byteLength(prefix) > 24) throw new ObjectStoreError('invalid-key', prefix, `${prefix}: 24 bytes at most`);
  return prefix;
}

async function orThrow<T>(key: string, signal: AbortSignal | undefined, action: () => Promise<T>): Promise<T> {
  try {
    signal?.throwIfAborted();
    return await action();
  } catch (error) {
    signal?.throwIfAborted();
    throw asStoreError(key, error);
  }
}

/** Null instead of the errors that say that there is no such object. */
const guarded = <T>(key: string, signal: AbortSignal | undefined, action: () => Promise<T>): Promise<T | null> =>
  orThrow(key, signal, async () => {
    try {
      return await action();
    } catch (error) {
      if (isMissingObject(error)) return null;
      throw error;
    }
  });

const abortBy = (signal: AbortSignal | undefined): { abortSignal?: AbortSignal } =>
  signal ? { abortSignal: signal } : {};

async function get(
  client: S3Client,
  at: { readonly Bucket: string; readonly Key: string },
  key: string,
  { range, signal }: GetOptions,
): Promise<ObjectBody> {
  const header = range ? { Range: `bytes=${range.start}-${range.end}` } : {};
  const found = await client
    .send(new GetObjectCommand({ ...at, ...header }), abortBy(signal))
    .catch((error: unknown) => {
      throw range && statusOf(error) === 416 ? notSatisfiable(key, range, 'it begins behind the object', error) : error;
    });
  const body = found.Body;
  if (!(body instanceof Readable)) throw new TypeError('the SDK gave no Node stream');
  try {
    const sizeBytes = sizeOf(found);
    const span = resolveSpan(key, range, sizeBytes);
    assertLength(key, span, found.ContentLength);
    signal?.throwIfAborted();
    return { info: infoOf(key, sizeBytes, found), range: span, body: signal ? addAbortSignal(signal, body) : body };
  } catch (error) {
    body.destroy();
    throw error;
  }
}

/** Size of the whole object: behind the slash of `Content-Range` where the answer is a part (RFC 9110 §14.4). */
const sizeOf = (found: GetObjectCommandOutput): number =>
  Number(found.ContentRange?.split('/')[1] ?? found.ContentLength ?? 0);

/** Catches a store that ignores ranges before its bytes pass for others. */
function assertLength(key: string, span: ByteSpan, contentLength: number | undefined): void {
  if (contentLength === undefined || contentLength === span.end - span.start + 1) return;
  throw new ObjectStoreError(
    'unavailable',
    key,
    `${key}: asked for ${span.start}-${span.end}, got ${contentLength} bytes`,
  );
}

async function deleteKeys(client: S3Client, bucket: string, prefix: string, keys: readonly string[]): Promise<number> {
  if (keys.length === 0) return 0;
  const Objects = keys.map((key) => ({ Key: prefix + key }));
  const done = await client.send(new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects, Quiet: true } }));
  const failed = done.Errors?.[0];
  if (!failed) return keys.length;
  const key = failed.Key?.slice(prefix.length) ?? '';
  throw new ObjectStoreError('unavailable', key, `${key}: could not be deleted: ${failed.Message} (${failed.Code})`);
}

function infoOf(
  key: string,
  sizeBytes: number,
  found: { readonly ETag?: string | undefined; readonly LastModified?: Date | undefined },
): ObjectInfo {
  return {
    key,
    sizeBytes,
    // Some stores give it unquoted in one answer and quoted in another.
    etag: `"${(found.ETag ?? '').replaceAll('"', '')}"`,
    lastModified: found.LastModified ?? new Date(0),
    contentType: contentTypeOf(key),
  };
}
