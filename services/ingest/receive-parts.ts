import { createHash, type Hash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { storeKeys } from '../../shared/domain/keys.ts';
import type { ObjectStore } from '../../shared/ports/object-store.ts';
import type { PartUploads } from '../../shared/ports/part-uploads.ts';
import type { ChecksumCheck } from './upload-checksum.ts';
import { partedBytes, receivedBytes, tailKeyOf, type UploadRecord, type UploadRecords } from './upload-records.ts';

export interface PartsDependencies {
  readonly parts: PartUploads;
  readonly store: Pick<ObjectStore, 'get' | 'put' | 'delete'>;
  readonly records: Pick<UploadRecords, 'put'>;
}

/** SHA-256 of an upload's bytes so far. */
export interface RunningDigest {
  readonly hash: Hash;
  readonly offset: number;
}

export interface ReceivedParts {
  readonly record: UploadRecord;
  /** Null where the bytes before these were not seen by this process. */
  readonly digest: RunningDigest | null;
}

/** So many parts are at most sent again after a crash. */
const partsPerCommit = 8;

/**
 * Receives the bytes of one request behind those that an upload has, into parts of the object store.
 *
 * Holds two parts in memory: one that fills while the other is sent. What arrived before the source failed is kept and
 * the source's error thrown then; of a request that brings a checksum nothing is kept unless it matches.
 */
export async function receiveParts(
  dependencies: PartsDependencies,
  before: { readonly record: UploadRecord; readonly digest: RunningDigest | null },
  source: Readable,
  check: ChecksumCheck | null,
): Promise<ReceivedParts & { readonly failure: unknown }> {
  const { parts, store, records } = dependencies;
  const upload = { key: storeKeys.upload(before.record.id), handle: before.record.handle };
  const { partBytes, sizeBytes } = before.record;
  const start = receivedBytes(before.record);
  const digest =
    before.digest?.offset === start ? before.digest.hash.copy() : start === 0 ? createHash('sha256') : null;

  let record = before.record;
  let marks = [...record.marks];
  let saved = marks.length;
  let sending: Promise<void> = Promise.resolve();
  let filling: Buffer = Buffer.allocUnsafe(partBytes);
  let spare: Buffer | null = null;
  let filled = await loadTail(store, record, filling);

  /** Begins to send what is filled, once what was sent before is stored. */
  async function sendPart(): Promise<void> {
    await sending;
    const full = filling;
    const bytes = full.subarray(0, filled);
    const place = { number: marks.length + 1, offset: marks.length * partBytes };
    sending = parts.putPart(upload, place, bytes).then((mark) => {
      marks = [...marks, mark];
      spare = full;
    });
    sending.catch(() => undefined);
    filling = spare ?? Buffer.allocUnsafe(partBytes);
    spare = null;
    filled = 0;
  }

  async function commit(tailBytes: number): Promise<void> {
    const old = tailKeyOf(record);
    record = { ...record, marks, tailBytes };
    const tail = tailKeyOf(record);
    if (tail && tail !== old) await store.put(tail, filling.subarray(0, tailBytes));
    await records.put(record);
    saved = marks.length;
    if (old && old !== tail) await store.delete(old);
  }

  async function take(chunk: Buffer): Promise<void> {
    for (let at = 0; at < chunk.length; ) {
      const copied = chunk.copy(filling, filled, at);
      at += copied;
      filled += copied;
      if (filled < partBytes) continue;
      await sendPart();
      if (check || marks.length - saved < partsPerCommit) continue;
      await sending;
      await commit(0);
    }
  }

  let failure: unknown = null;
  let offset = start;
  try {
    for await (const chunk of source as AsyncIterable<Buffer>) {
      check?.update(chunk);
      digest?.update(chunk);
      await take(chunk);
      offset += chunk.length;
    }
  } catch (error) {
    if (check) throw error;
    failure = error;
  }
  check?.end();
  if (offset === sizeBytes && filled > 0) await sendPart();
  await sending;
  if (offset > start || marks.length > saved) await commit(filled);
  return { record, digest: digest && { hash: digest, offset }, failure };
}

/** Puts the bytes that wait for the rest of their part where the rest will come; returns how many. */
async function loadTail(store: Pick<ObjectStore, 'get'>, record: UploadRecord, into: Buffer): Promise<number> {
  const key = tailKeyOf(record);
  if (!key) return 0;
  const found = await store.get(key);
  if (!found) throw new Error(`${key} is gone: the upload ${record.id} lost bytes behind ${partedBytes(record)}`);
  let at = 0;
  for await (const chunk of found.body as AsyncIterable<Buffer>) at += chunk.copy(into, at);
  if (at !== record.tailBytes) throw new Error(`${key} has ${at} bytes, not ${record.tailBytes}`);
  return at;
}
