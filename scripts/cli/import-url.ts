/** Has the server fetch a video from a URL, and follows it until it is an asset. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from './client.ts';
import { failure } from './exit.ts';
import type { UploadDetails } from './send-file.ts';

/** What `GET /v1/uploads/:id` tells of an import. */
interface ImportState {
  readonly id: string;
  readonly offset: number;
  /** Null until the other server has said it. */
  readonly sizeBytes: number | null;
  readonly assetId: string | null;
  readonly failure?: { readonly code: string; readonly reason: string } | null;
}

const pollMs = 500;

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
    onProgress(doneBytes: number, totalBytes: number | null): void;
  },
): Promise<string> {
  const { tags, ...rest } = details;
  const json = { ...(options.hls ? { hls: { url } } : { url }), ...rest, ...(tags.length > 0 ? { tags } : {}) };
  const { id } = await client.transport.json<ImportState>('/v1/assets', {
    method: 'POST',
    json,
    signal: options.signal,
  });
  for (;;) {
    const state = await client.transport.json<ImportState>(`/v1/uploads/${id}`, { signal: options.signal });
    if (state.assetId) return state.assetId;
    if (state.failure) throw failure(state.failure.code, state.failure.reason);
    options.onProgress(state.offset, state.sizeBytes);
    await delay(pollMs, undefined, { signal: options.signal });
  }
}
