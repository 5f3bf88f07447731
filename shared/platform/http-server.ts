/**
 * The HTTP server that every process starts from: request ids, problems, health, metrics, one log line a request.
 *
 * - `GET /healthz`: the process is alive.
 * - `GET /readyz`: what it needs is there; `503` with the names of what is missing.
 * - `GET /metrics`: Prometheus text, for those who may read it.
 */
import { randomUUID } from 'node:crypto';
import type { RequestListener, Server } from 'node:http';
import type {} from '@fastify/swagger';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import fastify, { type FastifyError, type FastifyReply, type FastifyRequest, LogController } from 'fastify';
import { type Logger, withoutToken } from './logger.ts';
import type { Metrics } from './metrics.ts';
import { Problem, type ProblemCode } from './problem.ts';

export interface HttpServerOptions {
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** What must work before the process counts as ready; a check throws what is wrong. */
  readonly readiness?: Readonly<Record<string, () => Promise<void> | void>>;
  /** Largest JSON body. */
  readonly bodyLimitBytes?: number;
  /** Networks of proxies whose X-Forwarded-* are believed. */
  readonly trustProxy?: readonly string[];
  /** Whether an address may read `/metrics`; all may where only a trusted network reaches the server. */
  readonly mayReadMetrics?: (ip: string) => boolean;
  /** False for servers of media, whose requests are counted rather than logged. */
  readonly logRequests?: boolean;
  /** Requests may take as long as they need by default, because uploads and media do. */
  readonly requestTimeoutMs?: number;
  /** Makes the server itself, for processes that answer some requests before they reach the routes. */
  readonly makeServer?: (routes: RequestListener) => Server;
}

const readinessTimeoutMs = 3_000;
const requestIdPattern = /^[\w.:-]{1,100}$/;

export type HttpServer = ReturnType<typeof makeHttpServer>;

export function makeHttpServer(options: HttpServerOptions) {
  const { logger, metrics, readiness = {}, logRequests = true } = options;
  const { makeServer, mayReadMetrics = () => true } = options;
  const server = fastify({
    ...(makeServer ? { serverFactory: (routes: RequestListener) => makeServer(routes) } : {}),
    loggerInstance: logger,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: options.bodyLimitBytes ?? 1024 * 1024,
    trustProxy: options.trustProxy && options.trustProxy.length > 0 ? [...options.trustProxy] : false,
    genReqId: (request) => {
      const given = request.headers['x-request-id'];
      return typeof given === 'string' && requestIdPattern.test(given) ? given : randomUUID();
    },
    requestTimeout: options.requestTimeoutMs ?? 0,
    forceCloseConnections: 'idle',
    return503OnClosing: true,
    routerOptions: { maxParamLength: 4_096 },
    ajv: { customOptions: { removeAdditional: false, coerceTypes: 'array', allErrors: true } },
  }).withTypeProvider<TypeBoxTypeProvider>();

  const seconds = metrics.histogram(
    'nightfill_http_request_seconds',
    'Time from a request to the end of its answer.',
    [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10],
    ['method', 'route', 'status'],
  );

  server.addHook('onRequest', async (request, reply) => {
    reply.header('x-request-id', request.id);
  });
  server.addHook('onResponse', async (request, reply) => {
    const route = request.routeOptions.url ?? 'none';
    seconds.observe({ method: request.method, route, status: reply.statusCode }, reply.elapsedTime / 1_000);
    if (!logRequests || isProbe(route)) return;
    request.log.info(
      {
        method: request.method,
        url: withoutToken(request.url),
        status: reply.statusCode,
        ms: Math.round(reply.elapsedTime),
        ip: request.ip,
      },
      'request',
    );
  });

  server.setErrorHandler<FastifyError>((error, request, reply) => sendProblem(asProblem(error), error, request, reply));
  server.setNotFoundHandler((request, reply) =>
    sendProblem(
      new Problem('not-found', `${request.method} ${withoutToken(request.url)} is not part of this API.`),
      null,
      request,
      reply,
    ),
  );

  server.get('/healthz', { schema: { hide: true } }, async () => ({ status: 'alive' }));
  server.get('/readyz', { schema: { hide: true } }, async (_request, reply) => {
    const entries = await Promise.all(
      Object.entries(readiness).map(async ([name, check]) => [name, await failureOf(check)] as const),
    );
    const missing = entries.filter(([, failure]) => failure !== null);
    if (missing.length > 0) reply.code(503);
    return {
      status: missing.length > 0 ? 'not-ready' : 'ready',
      checks: Object.fromEntries(entries.map(([name, failure]) => [name, failure ?? 'ok'])),
    };
  });
  server.get('/metrics', { schema: { hide: true } }, async (request, reply) => {
    if (!mayReadMetrics(request.ip)) throw new Problem('forbidden', 'NIGHTFILL_METRICS_FROM says who reads this.');
    reply.type(metrics.contentType);
    return metrics.text();
  });
  return server;
}

const isProbe = (route: string): boolean => route === '/healthz' || route === '/readyz' || route === '/metrics';

async function failureOf(check: () => Promise<void> | void): Promise<string | null> {
  const timeout = AbortSignal.timeout(readinessTimeoutMs);
  try {
    await Promise.race([
      check(),
      new Promise((_resolve, reject) => {
        timeout.addEventListener('abort', () => reject(new Error(`no answer in ${readinessTimeoutMs} ms`)));
      }),
    ]);
    return null;
  } catch (error) {
    return (error as Error).message || String(error);
  }
}

/** Part of ordinary work (a peer that does not hold a slice, a plan that fills a disk): counted, but no alarm. */
const expectedRefusals: ReadonlySet<ProblemCode> = new Set([
  'not-held',
  'not-ready',
  'overloaded',
  'no-room',
  'disk-failed',
]);

function sendProblem(
  problem: Problem,
  error: Error | null,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  if (problem.statusCode >= 500) {
    const level = expectedRefusals.has(problem.code) ? 'debug' : 'error';
    request.log[level]({ err: error ?? problem, code: problem.code }, problem.message);
  }
  return reply
    .code(problem.statusCode)
    .headers(problem.headers)
    .type('application/problem+json')
    .serializer((value: unknown) => JSON.stringify(value))
    .send(problem.toDocument(request.id));
}

/** Fastify's own refusals in the words of our table; anything unknown is `internal` and tells the caller nothing. */
function asProblem(error: FastifyError): Problem {
  if (error instanceof Problem) return error;
  if (error.validation) {
    const errors = error.validation.map((mistake) => ({
      at: `${error.validationContext ?? 'request'}${mistake.instancePath}`,
      message: mistake.message ?? 'is not valid',
    }));
    const detail = errors.map(({ at, message }) => `${at} ${message}`).join('; ');
    return new Problem('invalid-request', detail, { errors, cause: error });
  }
  const code = statusCodes[error.statusCode ?? 500];
  if (code) return new Problem(code, error.message, { cause: error });
  return new Problem('internal', 'The request failed; the log line with this request id says why.', { cause: error });
}

const statusCodes: Readonly<Record<number, ProblemCode>> = {
  400: 'invalid-request',
  401: 'unauthorized',
  403: 'forbidden',
  404: 'not-found',
  405: 'method-not-allowed',
  411: 'length-required',
  412: 'precondition-failed',
  413: 'too-large',
  415: 'unsupported-media-type',
  429: 'too-many-requests',
  503: 'overloaded',
};
