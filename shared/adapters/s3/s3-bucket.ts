import {
  AbortMultipartUploadCommand,
  CreateBucketCommand,
  HeadBucketCommand,
  ListMultipartUploadsCommand,
  type ListMultipartUploadsCommandOutput,
  type MultipartUpload,
  type S3Client,
} from '@aws-sdk/client-s3';
import { storeKeys } from '../../domain/keys.ts';
import { makeS3Client, type S3Options } from './s3-client.ts';
import { asStoreError, statusOf } from './s3-errors.ts';

/** No put takes so long; what is older was left by a process that died. */
const abandonedAfterMs = 24 * 3600 * 1000;

/**
 * Makes the bucket unless it is there, and frees what puts of killed processes left unfinished in it, which S3 keeps
 * (and bills) but never shows. Call it once where a deployment starts.
 *
 * @throws ObjectStoreError `unavailable`
 */
export async function ensureBucket(options: S3Options, nowMs = Date.now()): Promise<void> {
  const client = makeS3Client(options);
  try {
    if (!(await bucketExists(client, options.bucket))) await createBucket(client, options.bucket);
    await abortUploadsBefore(client, options, nowMs - abandonedAfterMs);
  } catch (error) {
    throw asStoreError('', error);
  } finally {
    client.destroy();
  }
}

async function bucketExists(client: S3Client, bucket: string): Promise<boolean> {
  try {
    await client.send(new HeadBucketCommand({ Bucket: bucket }));
    return true;
  } catch (error) {
    if (statusOf(error) === 404) return false;
    throw error;
  }
}

async function createBucket(client: S3Client, bucket: string): Promise<void> {
  try {
    await client.send(new CreateBucketCommand({ Bucket: bucket }));
  } catch (error) {
    // Another process of ours was first; a bucket of someone else fails here, as it should.
    if (statusOf(error) !== 409 || !(await bucketExists(client, bucket))) throw error;
  }
}

async function abortUploadsBefore(client: S3Client, options: S3Options, beforeMs: number): Promise<void> {
  for await (const { Key, UploadId, Initiated } of unfinishedUploads(client, options.bucket, options.prefix ?? '')) {
    if (!Key || !UploadId || !Initiated || Initiated.getTime() >= beforeMs) continue;
    // Those that clients send take as long as clients may; ingest knows which are left.
    if (Key.startsWith((options.prefix ?? '') + storeKeys.uploadsPrefix)) continue;
    await client.send(new AbortMultipartUploadCommand({ Bucket: options.bucket, Key, UploadId }));
  }
}

/** Multipart uploads that were begun and neither completed nor aborted. */
export async function* unfinishedUploads(
  client: S3Client,
  bucket: string,
  prefix: string,
): AsyncGenerator<MultipartUpload> {
  let behind: { KeyMarker?: string; UploadIdMarker?: string } | null = {};
  while (behind) {
    const page: ListMultipartUploadsCommandOutput = await client.send(
      new ListMultipartUploadsCommand({ Bucket: bucket, Prefix: prefix, ...behind }),
    );
    yield* page.Uploads ?? [];
    const { NextKeyMarker, NextUploadIdMarker } = page;
    behind =
      page.IsTruncated && NextKeyMarker
        ? { KeyMarker: NextKeyMarker, ...(NextUploadIdMarker ? { UploadIdMarker: NextUploadIdMarker } : {}) }
        : null;
  }
}
