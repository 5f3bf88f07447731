/** Has the server fetch a video from a URL, and follows it until it is an asset. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from './client.ts';
import { CliError, exitCodes, failure } from './exit.ts';
import type { UploadDetails } from './send-file.ts';

/** What `GET /v1/uploads/:id` tells of an import. */
interface ImportState {
  readonly id: string;
  readonly offset: number;
  /** Null until the other server has said it. */
  readonly sizeBytes: number | null;
  readonly restarts?: number;
  readonly assetId: string | null;
  readonly failure?: { readonly code: string; readonly reason: string } | null;
}

const pollMs = 500;
/** A server that is started anew goes on with its imports. */
const mostOutageMs = 60_000;

/**
 * Imports a URL and returns the id of the asset that it became.
 *
 * @throws ApiError when it is refused at once, CliError with the import's own code when it fails later.
 */
export async function importUrl(
  client: Client,
  url: string,
  details: UploadDetails,
  options: {
    readonly signal: AbortSignal;
    readonly hls?: boolean;
    /** `doneBytes` never goes back. */
    onProgress(doneBytes: number, totalBytes: number | null): void;
    /** A line that stays. */
    onNote?(text: string): void;
  },
): Promise<string> {
  const { tags, ...rest } = details;
  const json = { ...(options.hls ? { hls: { url } } : { url }), ...rest, ...(tags.length > 0 ? { tags } : {}) };
  const { id } = await client.transport.json<ImportState>('/v1/assets', {
    method: 'POST',
    json,
    signal: options.signal,
  });
  let furthest = 0;
  let restarts = 0;
  let answeredMs = Date.now();
  for (;;) {
    let state: ImportState;
    try {
      state = await client.transport.json<ImportState>(`/v1/uploads/${id}`, { signal: options.signal });
      answeredMs = Date.now();
    } catch (error) {
      if (!isOutage(error) || Date.now() - answeredMs > mostOutageMs) throw error;
      await delay(pollMs, undefined, { signal: options.signal });
      continue;
    }
    if (state.assetId) return state.assetId;
    if (state.failure) throw failure(state.failure.code, state.failure.reason);
    furthest = Math.max(furthest, state.offset);
    if ((state.restarts ?? 0) > restarts)
      options.onNote?.(
        'the other server does not give the rest of the file, or changed it: it is fetched again from its start',
      );
    restarts = state.restarts ?? 0;
    options.onProgress(Math.min(furthest, state.sizeBytes ?? furthest), state.sizeBytes);
    await delay(pollMs, undefined, { signal: options.signal });
  }
}

const isOutage = (error: unknown): boolean =>
  error instanceof CliError && (error.exitCode === exitCodes.unreachable || error.exitCode === exitCodes.serverError);
