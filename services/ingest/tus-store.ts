import type { Readable } from 'node:stream';
import { DataStore, ERRORS, Upload } from '@tus/server';
import { LRUCache } from 'lru-cache';
import { isId, storeKeys } from '../../shared/domain/keys.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import { partBytesFor } from './receive-object.ts';
import { type PartsDependencies, type Running, receiveParts } from './receive-parts.ts';
import { requestChecksum, startChecksumCheck } from './upload-checksum.ts';
import { receivedBytes, type UploadRecord, type UploadRecords } from './upload-records.ts';

export interface TusStoreDependencies extends PartsDependencies {
  readonly records: UploadRecords;
  readonly expiryMs: number;
  readonly maxUploadBytes: number;
  readonly clock: Clock;
}

const rememberedUploads = 1_000;
/** Of those, so many keep the bytes that wait for the rest of their part, if a part is no larger than this. */
const rememberedParts = 3;
const rememberedPartBytes = 16 * 1024 * 1024;

/**
 * The datastore of @tus/server (which wants a class) over parts in the object store: nothing of an upload is kept on
 * the local disk, and any process goes on where another one was.
 */
export class TusStore extends DataStore {
  readonly #dependencies: TusStoreDependencies;
  readonly #running = new LRUCache<string, Running>({ max: rememberedUploads });
  readonly #waiting = new LRUCache<string, true>({
    max: rememberedParts,
    dispose: (_true, id) => this.#forgetWaiting(id),
  });
  readonly #writing = new Map<string, Promise<unknown>>();

  constructor(dependencies: TusStoreDependencies) {
    super();
    this.#dependencies = dependencies;
    this.extensions = [
      ...['creation', 'creation-with-upload', 'creation-defer-length'],
      ...['termination', 'expiration', 'checksum'],
    ];
  }

  /** SHA-256 of the first `offset` bytes, where this process saw them all; lower-case hex. */
  sha256Of(id: string, offset: number): string | null {
    const running = this.#running.get(id);
    return running?.offset === offset ? (running.hash?.copy().digest('hex') ?? null) : null;
  }

  isWriting(id: string): boolean {
    return this.#writing.has(id);
  }

  override async create(upload: Upload): Promise<Upload> {
    const { parts, records, clock } = this.#dependencies;
    const sizeBytes = upload.size ?? null;
    const { handle } = await parts.begin(storeKeys.upload(upload.id), sizeBytes);
    const createdAt = new Date(clock.now()).toISOString();
    await records.put({
      schema: 1,
      id: upload.id,
      sizeBytes,
      metadata: upload.metadata ?? {},
      createdAt,
      handle,
      partBytes: this.#partBytes(sizeBytes),
      marks: [],
      tails: [],
    });
    upload.creation_date = createdAt;
    return upload;
  }

  override async getUpload(id: string): Promise<Upload> {
    // A request that was broken off may still be storing what it brought.
    await this.#writing.get(id);
    const record = await this.#record(id);
    return new Upload({
      id,
      offset: receivedBytes(record),
      metadata: { ...record.metadata },
      creation_date: record.createdAt,
      ...(record.sizeBytes === null ? {} : { size: record.sizeBytes }),
    });
  }

  override async declareUploadLength(id: string, sizeBytes: number): Promise<void> {
    await this.#dependencies.records.put({ ...(await this.#record(id)), sizeBytes });
  }

  override async write(source: Readable, id: string, offset: number): Promise<number> {
    await this.#writing.get(id);
    const done = this.#write(source, id, offset).finally(() => this.#writing.delete(id));
    this.#writing.set(
      id,
      done.catch(() => undefined),
    );
    return done;
  }

  override async remove(id: string): Promise<void> {
    const record = await this.#record(id);
    await this.#dependencies.parts.abort({ key: storeKeys.upload(id), handle: record.handle });
    await this.#dependencies.records.remove(id);
    this.#waiting.delete(id);
    this.#running.delete(id);
  }

  override getExpiration(): number {
    return this.#dependencies.expiryMs;
  }

  async #write(source: Readable, id: string, offset: number): Promise<number> {
    const record = await this.#record(id);
    if (receivedBytes(record) !== offset) throw ERRORS.INVALID_OFFSET;
    const checksum = requestChecksum.getStore();
    const running = this.#running.get(id) ?? null;
    // While it is written to, what is remembered is not what is there.
    this.#running.delete(id);
    const received = await receiveParts(
      this.#dependencies,
      { record, running },
      source,
      checksum ? startChecksumCheck(checksum) : null,
    ).catch((error: unknown) => {
      if (running) this.#remember(id, { ...running, waiting: null });
      throw error;
    });
    this.#remember(id, received.running);
    if (received.failure) throw received.failure;
    return receivedBytes(received.record);
  }

  #remember(id: string, running: Running): void {
    this.#running.set(id, running);
    const isSmall = (running.waiting?.buffer.length ?? Number.POSITIVE_INFINITY) <= rememberedPartBytes;
    if (isSmall) this.#waiting.set(id, true);
    else this.#forgetWaiting(id);
  }

  #forgetWaiting(id: string): void {
    const running = this.#running.peek(id);
    if (running?.waiting) this.#running.set(id, { ...running, waiting: null });
  }

  async #record(id: string): Promise<UploadRecord> {
    const record = isId(id) ? await this.#dependencies.records.get(id) : null;
    if (!record) throw ERRORS.FILE_NOT_FOUND;
    return record;
  }

  #partBytes(sizeBytes: number | null): number {
    const { parts, maxUploadBytes } = this.#dependencies;
    const partBytes = partBytesFor(parts, sizeBytes ?? maxUploadBytes);
    return sizeBytes === null ? partBytes : Math.max(1, Math.min(partBytes, sizeBytes));
  }
}
