import { Problem, type ProblemCode, problemTypes } from '../../shared/platform/problem.ts';

/** The public API as the console's own pages ask it, server-side, with the operator's key. */
export interface ApiClient {
  /** @throws Problem as the service answered it, or `not-ready` when it cannot be reached. */
  get<T>(service: ServiceName, path: string): Promise<T>;
  post<T>(service: ServiceName, path: string, body: unknown): Promise<T>;
}

export type ServiceName = 'control' | 'ingest';

export interface ApiClientOptions {
  readonly urls: Readonly<Record<ServiceName, string>>;
  readonly apiKey: string;
  readonly timeoutMs?: number;
}

export function makeApiClient({ urls, apiKey, timeoutMs = 10_000 }: ApiClientOptions): ApiClient {
  async function call<T>(service: ServiceName, path: string, init: RequestInit): Promise<T> {
    let response: Response;
    try {
      response = await fetch(urls[service] + path, {
        ...init,
        headers: { accept: 'application/json', 'content-type': 'application/json', authorization: `Bearer ${apiKey}` },
        signal: AbortSignal.timeout(timeoutMs),
      });
    } catch (error) {
      throw unreachable(service, error);
    }
    if (!response.ok) throw await problemOf(service, response);
    return (await response.json()) as T;
  }

  return {
    get: (service, path) => call(service, path, { method: 'GET' }),
    post: (service, path, body) => call(service, path, { method: 'POST', body: JSON.stringify(body) }),
  };
}

export const unreachable = (service: ServiceName, cause: unknown): Problem =>
  new Problem('not-ready', `The ${service} service does not answer; it may be starting. Try again in a moment.`, {
    headers: { 'retry-after': '2' },
    cause,
  });

async function problemOf(service: ServiceName, response: Response): Promise<Problem> {
  const document = (await response.json().catch(() => null)) as { code?: string; detail?: string } | null;
  const code = document?.code;
  if (code !== undefined && code in problemTypes) {
    return new Problem(code as ProblemCode, document?.detail ?? '');
  }
  return new Problem('not-ready', `The ${service} service answered ${response.status}.`);
}
