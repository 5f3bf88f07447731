/** Sends a finished stream file by file and outlives broken connections, restarts of either side, and Ctrl-C. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';
import pLimit from 'p-limit';
import { formatDigest } from '../../shared/domain/http/digest.ts';
import { type Client, orNull } from './client.ts';
import { CliError, exitCodes, failure } from './exit.ts';
import type { UploadDetails } from './send-file.ts';
import type { StreamFolder } from './stream-folder.ts';
import { ApiError } from './transport.ts';

interface ImportState {
  readonly id: string;
  readonly state: 'receiving' | 'publishing' | 'published';
  readonly assetId: string | null;
  readonly failure: { readonly code: string; readonly reason: string } | null;
}

interface RemoteFile {
  readonly path: string;
  readonly sizeBytes: number;
  readonly sha256: string;
}

export interface FolderProgress {
  readonly phase: 'sending' | 'publishing';
  readonly doneFiles: number;
  readonly doneBytes: number;
}

export interface ImportFolderOptions {
  readonly signal: AbortSignal;
  /** Folder in which unfinished imports are remembered. */
  readonly memory: string;
  onProgress(progress: FolderProgress): void;
  /** The connection broke, or an earlier import is taken up. */
  onNote(line: string): void;
}

const filesAtOnce = 6;
const pollMs = 400;
/** Rises to pauses that a restart of the API fits into. */
const retryDelaysMs = [500, 1_000, 3_000, 5_000, 10_000, 20_000];

/**
 * Imports a folder and returns the id of the asset that it became. Files that an earlier call brought are not sent again.
 *
 * @throws ApiError when it is refused; CliError `unreachable` when the API stays away, after which the same call goes on.
 */
