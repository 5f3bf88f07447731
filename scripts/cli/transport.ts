/** Requests to the API: the key goes with them, and whatever is not an answer becomes one line that says what to do. */
import type { ProblemDocument } from '../../shared/platform/problem.ts';
import type { Access } from './access.ts';
import { CliError, type ExitCode, exitCodes } from './exit.ts';
import { printable } from './format.ts';

export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

export interface ApiRequest {
  readonly method?: string;
  readonly query?: Query;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly json?: unknown;
  /** Sent as it comes. */
  readonly body?: string | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array>;
  readonly signal?: AbortSignal | undefined;
  /** For the head of the answer; 0 for streams, whose reader decides. */
  readonly timeoutMs?: number;
}

export interface Transport {
  readonly access: Access;
  /** @throws ApiError for a refusal, CliError `unreachable` when there is no answer. */
  request(path: string, request?: ApiRequest): Promise<Response>;
  json<T>(path: string, request?: ApiRequest): Promise<T>;
}

/** A problem document in the shape of a command's end. */
export class ApiError extends CliError {
  readonly status: number;
  readonly problem: ProblemDocument | null;

  constructor(status: number, code: string, message: string, problem: ProblemDocument | null) {
    super(exitCodeOf(status), code, message);
    this.name = 'ApiError';
    this.status = status;
    this.problem = problem;
  }
}

const exitCodeOf = (status: number): ExitCode => (status >= 500 ? exitCodes.serverError : exitCodes.refused);

/** Making a forecast or a plan may take longer than reading a document. */
const defaultTimeoutMs = 60_000;

export function makeTransport(access: Access): Transport {
  const request = async (path: string, options: ApiRequest = {}): Promise<Response> => {
    const url = new URL(access.apiUrl + path);
    for (const [name, value] of Object.entries(options.query ?? {}))
      if (value !== undefined) url.searchParams.set(name, String(value));
    const timeoutMs = options.timeoutMs ?? defaultTimeoutMs;
    const signals = [options.signal, timeoutMs > 0 ? AbortSignal.timeout(timeoutMs) : undefined];
    let response: Response;
    try {
      response = await fetch(url, {
        method: options.method ?? 'GET',
        headers: {
          authorization: `Bearer ${access.apiKey}`,
          accept: 'application/json',
          ...(options.json === undefined ? {} : { 'content-type': 'application/json' }),
          ...options.headers,
        },
        redirect: 'error',
        signal: AbortSignal.any(signals.filter((signal) => signal !== undefined)),
        ...(options.json === undefined ? {} : { body: JSON.stringify(options.json) }),
        ...(options.body === undefined ? {} : { body: options.body, duplex: 'half' as const }),
      });
    } catch (error) {
      options.signal?.throwIfAborted();
      throw unreachable(access, error);
    }
    if (!response.ok) throw await refusal(response);
    return response;
  };
  return {
    access,
    request,
    json: async <T>(path: string, options?: ApiRequest): Promise<T> => {
      const response = await request(path, options);
      try {
        return (await response.json()) as T;
      } catch (error) {
        options?.signal?.throwIfAborted();
        if (error instanceof SyntaxError)
          throw new CliError(
            exitCodes.serverError,
            'not-json',
            `${access.apiUrl} did not answer with JSON: is that address Nightfill's API?`,
          );
        throw unreachable(access, error);
      }
    },
  };
}

/** The line for a request that got no answer, from the innermost cause: fetch itself says only "fetch failed". */
export function unreachable(access: Pick<Access, 'apiUrl'>, error: unknown): CliError {
  let cause: unknown = error;
  while (cause instanceof Error && cause.cause instanceof Error) cause = cause.cause;
  const code = cause instanceof Error && 'code' in cause && typeof cause.code === 'string' ? cause.code : '';
  if (code === 'ECONNREFUSED' || code === 'UND_ERR_CONNECT_TIMEOUT')
    return new CliError(
      exitCodes.unreachable,
      'unreachable',
      `nothing answers at ${access.apiUrl}: start it with npm start, or name another with NIGHTFILL_API`,
      { cause: error },
    );
  const reason =
    cause instanceof Error && cause.name === 'TimeoutError'
      ? 'no answer in time'
      : code === 'ENOTFOUND'
        ? 'there is no host of this name'
        : cause instanceof Error
          ? cause.message
          : String(cause);
  return new CliError(exitCodes.unreachable, 'unreachable', `${access.apiUrl} cannot be reached: ${reason}`, {
    cause: error,
  });
}

async function refusal(response: Response): Promise<ApiError> {
  const text = await response.text().catch(() => '');
  return problemError(response.status, text);
}

/** The error for an answer that is not a success, whatever its body holds. */
export function problemError(status: number, body: string): ApiError {
  const problem = parseProblem(body);
  if (!problem) return new ApiError(status, `http-${status}`, `the API answered ${status} without saying why`, null);
  const mend = problem.code === 'unauthorized' ? ' (the key is read from NIGHTFILL_API_KEY, --key or access.json)' : '';
  const request = problem.code === 'internal' && problem.requestId ? ` (request ${problem.requestId})` : '';
  return new ApiError(status, problem.code, `${printable(problem.detail || problem.title)}${mend}${request}`, problem);
}

function parseProblem(text: string): ProblemDocument | null {
  try {
    const value: unknown = JSON.parse(text);
    const isProblem = value && typeof value === 'object' && 'code' in value && 'detail' in value;
    return isProblem ? (value as ProblemDocument) : null;
  } catch {
    return null;
  }
}
