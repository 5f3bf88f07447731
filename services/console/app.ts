/** Console: the one public door. Passes the API on, shows the front page, the player and the documentation. */
import { type HttpServer, makeHttpServer } from '../../shared/platform/http-server.ts';
import type { Logger } from '../../shared/platform/logger.ts';
import type { Metrics } from '../../shared/platform/metrics.ts';
import { makeNetworks } from '../../shared/platform/networks.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import { makeApiClient } from './api-client.ts';
import type { ConsoleSettings } from './config.ts';
import { makeGuard } from './guard.ts';
import { makeReadOverview } from './overview.ts';
import { registerProxy } from './proxy.ts';
import { docsRoutes } from './routes/docs.ts';
import { pageRoutes } from './routes/pages.ts';
import { signInRoutes } from './routes/sign-in.ts';
import { staticRoutes } from './routes/static-files.ts';

export interface ConsoleDeps {
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly settings: ConsoleSettings;
}

export async function makeConsoleApp({ logger, metrics, clock, settings }: ConsoleDeps): Promise<HttpServer> {
  const { apiKey, openPages } = settings;
  const urls = { control: settings.controlUrl, ingest: settings.ingestUrl };
  const api = makeApiClient({ urls, apiKey });
  const server = makeHttpServer({
    logger,
    metrics,
    trustProxy: settings.trustProxy,
    mayReadMetrics: makeNetworks(settings.metricsFrom),
    readiness: { control: () => ready(urls.control), ingest: () => ready(urls.ingest) },
  });

  await staticRoutes(server);
  await registerProxy(server, settings);
  docsRoutes(server, { api, publicUrl: settings.publicUrl });
  await server.register((scope: HttpServer) => signInRoutes(scope, { apiKey, clock }));
  await server.register((scope: HttpServer) =>
    pageRoutes(scope, {
      api,
      guard: makeGuard({ apiKey, openPages, clock }),
      readOverview: makeReadOverview({ api, clock }),
    }),
  );
  return server;
}

/** A door in front of a service that is not ready is not ready either. */
async function ready(url: string): Promise<void> {
  const response = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(2_500) });
  if (response.ok) return;
  const answer = (await response.json().catch(() => ({}))) as { readonly checks?: Readonly<Record<string, string>> };
  const missing = Object.entries(answer.checks ?? {}).filter(([, state]) => state !== 'ok');
  throw new Error(missing.map(([name, state]) => `${name}: ${state}`).join('; ') || `answered ${response.status}`);
}
