/** The fill API of an appliance over HTTP (docs/internal-api.md). */
import { Agent, type Dispatcher } from 'undici';
import { formatDigest } from '../../domain/http/digest.ts';
import {
  type ApplianceApi,
  ApplianceApiError,
  type ApplianceApiErrorCode,
  type ApplianceTarget,
  type HeldEntry,
  type HeldKey,
} from '../../ports/appliance-api.ts';
import { type ProblemBody, readJson, readProblem } from './answers.ts';
import { BodyLengthError, makeBodySender } from './send-body.ts';

export interface ApplianceHttpOptions {
  /** The credential of each appliance's fill API. */
  readonly credentialOf: (applianceId: string) => string;
  /** What an appliance asks of those that read media from it; without it, none is read from and none sent to another. */
  readonly pullCredentialOf?: (applianceId: string) => string;
  /** Silence after which a call is given up. While a body is sent, every chunk that leaves counts as a sign of life. */
  readonly silenceMs?: number;
  readonly connectMs?: number;
  /** Objects a page of the inventory. */
  readonly pageSize?: number;
}

/** Answers that are worth another try as they are. */
const passing = new Set([408, 429, 502, 503, 504]);

const codes: Readonly<Record<number, ApplianceApiErrorCode>> = {
  409: 'manifest-missing',
  410: 'version-gone',
  422: 'digest-mismatch',
  507: 'no-room',
};

