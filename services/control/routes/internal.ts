import type { FastifyRequest } from 'fastify';
import type { TelemetryBatch } from '../../../shared/domain/demand.ts';
import { bearerOf } from '../../../shared/platform/bearer.ts';
import type { HttpServer } from '../../../shared/platform/http-server.ts';
import { Problem } from '../../../shared/platform/problem.ts';
import { applianceOfBearer } from '../../../shared/tokens/credentials.ts';
import type { GetDemandElsewhere } from '../demand/demand-elsewhere.ts';
import type { Heartbeat as RunHeartbeat } from '../fleet/heartbeat.ts';
import type { TakeTelemetry } from '../fleet/telemetry.ts';
import type { GetContentKeys } from '../playback/content-keys.ts';
import { Empty } from '../schemas/common.ts';
import { ContentKeysRequestSchema, DemandElsewhereRequest, Heartbeat, TelemetrySchema } from '../schemas/internal.ts';

export interface InternalDeps {
  readonly fleetSecret: string;
  readonly heartbeat: RunHeartbeat;
  readonly takeTelemetry: TakeTelemetry;
  readonly getContentKeys: GetContentKeys;
  readonly demandElsewhere: GetDemandElsewhere;
}

/** Ways of appliances only (docs/internal-api.md); no part of the public API, and the console never passes them on. */
export async function internalRoutes(server: HttpServer, deps: InternalDeps): Promise<void> {
  server.addHook('preValidation', async (request) => {
    const id = applianceOf(request, deps.fleetSecret);
    const body = request.body as Partial<TelemetryBatch> | null;
    if (body?.applianceId !== id) {
      throw new Problem('forbidden', `The credential of ${id} speaks for ${id} only (applianceId).`);
    }
  });

  server.post('/internal/v1/heartbeat', { schema: { hide: true, body: Heartbeat } }, async ({ body }) =>
    deps.heartbeat(body),
  );

  server.post(
    '/internal/v1/telemetry',
    { bodyLimit: 32 * 1024 * 1024, schema: { hide: true, body: TelemetrySchema, response: { 204: Empty } } },
    async ({ body }, reply) => {
      await deps.takeTelemetry(body);
      return reply.code(204).send(null);
    },
  );

  server.post(
    '/internal/v1/demand-elsewhere',
    { schema: { hide: true, body: DemandElsewhereRequest } },
    async ({ body }) => deps.demandElsewhere(body.applianceId, body.afterMs),
  );

  server.post(
    '/internal/v1/content-keys',
    { schema: { hide: true, body: ContentKeysRequestSchema } },
    async ({ body }, reply) => reply.header('cache-control', 'no-store').send(await deps.getContentKeys(body)),
  );
}

function applianceOf(request: FastifyRequest, fleetSecret: string): string {
  const id = applianceOfBearer(fleetSecret, bearerOf(request) ?? '');
  if (id) return id;
  throw new Problem('unauthorized', 'An appliance speaks to control with `<id>.<credential>` as its bearer.', {
    headers: { 'www-authenticate': 'Bearer realm="nightfill-internal"' },
  });
}
