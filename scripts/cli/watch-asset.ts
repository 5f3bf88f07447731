/** Follows an asset until it plays or fails: by events while they come, else by asking again. */
import { setTimeout as delay } from 'node:timers/promises';
import type { AssetDetail, Client } from './client.ts';
import { readEvents, type ServerSentEvent } from './events.ts';
import { CliError, exitCodes } from './exit.ts';
import { ApiError } from './transport.ts';

const finalStates: ReadonlySet<string> = new Set(['published', 'failed', 'deleted']);
const pollMs = 2_000;
/** A restart of the API is outlived; a longer absence is told. */
const patienceMs = 60_000;

/**
 * The asset at every change, its final state last. Ends in any case: when the API is gone for a minute it throws.
 *
 * @throws CliError `unreachable`, ApiError
 */
export async function* watchAsset(client: Client, id: string, signal: AbortSignal): AsyncGenerator<AssetDetail> {
  let lastAnswerMs = Date.now();
  for (;;) {
    try {
      for await (const event of eventsOf(client, id, signal)) {
        const asset = assetOf(event);
        if (!asset) continue;
        lastAnswerMs = Date.now();
        yield asset;
        if (finalStates.has(asset.state)) return;
      }
      const asset = await client.asset(id, signal);
      lastAnswerMs = Date.now();
      yield asset;
      if (finalStates.has(asset.state)) return;
    } catch (error) {
      signal.throwIfAborted();
      const passes = error instanceof CliError && (error.exitCode === exitCodes.unreachable || isTransient(error));
      if (!passes || Date.now() - lastAnswerMs > patienceMs) throw error;
    }
    await delay(pollMs, undefined, { signal });
  }
}

const isTransient = (error: CliError): boolean => error instanceof ApiError && error.status >= 500;

/** Events as long as the stream holds; one that breaks off simply ends, and the caller asks again. */
async function* eventsOf(client: Client, id: string, signal: AbortSignal): AsyncGenerator<ServerSentEvent> {
  const response = await client.assetEvents(id, signal);
  if (!response.body) return;
  const events = readEvents(response.body);
  for (;;) {
    const next = await events.next().catch(() => {
      signal.throwIfAborted();
      return null;
    });
    if (!next || next.done) return;
    yield next.value;
  }
}

function assetOf(event: ServerSentEvent): AssetDetail | null {
  if (event.event !== 'asset') return null;
  try {
    return JSON.parse(event.data) as AssetDetail;
  } catch {
    return null;
  }
}
