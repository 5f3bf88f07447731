import { randomUUID } from 'node:crypto';
import type { Logger } from '../../shared/platform/logger.ts';
import { Problem } from '../../shared/platform/problem.ts';
import type { Cors } from './cors.ts';
import { type Exchange, type HeaderBlock, headerBlock } from './exchange.ts';
import { cacheStatus, serverTiming } from './media-headers.ts';
import { Refusal, refusePull } from './refusals.ts';
import { PullError } from './upstream.ts';
import type { Visit } from './visit.ts';

export interface RefusalDeps {
  readonly applianceId: string;
  readonly logger: Logger;
  readonly cors: Cors;
}

const requestIdForm = /^[\w.:-]{1,100}$/;

/** Part of ordinary work: counted, but no alarm. */
const expected: ReadonlySet<string> = new Set(['not-held', 'not-ready', 'overloaded', 'no-room']);

/** Answers with a problem document (RFC 9457) and the outcome under which the visit is counted. */
export function sendRefusal(
  { applianceId, logger, cors }: RefusalDeps,
  exchange: Exchange,
  visit: Visit,
  error: unknown,
): void {
  const refusal = refusePull(error);
  visit.outcome = refusal instanceof Refusal ? refusal.outcome : 'upstream-failed';
  sendProblem(logger, exchange, refusal, {
    cause: error,
    isExpected: error instanceof PullError && error.code === 'abandoned',
    fields: {
      'cache-status': cacheStatus(applianceId, visit.outcome),
      ...(error instanceof PullError && error.how
        ? { 'server-timing': serverTiming(visit.outcome, '0', error.how) }
        : {}),
    },
    more: [cors.headers(exchange)],
  });
}

/** Answers with a problem document; of what is none only the log tells more. */
export function sendProblem(
  logger: Logger,
  exchange: Exchange,
  refusal: unknown,
  options: {
    /** What led to it, where that is something else. */
    readonly cause?: unknown;
    readonly isExpected?: boolean;
    readonly fields?: Readonly<Record<string, string>>;
    readonly more?: readonly HeaderBlock[];
  } = {},
): void {
  const { cause = refusal, isExpected = false, fields = {}, more = [] } = options;
  const problem =
    refusal instanceof Problem
      ? refusal
      : new Problem('internal', 'The request failed; the log line with this request id says why.', { cause });
  const given = exchange.header('x-request-id');
  const requestId = given !== undefined && requestIdForm.test(given) ? given : randomUUID();
  if (problem.statusCode >= 500) {
    const level = isExpected || expected.has(problem.code) ? 'debug' : 'error';
    logger[level]({ err: cause, code: problem.code, reqId: requestId }, problem.message);
  }
  const body = Buffer.from(JSON.stringify(problem.toDocument(requestId)));
  const head = headerBlock({
    'content-type': 'application/problem+json',
    'content-length': String(body.length),
    'cache-control': 'no-store',
    ...fields,
    'x-request-id': requestId,
    ...problem.headers,
  });
  exchange.send(problem.statusCode, [head, ...more], exchange.method === 'HEAD' ? null : body);
}