export async function importFolder(
  client: Client,
  stream: StreamFolder,
  details: UploadDetails,
  options: ImportFolderOptions,
): Promise<string> {
  const { signal, onProgress, onNote } = options;
  const { json, request, access } = client.transport;
  const fingerprint = JSON.stringify([access.apiUrl, stream.dir, stream.entry, details]);
  const note = join(options.memory, `${createHash('sha256').update(fingerprint).digest('hex').slice(0, 32)}.json`);

  const { id, there } = await open();
  const done = { files: 0, bytes: 0 };
  const show = (phase: FolderProgress['phase']): void =>
    onProgress({ phase, doneFiles: done.files, doneBytes: done.bytes });
  await sendAll();
  show('publishing');
  const assetId = await publish();
  await rm(note, { force: true });
  return assetId;

  /** The import of an earlier call, where the server still has it. */
  async function open() {
    const known = await readFile(note, 'utf8').then(
      (text) => (JSON.parse(text) as { readonly id: string }).id,
      () => null,
    );
    const state = known === null ? null : await orNull(json<ImportState>(`/v1/imports/${known}`, { signal }));
    if (known !== null && state && !state.assetId) {
      const files = await filesOf(known);
      if (files.size > 0) onNote(`resuming: ${files.size} files are there already`);
      return { id: known, there: files };
    }
    if (state?.assetId) await rm(note, { force: true });
    const { title, tags, series, premiereDate, premieresAt, mustHave } = details;
    const said = {
      title,
      series,
      premiereDate,
      premieresAt,
      mustHave,
      sizeBytes: stream.sizeBytes,
      ...(tags.length > 0 ? { tags } : {}),
    };
    const begun = await json<ImportState>('/v1/imports', { method: 'POST', json: said, signal });
    await mkdir(options.memory, { recursive: true, mode: 0o700 });
    await writeFile(note, JSON.stringify({ id: begun.id }), { mode: 0o600 });
    return { id: begun.id, there: new Map<string, RemoteFile>() };
  }

  async function filesOf(importId: string): Promise<Map<string, RemoteFile>> {
    const files = new Map<string, RemoteFile>();
    let after: string | undefined;
    do {
      const page: { readonly items: readonly RemoteFile[]; readonly next: string | null } = await json(
        `/v1/imports/${importId}/files`,
        { query: { after }, signal },
      );
      for (const file of page.items) files.set(file.path, file);
      after = page.next ?? undefined;
    } while (after !== undefined);
    return files;
  }

  async function sendAll(): Promise<void> {
    const limit = pLimit(filesAtOnce);
    const broken = new AbortController();
    const either = AbortSignal.any([signal, broken.signal]);
    const settled = await Promise.allSettled(
      stream.files.map((file) =>
        limit(async () => {
          either.throwIfAborted();
          await sendFile(file, either);
        }).catch((error: unknown) => {
          broken.abort(error);
          throw error;
        }),
      ),
    );
    signal.throwIfAborted();
    if (broken.signal.aborted) throw broken.signal.reason;
    const failed = settled.find((result) => result.status === 'rejected');
    if (failed) throw failed.reason;
  }

  async function sendFile({ path, sizeBytes }: StreamFolder['files'][number], either: AbortSignal): Promise<void> {
    const file = join(stream.dir, path);
    const sha256 = await digestOf(file, either);
    if (there.get(path)?.sha256 !== sha256)
      await persistently(either, async () => {
        let sent = 0;
        const counted = async function* (chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
          for await (const chunk of chunks) {
            sent += chunk.length;
            done.bytes += chunk.length;
            show('sending');
            yield chunk;
          }
        };
        const source = createReadStream(file, { highWaterMark: 256 * 1024 });
        try {
          const response = await request(`/v1/imports/${id}/files/${path}`, {
            method: 'PUT',
            headers: { 'content-type': 'application/octet-stream', 'content-digest': formatDigest(sha256) },
            body: Readable.toWeb(Readable.from(counted(source), { objectMode: false })) as ReadableStream<Uint8Array>,
            signal: either,
            timeoutMs: 0,
          });
          await response.body?.cancel();
          // The server answers before it has read what it has already.
          done.bytes += sizeBytes - sent;
        } catch (error) {
          done.bytes -= sent;
          throw error;
        } finally {
          source.destroy();
        }
      });
    else done.bytes += sizeBytes;
    done.files += 1;
    show('sending');
  }

  async function persistently(
    either: AbortSignal,
    attemptOnce: () => Promise<void>,
    isWorthIt = mayPass,
  ): Promise<void> {
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await attemptOnce();
      } catch (error) {
        either.throwIfAborted();
        const pauseMs = retryDelaysMs[attempt];
        if (pauseMs === undefined || !isWorthIt(error)) throw error;
        if (attempt === 0 && mayPass(error)) onNote('the connection broke; trying again');
        await delay(pauseMs, undefined, { signal: either });
      }
    }
  }

  async function publish(): Promise<string> {
    let state = await json<ImportState>(`/v1/imports/${id}`, { signal });
    const ask = { method: 'POST', json: { entry: stream.entry }, signal, timeoutMs: 0 };
    if (state.state === 'receiving')
      await persistently(
        signal,
        async () => {
          state = await json<ImportState>(`/v1/imports/${id}/publish`, ask);
        },
        // A request of an interrupted call may still be ending.
        (error) => mayPass(error) || (error instanceof ApiError && error.code === 'conflict'),
      );
    while (state.assetId === null) {
      if (state.failure) throw failure(state.failure.code, state.failure.reason);
      await delay(pollMs, undefined, { signal });
      await persistently(signal, async () => {
        state = await json<ImportState>(`/v1/imports/${id}`, { signal });
      });
    }
    return state.assetId;
  }
}

const mayPass = (error: unknown): boolean =>
  error instanceof ApiError
    ? error.status >= 500 || error.status === 429 || error.code === 'digest-mismatch'
    : error instanceof CliError && error.exitCode === exitCodes.unreachable;

async function digestOf(path: string, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path, { highWaterMark: 256 * 1024 }), hash, { signal });
  return hash.digest('hex');
}
