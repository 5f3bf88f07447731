import { type Dispatcher, errors, request } from 'undici';
import type { Upstream } from '../../shared/domain/fleet.ts';
import { etagOf } from '../../shared/domain/http/conditional.ts';
import { parseDigest } from '../../shared/domain/http/digest.ts';
import { parseContentRange } from '../../shared/domain/http/range.ts';
import { formatObjectKey, growingName } from '../../shared/domain/keys.ts';
import { PullError, type PullErrorCode, type PullSource, type ReadWhole } from './upstream.ts';

export interface HttpSourceOptions {
  readonly upstream: Upstream;
  /** This appliance, for `CDN-Loop` (RFC 8586). */
  readonly applianceId: string;
  readonly dispatcher: Dispatcher;
  /** Longest silence. */
  readonly timeoutMs: number;
}

const codes: Readonly<Record<number, PullErrorCode>> = { 404: 'not-found', 410: 'gone', 504: 'not-held' };

export const loopToken = (applianceId: string): string => `nightfill;id=${applianceId}`;

/** Another appliance as a source. Peers are asked for what they hold only, so that no peer pulls for another. */
export function makeHttpSource(options: HttpSourceOptions): PullSource {
  const { upstream, applianceId, dispatcher, timeoutMs } = options;
  const isPeer = upstream.kind === 'peer';

  async function open(
    key: string,
    loop: string | undefined,
    fields: Readonly<Record<string, string>> = {},
  ): Promise<Dispatcher.ResponseData> {
    const response = await request(`${upstream.url}/v/${key}`, {
      dispatcher,
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
      headers: {
        authorization: `Bearer ${upstream.credential}`,
        'cdn-loop': loop ? `${loop}, ${loopToken(applianceId)}` : loopToken(applianceId),
        ...(isPeer ? { 'cache-control': 'only-if-cached' } : {}),
        ...fields,
      },
    });
    if (response.statusCode === 200 || response.statusCode === 206 || response.statusCode === 304) return response;
    await response.body.dump();
    const code = codes[response.statusCode] ?? 'failed';
    // A peer's word on what exists is no more than what it holds.
    throw new PullError(isPeer && code === 'not-found' ? 'not-held' : code, `answered ${response.statusCode}`);
  }

  async function collect(response: Dispatcher.ResponseData, maxBytes: number): Promise<ReadWhole> {
    const sha256 = parseDigest(String(response.headers['repr-digest'] ?? ''));
    return { bytes: await collectUpTo(response.body, maxBytes), sha256 };
  }

  return {
    id: upstream.applianceId,
    outcome: isPeer ? 'pull-peer' : 'pull-shield',

    readPart: ({ key, offset, sizeBytes, whole, loop }) =>
      naming(upstream.applianceId, async () => {
        const end = offset + sizeBytes - 1;
        const response = await open(key, loop, whole ? {} : { range: `bytes=${offset}-${end}` });
        const range = parseContentRange(String(response.headers['content-range'] ?? ''));
        const right = whole ? response.statusCode === 200 : range?.start === offset && range.end === end;
        if (!right) {
          response.body.destroy();
          throw new PullError('mismatch', 'answered with another range');
        }
        return collectExactly(response.body, sizeBytes);
      }),

    readWhole: ({ key, maxBytes, loop }) =>
      naming(upstream.applianceId, async () => collect(await open(key, loop), maxBytes)),

    readGrowing: ({ id, known, maxBytes, loop }) =>
      naming(upstream.applianceId, async () => {
        const key = formatObjectKey({ ...id, path: growingName });
        const response = await open(key, loop, known ? { 'if-none-match': etagOf(known.sha256) } : {});
        if (response.statusCode !== 304) return collect(response, maxBytes);
        await response.body.dump();
        return 'unchanged';
      }),
  };
}

/** Says which source failed, and makes every network error a `failed`. */
async function naming<T>(id: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (error instanceof PullError) throw new PullError(error.code, `${id} ${error.message}`);
    const why = error instanceof errors.UndiciError ? error.code : (error as Error).message;
    throw new PullError('failed', `${id} could not be read: ${why}`, { cause: error });
  }
}

/** Fills one buffer of the size that was asked for. */
export async function collectExactly(body: AsyncIterable<Uint8Array>, sizeBytes: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafeSlow(sizeBytes);
  let length = 0;
  for await (const chunk of body) {
    if (length + chunk.length > sizeBytes) throw new PullError('mismatch', 'sent more than was asked for');
    buffer.set(chunk, length);
    length += chunk.length;
  }
  if (length < sizeBytes) throw new PullError('failed', `ended after ${length} of ${sizeBytes} bytes`);
  return buffer;
}

export async function collectUpTo(body: AsyncIterable<Uint8Array>, maxBytes: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body) {
    length += chunk.length;
    if (length > maxBytes) throw new PullError('mismatch', `sent more than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
