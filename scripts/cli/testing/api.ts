/** A small API of real HTTP and real problems, with the house's own server: what the command line has to cope with. */

import { requireBearer } from '../../../shared/platform/bearer.ts';
import { makeHttpServer } from '../../../shared/platform/http-server.ts';
import { makeLogger } from '../../../shared/platform/logger.ts';
import { makeMetrics } from '../../../shared/platform/metrics.ts';

export const apiKey = 'key-of-the-test-api';

export type TestServer = ReturnType<typeof makeHttpServer>;

export interface TestApi {
  readonly url: string;
  /** Settings that lead the command line here. */
  readonly env: Readonly<Record<string, string>>;
  close(): Promise<void>;
}

export async function startApi(routes: (server: TestServer) => void | Promise<void>, port = 0): Promise<TestApi> {
  const server = makeHttpServer({ logger: makeLogger('test-api', 'silent'), metrics: makeMetrics('test-api') });
  server.addHook('onRequest', requireBearer(apiKey, 'Send the key of this test.'));
  await routes(server);
  const url = await server.listen({ host: '127.0.0.1', port });
  return {
    url,
    env: { NIGHTFILL_API: url, NIGHTFILL_API_KEY: apiKey },
    close: async () => {
      server.server.closeAllConnections();
      await server.close();
    },
  };
}