export function makeApplianceHttpApi(options: ApplianceHttpOptions): ApplianceApi {
  const { credentialOf, pullCredentialOf, silenceMs = 15_000, connectMs = 3_000, pageSize = 1_000 } = options;
  const agent = new Agent({
    connect: { timeout: connectMs },
    headersTimeout: silenceMs,
    bodyTimeout: silenceMs,
    keepAliveTimeout: 10_000,
    pipelining: 1,
  });

  const sender = makeBodySender({ silenceMs, connectMs });

  async function call(
    target: ApplianceTarget,
    method: Dispatcher.HttpMethod,
    path: string,
    request: {
      readonly body?: string;
      readonly headers?: Readonly<Record<string, string>>;
      readonly signal?: AbortSignal | undefined;
      /** Another than that of the fill API. */
      readonly credential?: string;
    } = {},
  ): Promise<Dispatcher.ResponseData> {
    try {
      return await agent.request({
        origin: new URL(target.internalUrl).origin,
        path: `${new URL(target.internalUrl).pathname.replace(/\/$/, '')}${path}`,
        method,
        headers: { authorization: `Bearer ${request.credential ?? credentialOf(target.id)}`, ...request.headers },
        ...(request.body === undefined ? {} : { body: request.body }),
        ...(request.signal ? { signal: request.signal } : {}),
      });
    } catch (error) {
      request.signal?.throwIfAborted();
      throw unreachable(target, error);
    }
  }

  /** The JSON of an answer of status 200; anything else becomes the error that it stands for. */
  async function callJson<T>(
    target: ApplianceTarget,
    method: Dispatcher.HttpMethod,
    path: string,
    body?: unknown,
    signal?: AbortSignal,
  ): Promise<T> {
    const answer = await call(target, method, path, {
      signal,
      ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    });
    if (answer.statusCode !== 200) throw await refusal(target, answer);
    try {
      return await readJson<T>(answer.body);
    } catch (error) {
      signal?.throwIfAborted();
      throw unreachable(target, error);
    }
  }

  return {
    async *inventory(target, signal) {
      let after: string | null = null;
      do {
        const query: string = after === null ? '' : `&after=${encodeURIComponent(after)}`;
        const page: { items: HeldEntry[]; next: string | null } = await callJson(
          target,
          'GET',
          `/inventory?limit=${pageSize}${query}`,
          undefined,
          signal,
        );
        yield* page.items;
        after = page.next;
      } while (after !== null);
    },

    async applyPlan(target, orders, signal) {
      const answer = await callJson<{ held: HeldKey[] }>(target, 'POST', '/fill/plan', orders, signal);
      return answer.held;
    },

    async heldBytes(target, key, signal) {
      const answer = await call(target, 'HEAD', `/fill/objects/${key}`, { signal });
      await answer.body.dump();
      if (answer.statusCode === 404) return 0;
      if (answer.statusCode !== 200) throw errorOf(target, answer.statusCode, null);
      const offset = Number(answer.headers['upload-offset']);
      return Number.isSafeInteger(offset) && offset >= 0 ? offset : 0;
    },

    async put(target, key, { body, sizeBytes, sha256, part }, signal) {
      const range = part && `bytes ${part.offset}-${part.offset + sizeBytes - 1}/${part.objectBytes}`;
      const url = new URL(`${target.internalUrl.replace(/\/$/, '')}/fill/objects/${key}`);
      const headers = {
        authorization: `Bearer ${credentialOf(target.id)}`,
        'content-type': 'application/octet-stream',
        'content-digest': formatDigest(sha256),
        ...(range ? { 'content-range': range } : {}),
      };
      const answer = await sender
        .send(url, { method: 'PUT', headers, body, sizeBytes, signal })
        .catch((error: unknown) => {
          signal?.throwIfAborted();
          if (error instanceof BodyLengthError)
            throw new ApplianceApiError('digest-mismatch', target.id, error.message, { cause: error });
          throw unreachable(target, error);
        });
      const { statusCode = 0 } = answer;
      if (statusCode !== 200 && statusCode !== 201) throw errorOf(target, statusCode, await readProblem(answer));
      answer.resume();
      return statusCode === 201 ? 'stored' : 'already-held';
    },

    async takeFrom(target, key, { sizeBytes, sha256, part }, from, signal) {
      if (!pullCredentialOf) return 'not-there';
      const order = {
        sizeBytes,
        sha256,
        ...(part ? { offset: part.offset, objectBytes: part.objectBytes } : {}),
        from: { applianceId: from.id, url: from.internalUrl, credential: pullCredentialOf(from.id) },
      };
      const answer = await call(target, 'POST', `/fill/take/${key}`, {
        body: JSON.stringify(order),
        headers: { 'content-type': 'application/json' },
        signal,
      });
      if (answer.statusCode === 404 || answer.statusCode === 502 || answer.statusCode === 504) {
        await answer.body.dump();
        return 'not-there';
      }
      if (answer.statusCode !== 200 && answer.statusCode !== 201) throw await refusal(target, answer);
      await answer.body.dump();
      return answer.statusCode === 201 ? 'stored' : 'already-held';
    },

    async read(target, key, span, signal) {
      if (!pullCredentialOf) return null;
      const answer = await call(target, 'GET', `/v/${key}`, {
        credential: pullCredentialOf(target.id),
        headers: {
          'cache-control': 'only-if-cached',
          'cdn-loop': 'nightfill;id=fill-worker',
          ...(span ? { range: `bytes=${span.start}-${span.end}` } : {}),
        },
        signal,
      });
      if (answer.statusCode === (span ? 206 : 200)) return answer.body;
      await answer.body.dump();
      return null;
    },

    async remove(target, keyOrPrefix, signal) {
      const answer = await callJson<{ freedBytes: number }>(
        target,
        'DELETE',
        `/objects/${keyOrPrefix}`,
        undefined,
        signal,
      );
      return answer.freedBytes;
    },

    async close() {
      sender.close();
      await agent.destroy();
    },
  };
}

const unreachable = (target: ApplianceTarget, cause: unknown): ApplianceApiError => {
  const words = cause instanceof Error ? cause.message : String(cause);
  return new ApplianceApiError('unreachable', target.id, `${target.id} at ${target.internalUrl}: ${words}`, { cause });
};

async function refusal(target: ApplianceTarget, answer: Dispatcher.ResponseData): Promise<ApplianceApiError> {
  return errorOf(target, answer.statusCode, await readProblem(answer.body));
}

function errorOf(target: ApplianceTarget, status: number, problem: ProblemBody | null): ApplianceApiError {
  const words = problem ? `${problem.code ?? status}: ${problem.detail ?? problem.title ?? ''}` : `status ${status}`;
  const code = passing.has(status) ? 'unreachable' : codes[status];
  return new ApplianceApiError(code ?? 'refused', target.id, `${target.id} answered ${words}`);
}
