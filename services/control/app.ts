/** Control: the fleet, routing, demand, fills and reports over HTTP. */
import type { FastifyError } from 'fastify';
import pLimit from 'p-limit';
import { requireBearer } from '../../shared/platform/bearer.ts';
import { type HttpServer, makeHttpServer } from '../../shared/platform/http-server.ts';
import { registerOpenApi } from '../../shared/platform/openapi.ts';
import { verificationKey } from '../../shared/tokens/keys.ts';
import { makeAskWorker } from './ask-worker.ts';
import { makeAudiences } from './demand/audiences.ts';
import { makeDemandElsewhere } from './demand/demand-elsewhere.ts';
import { makeExportDemand } from './demand/export.ts';
import { makeImportDemand } from './demand/import.ts';
import { makeRecentDemand } from './demand/recent-demand.ts';
import type { ControlDeps } from './deps.ts';
import { makeFills } from './fills/fills.ts';
import { makePreviews } from './fills/previews.ts';
import { makeAppliances } from './fleet/appliances.ts';
import { makeHeartbeat } from './fleet/heartbeat.ts';
import { makeGetInventory } from './fleet/inventory.ts';
import { makeRegions } from './fleet/regions.ts';
import { makeRevocations } from './fleet/revocations.ts';
import { makeTakeTelemetry } from './fleet/telemetry.ts';
import { makeAsOutage } from './outage.ts';
import { makeGetContentKeys } from './playback/content-keys.ts';
import { makeStartPlayback } from './playback/playback.ts';
import { makeReports } from './reports/reports.ts';
import { applianceRoutes } from './routes/appliances.ts';
import { demandRoutes } from './routes/demand.ts';
import { fillRoutes } from './routes/fills.ts';
import { internalRoutes } from './routes/internal.ts';
import { playbackRoutes } from './routes/playback.ts';
import { regionRoutes } from './routes/regions.ts';
import { reportRoutes } from './routes/reports.ts';
import { revocationRoutes } from './routes/revocations.ts';
import { systemRoutes } from './routes/system.ts';
import { makeRebuild } from './status/rebuild.ts';
import { makeReadStatus } from './status/status.ts';

const tags = [
  { name: 'playback', description: 'Signed URLs on the nearest appliance.' },
  { name: 'regions', description: 'Where viewers are, when and how much may be filled.' },
  { name: 'appliances', description: 'Nodes near viewers that store and serve.' },
  { name: 'demand', description: 'What was watched.' },
  { name: 'fills', description: 'Forecasts, plans and their execution.' },
  { name: 'reports', description: 'What fills did, and how right the forecast was.' },
  { name: 'system', description: 'What runs.' },
];

export async function makeControlApp(deps: ControlDeps): Promise<HttpServer> {
  const { settings, fleet, demandLog } = deps;
  const [signingKey] = settings.signingKeys;
  if (!signingKey) throw new Error('Control needs a key that signs playback tokens.');

  const server = makeHttpServer({
    logger: deps.logger,
    metrics: deps.metrics,
    readiness: deps.checks,
    trustProxy: settings.trustProxy,
  });
  await registerOpenApi(server, tags);

  const asOutage = makeAsOutage(deps.checks);
  const ask = makeAskWorker(deps.jobs);
  const fleetDeps = { ...deps, alone: pLimit(1), fleetSecret: settings.fleetSecret };
  await server.register(async (api: HttpServer) => {
    // What a scope's handler throws is answered by the server's own.
    api.setErrorHandler<FastifyError>(async (error) => {
      throw await asOutage(error);
    });
    api.addHook('onRequest', requireBearer(settings.apiKey, 'Send NIGHTFILL_API_KEY as Authorization: Bearer <key>.'));
    regionRoutes(api, makeRegions(fleetDeps));
    applianceRoutes(api, makeAppliances(fleetDeps), makeGetInventory(deps));
    playbackRoutes(
      api,
      makeStartPlayback({
        ...deps,
        signingKey,
        defaultTtlMs: settings.playbackTtlMs,
        defaultRegion: settings.defaultRegion,
      }),
      deps.metrics,
    );
    revocationRoutes(api, makeRevocations(fleetDeps));
    fillRoutes(api, makeFills({ ...deps, planLeadMs: settings.planLeadMs }), makePreviews({ ...deps, ask }));
    reportRoutes(api, makeReports({ ...deps, ask }));
    systemRoutes(api, {
      readStatus: makeReadStatus(deps),
      rebuild: makeRebuild({ ...deps, planLeadMs: settings.planLeadMs }),
    });
    await api.register((scope: HttpServer) =>
      demandRoutes(scope, { importDemand: makeImportDemand(deps), exportDemand: makeExportDemand(deps) }),
    );
  });
  const recent = makeRecentDemand(deps.clock);
  await server.register(async (internal: HttpServer) => {
    internal.setErrorHandler<FastifyError>(async (error) => {
      throw await asOutage(error);
    });
    await internalRoutes(internal, {
      fleetSecret: settings.fleetSecret,
      heartbeat: makeHeartbeat({
        ...deps,
        fleetSecret: settings.fleetSecret,
        tokenKeys: settings.signingKeys.map(verificationKey),
      }),
      takeTelemetry: makeTakeTelemetry({ fleet, demandLog, recent }),
      demandElsewhere: makeDemandElsewhere({ ...deps, recent, audienceOf: makeAudiences(deps) }),
      getContentKeys: makeGetContentKeys({ ...deps, contentSecrets: settings.contentSecrets }),
    });
  });
  return server;
}
