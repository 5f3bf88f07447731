import { type Dispatcher, errors, request } from 'undici';
import type { Upstream } from '../../shared/domain/fleet.ts';
import { etagOf } from '../../shared/domain/http/conditional.ts';
import { parseDigest } from '../../shared/domain/http/digest.ts';
import { parseContentRange } from '../../shared/domain/http/range.ts';
import { formatObjectKey, growingName } from '../../shared/domain/keys.ts';
import { collectExactly, collectUpTo } from './pulling/collect.ts';
import { type Patience, withPatience } from './pulling/patience.ts';
import { type Attempt, PullError, type PullErrorCode, type PullSource, type ReadWhole } from './upstream.ts';

export interface HttpSourceOptions {
  readonly upstream: Upstream;
  /** This appliance, for `CDN-Loop` (RFC 8586). */
  readonly applianceId: string;
  readonly dispatcher: Dispatcher;
  /** Longest silence, before the answer and within it. */
  readonly timeoutMs: number;
}

/** `504`: of a peer that it does not hold it, of a shield that its own upstreams were silent. */
const codes: Readonly<Record<Upstream['kind'], Readonly<Record<number, PullErrorCode>>>> = {
  // A peer's word on what exists is no more than what it holds.
  peer: { 404: 'not-held', 410: 'gone', 504: 'not-held' },
  shield: { 404: 'not-found', 410: 'gone', 504: 'timed-out' },
};

const mostRetryAfterS = 30;

export const loopToken = (applianceId: string): string => `nightfill;id=${applianceId}`;

/** Another appliance as a source. Peers are asked for what they hold only, so that no peer pulls for another. */
export function makeHttpSource(options: HttpSourceOptions): PullSource {
  const { upstream, applianceId, dispatcher, timeoutMs } = options;
  const isPeer = upstream.kind === 'peer';

  async function open(
    key: string,
    loop: string | undefined,
    { signal }: Patience,
    fields: Readonly<Record<string, string>> = {},
  ): Promise<Dispatcher.ResponseData> {
    const response = await request(`${upstream.url}/v/${key}`, {
      dispatcher,
      signal,
      // Patience has its own, finer clock.
      headersTimeout: 0,
      bodyTimeout: 0,
      headers: {
        authorization: `Bearer ${upstream.credential}`,
        'accept-encoding': 'identity',
        'cdn-loop': loop ? `${loop}, ${loopToken(applianceId)}` : loopToken(applianceId),
        ...(isPeer ? { 'cache-control': 'only-if-cached' } : {}),
        ...fields,
      },
    });
    const { statusCode, headers } = response;
    if (statusCode !== 200 && statusCode !== 206 && statusCode !== 304) {
      letGo(response);
      const retryAfterS = Math.min(Number(headers['retry-after']), mostRetryAfterS);
      const options = retryAfterS > 0 ? { retryAfterS } : {};
      throw new PullError(codes[upstream.kind][statusCode] ?? 'failed', `answered ${statusCode}`, options);
    }
    const encoding = String(headers['content-encoding'] ?? 'identity');
    if (encoding.toLowerCase() !== 'identity') refuse(response, `answered in the encoding ${encoding}`);
    return response;
  }

  function explain(error: unknown): PullError {
    if (error instanceof PullError) {
      const options = error.retryAfterS === null ? {} : { retryAfterS: error.retryAfterS };
      return new PullError(error.code, `${upstream.applianceId} ${error.message}`, options);
    }
    const code = error instanceof errors.ConnectTimeoutError ? 'timed-out' : 'failed';
    const why = error instanceof errors.UndiciError ? error.code : (error as Error).message;
    return new PullError(code, `${upstream.applianceId} could not be read: ${why}`, { cause: error });
  }
  const during = <T>(attempt: Attempt | undefined, action: (patience: Patience) => Promise<T>): Promise<T> =>
    withPatience(timeoutMs, attempt, explain, action);

  async function collect(response: Dispatcher.ResponseData, maxBytes: number, patience: Patience): Promise<ReadWhole> {
    if (response.statusCode !== 200) refuse(response, `answered ${response.statusCode} for a whole document`);
    const sha256 = parseDigest(String(response.headers['repr-digest'] ?? ''));
    patience.headArrived();
    return { bytes: await collectUpTo(response.body, maxBytes, patience), sha256 };
  }

  return {
    id: upstream.applianceId,
    outcome: isPeer ? 'pull-peer' : 'pull-shield',

    readPart: ({ key, offset, sizeBytes, whole, loop, attempt }) =>
      during(attempt, async (patience) => {
        const end = offset + sizeBytes - 1;
        const response = await open(key, loop, patience, whole ? {} : { range: `bytes=${offset}-${end}` });
        const { statusCode, headers } = response;
        const range = parseContentRange(String(headers['content-range'] ?? ''));
        const isRight = whole ? statusCode === 200 : range?.start === offset && range.end === end;
        if (!isRight) refuse(response, 'answered with another range');
        const announced = headers['content-length'];
        if (announced !== undefined && Number(announced) !== sizeBytes)
          refuse(response, `announced ${String(announced)} bytes instead of ${sizeBytes}`);
        patience.headArrived();
        return collectExactly(response.body, sizeBytes, patience);
      }),

    readWhole: ({ key, maxBytes, loop, attempt }) =>
      during(attempt, async (patience) => collect(await open(key, loop, patience), maxBytes, patience)),

    readGrowing: ({ id, known, maxBytes, loop, attempt }) =>
      during(attempt, async (patience) => {
        const key = formatObjectKey({ ...id, path: growingName });
        const fields = known ? { 'if-none-match': etagOf(known.sha256) } : {};
        const response = await open(key, loop, patience, fields);
        if (response.statusCode !== 304 || !known) return collect(response, maxBytes, patience);
        patience.headArrived();
        letGo(response);
        return 'unchanged';
      }),
  };
}

/** What cannot be used is not read, however long it is. */
function refuse({ body }: Dispatcher.ResponseData, why: string): never {
  body.on('error', () => {}).destroy();
  throw new PullError('mismatch', why);
}

const smallBytes = 16 * 1024;
const soonMs = 1_000;

/** Reads a refusal's few bytes, so that the connection can be used again; cuts it off where they are many or slow. */
function letGo({ body }: Dispatcher.ResponseData): void {
  body.on('error', () => {});
  body.dump({ limit: smallBytes, signal: AbortSignal.timeout(soonMs) }).catch(() => body.destroy());
}
