import { createHash, type Hash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { storeKeys } from '../../shared/domain/keys.ts';
import type { ObjectStore } from '../../shared/ports/object-store.ts';
import type { PartUploads } from '../../shared/ports/part-uploads.ts';
import { makePartWriter, type WaitingPart } from './part-writer.ts';
import type { ChecksumCheck } from './upload-checksum.ts';
import {
  partedBytes,
  receivedBytes,
  type Tail,
  tailKey,
  type UploadRecord,
  type UploadRecords,
} from './upload-records.ts';

export interface PartsDependencies {
  readonly parts: PartUploads;
  readonly store: Pick<ObjectStore, 'get' | 'put' | 'delete'>;
  readonly records: Pick<UploadRecords, 'put'>;
}

/** What a process remembers of an upload that it received, so that it need not be read again. */
export interface Running {
  /** How many bytes this is about. */
  readonly offset: number;
  /** SHA-256 of the bytes so far; null where those before were not seen by this process. */
  readonly hash: Hash | null;
  readonly waiting: WaitingPart | null;
}

export interface ReceivedParts {
  readonly record: UploadRecord;
  readonly running: Running;
}

/** So many parts are at most sent again after a crash. */
const partsPerCommit = 8;
/** Clients that send little at a time leave so many tails at most, before they are made one. */
const mostTails = 32;

/**
 * Receives the bytes of one request behind those that an upload has, into parts of the object store; what is less than
 * a part waits as a tail, which is written once for each request.
 *
 * Holds two parts in memory. What arrived before the source failed is kept and the source's error thrown then; of a
 * request that brings a checksum nothing is kept unless it matches.
 */
export async function receiveParts(
  dependencies: PartsDependencies,
  before: { readonly record: UploadRecord; readonly running: Running | null },
  source: Readable,
  check: ChecksumCheck | null,
): Promise<ReceivedParts & { readonly failure: unknown }> {
  const { parts, store, records } = dependencies;
  const { partBytes, sizeBytes, id, handle } = before.record;
  const start = receivedBytes(before.record);
  const known = before.running?.offset === start ? before.running : null;
  const hash = known?.hash?.copy() ?? (start === 0 ? createHash('sha256') : null);
  const waiting = known?.waiting ?? (await loadTails(store, before.record));
  const upload = { key: storeKeys.upload(id), handle };
  const writer = makePartWriter(parts, upload, { partBytes, marks: before.record.marks, waiting });

  let record = before.record;

  /** Tails whose bytes are in parts are of no more use. */
  async function commitParts(): Promise<void> {
    await writer.settle();
    if (writer.marks.length === record.marks.length) return;
    const old = record.tails;
    record = { ...record, marks: writer.marks, tails: [] };
    await records.put(record);
    await Promise.all(old.map((tail) => store.delete(tailKey(id, tail))));
  }

  async function commitTail(): Promise<void> {
    const { buffer, filled } = writer.waiting;
    const parted = partedBytes(record);
    const from = record.tails.length < mostTails ? (record.tails.at(-1)?.end ?? parted) : parted;
    const tail = { start: from, end: parted + filled };
    if (tail.end === (record.tails.at(-1)?.end ?? parted)) return;
    await store.put(tailKey(id, tail), buffer.subarray(tail.start - parted, filled));
    const replaced = from === parted ? record.tails : [];
    record = { ...record, tails: [...(from === parted ? [] : record.tails), tail] };
    await Promise.all(replaced.map((old) => store.delete(tailKey(id, old))));
  }

  let failure: unknown = null;
  let offset = start;
  try {
    for await (const chunk of source as AsyncIterable<Buffer>) {
      check?.update(chunk);
      hash?.update(chunk);
      await writer.write(chunk);
      offset += chunk.length;
      if (!check && writer.begun - record.marks.length >= partsPerCommit) await commitParts();
    }
  } catch (error) {
    if (check) throw error;
    failure = error;
  }
  check?.end();
  if (offset === sizeBytes) await writer.end();
  await commitParts();
  await commitTail();
  const left = writer.waiting;
  writer.release();
  return { record, running: { offset, hash, waiting: left.filled > 0 ? left : null }, failure };
}

/** Puts the bytes that wait for the rest of their part where the rest will come. */
async function loadTails(store: Pick<ObjectStore, 'get'>, record: UploadRecord): Promise<WaitingPart | null> {
  if (record.tails.length === 0) return null;
  const parted = partedBytes(record);
  const buffer = Buffer.allocUnsafeSlow(record.partBytes);
  for (const tail of record.tails) await loadTail(store, record.id, tail, buffer.subarray(tail.start - parted));
  return { buffer, filled: receivedBytes(record) - parted };
}

async function loadTail(store: Pick<ObjectStore, 'get'>, id: string, tail: Tail, into: Buffer): Promise<void> {
  const key = tailKey(id, tail);
  const found = await store.get(key);
  if (!found) throw new Error(`${key} is gone: the upload ${id} lost bytes behind ${tail.start}`);
  let at = 0;
  for await (const chunk of found.body as AsyncIterable<Buffer>) at += chunk.copy(into, at);
  if (at !== tail.end - tail.start) throw new Error(`${key} has ${at} bytes`);
}
