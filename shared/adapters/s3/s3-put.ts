/**
 * Putting an object into S3.
 *
 * S3 makes an object visible whole, when the one request or the completion of a multipart upload succeeds. So a body
 * that turns out wrong must fail before its last part is sent: `checkedBody` throws there, and the upload is aborted.
 *
 * Creation (`ifNoneMatch`) is decided by S3 in one request up to `maxSingleBytes`. Beyond that it rests on the completion
 * of the multipart upload, whose condition AWS obeys and others, such as Ceph 16, ignore: there, of two that create
 * the same large object at the same time, the later overwrites the earlier.
 */
import { randomUUID } from 'node:crypto';
import { addAbortSignal, Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { HeadObjectCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { contentTypeOf } from '../../domain/keys.ts';
import { ObjectStoreError, type PutOptions, type PutResult } from '../../ports/object-store.ts';
import { checkBytes, checkedBody, isOfSource } from '../object-store/checked-body.ts';
import { assertKey } from '../object-store/keys.ts';
import { asStoreError, attemptsOf, isMissingObject, statusOf } from './s3-errors.ts';

/** Memory of one streaming put: about `partBytes · (parallelParts + 1)`. */
const partBytes = 8 * 1024 * 1024;
const parallelParts = 3;
/** S3 allows 10,000 parts: with the size announced parts grow; without it 80 GB is the most. */
const maxParts = 9_000;
/** Bytes at hand and creations go in one request up to here; a creation's stream is held in memory so far. */
const maxSingleBytes = 64 * 1024 * 1024;

const maxConflicts = 6;

export interface S3Target {
  readonly client: S3Client;
  readonly bucket: string;
  /** The store's prefix and the key. */
  readonly name: string;
}

export async function putS3(
  target: S3Target,
  key: string,
  body: Uint8Array | Readable,
  options: PutOptions,
): Promise<PutResult> {
  const source = body instanceof Readable ? body : null;
  const putId = randomUUID();
  try {
    assertKey(key);
    options.signal?.throwIfAborted();
    // Heard where the bytes are read; without a listener, a source that fails earlier would end the process.
    source?.on('error', () => {});
    if (source && options.signal) addAbortSignal(options.signal, source);
    // A multipart upload would learn it only after all bytes were sent.
    if (options.ifNoneMatch && (await heldPutId(target)) !== null) throw alreadyExists(key);
    return await (body instanceof Readable
      ? putStream(target, key, body, options, putId)
      : putBytes(target, key, body, options, putId));
  } catch (error) {
    options.signal?.throwIfAborted();
    throw isOfSource(source, error) ? error : asStoreError(key, error);
  } finally {
    source?.destroy();
  }
}

async function putBytes(
  target: S3Target,
  key: string,
  bytes: Uint8Array,
  options: PutOptions,
  putId: string,
): Promise<PutResult> {
  const result = checkBytes(key, bytes, options);
  const params = paramsOf(target, key, options, putId);
  const body = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  await settle(target, putId, options, async () => {
    if (body.length > maxSingleBytes) {
      return upload(target.client, { ...params, Body: body }, partSizeFor(body.length), parallelParts);
    }
    const command = new PutObjectCommand({ ...params, Body: body });
    return target.client.send(command, options.signal ? { abortSignal: options.signal } : {});
  });
  return result;
}

async function putStream(
  target: S3Target,
  key: string,
  source: Readable,
  options: PutOptions,
  putId: string,
): Promise<PutResult> {
  const checked = checkedBody(key, source, options);
  const body = Readable.from(checked.chunks).on('error', () => {});
  const params = { ...paramsOf(target, key, options, putId), Body: body };
  const partSize = partSizeFor(options.sizeBytes ?? 0);
  let failure: unknown;
  const client = onFailure(target.client, (error) => {
    failure ??= error;
    // Else the upload would wait for the source's next bytes before it ends, and a source can be silent for long.
    source.destroy();
  });
  let sent = false;
  await settle(target, putId, options, async () => {
    // A stream cannot be read twice: what is left of it must not pass for the object.
    if (sent) throw new ObjectStoreError('unavailable', key, `${key}: another put was under way`);
    sent = true;
    try {
      await (options.ifNoneMatch
        ? upload(client, params, Math.max(partSize, maxSingleBytes), 1)
        : upload(client, params, partSize, parallelParts));
    } catch (error) {
      throw failure ?? error;
    }
  });
  return checked.result();
}

/** The same client, which tells of a request that failed for good before its caller hears of it. */
function onFailure(client: S3Client, tell: (error: unknown) => void): S3Client {
  const send = async (...args: Parameters<S3Client['send']>) => {
    try {
      return await client.send(...args);
    } catch (error) {
      tell(error);
      throw error;
    }
  };
  return Object.assign(Object.create(client), { send });
}

interface PutParams {
  readonly Bucket: string;
  readonly Key: string;
  readonly ContentType: string;
  readonly Metadata: Record<string, string>;
  readonly IfNoneMatch?: '*';
}

const paramsOf = (target: S3Target, key: string, options: PutOptions, putId: string): PutParams => ({
  Bucket: target.bucket,
  Key: target.name,
  ContentType: contentTypeOf(key),
  Metadata: { [putIdName]: putId },
  ...(options.ifNoneMatch ? { IfNoneMatch: options.ifNoneMatch } : {}),
});

const partSizeFor = (sizeBytes: number): number => Math.max(partBytes, Math.ceil(sizeBytes / maxParts));

/** A body no larger than a part goes in one request. Where it fails, its multipart upload is aborted before it ends. */
const upload = (
  client: S3Client,
  params: PutParams & { Body: Buffer | Readable },
  partSize: number,
  queueSize: number,
): Promise<unknown> => new Upload({ client, params, partSize, queueSize, leavePartsOnError: false }).done();

/** Metadata that tells one put of a key from any other. */
const putIdName = 'nightfill-put';

/**
 * Sees a request that commits to its end.
 *
 * When an answer is lost the SDK sends the request again, and a put that was carried out the first time is then refused
 * (412) or its upload is gone (404); the put's id on the object tells that it was us. 409 means that another conditional
 * put is under way: the loser is known only after it.
 */
async function settle(
  target: S3Target,
  putId: string,
  options: PutOptions,
  send: () => Promise<unknown>,
): Promise<void> {
  for (let conflicts = 0; ; conflicts += 1) {
    try {
      await send();
      return;
    } catch (error) {
      const status = statusOf(error);
      if (attemptsOf(error) > 1 && (status === 412 || status === 404) && (await heldPutId(target)) === putId) return;
      if (status !== 409 || !options.ifNoneMatch || conflicts >= maxConflicts) throw error;
      await sleep(50 * 2 ** conflicts * (0.5 + Math.random()), undefined, signalOf(options));
    }
  }
}

const signalOf = (options: PutOptions): { signal?: AbortSignal } => (options.signal ? { signal: options.signal } : {});

/** The id of the put that made the object, empty when it does not say; null when there is none. */
async function heldPutId({ client, bucket, name }: S3Target): Promise<string | null> {
  try {
    const found = await client.send(new HeadObjectCommand({ Bucket: bucket, Key: name }));
    return found.Metadata?.[putIdName] ?? '';
  } catch (error) {
    if (isMissingObject(error)) return null;
    throw error;
  }
}

const alreadyExists = (key: string): ObjectStoreError =>
  new ObjectStoreError('already-exists', key, `${key} is there already`);
