import type { FastifyError } from 'fastify';
import { Problem } from '../../shared/platform/problem.ts';

type Checks = Readonly<Record<string, () => Promise<void>>>;

/**
 * Tells an outage from a mistake of ours: an unexpected error while something that control needs is away becomes
 * `not-ready`, which callers try again, instead of `internal`, which they report.
 */
export const makeAsOutage =
  (checks: Checks) =>
  async (error: FastifyError): Promise<Error> => {
    if (error instanceof Problem || error.validation || (error.statusCode ?? 500) < 500) return error;
    const away = await failing(checks);
    if (away.length === 0) return error;
    const names = away.join(' and ');
    return new Problem('not-ready', `Control cannot reach ${names} now; try again in a moment.`, {
      headers: { 'retry-after': '2' },
      cause: error,
    });
  };

async function failing(checks: Checks): Promise<string[]> {
  const results = await Promise.all(
    Object.entries(checks).map(async ([name, check]) =>
      check().then(
        () => [],
        () => [name],
      ),
    ),
  );
  return results.flat();
}
