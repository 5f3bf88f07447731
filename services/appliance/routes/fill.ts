import type { FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { requireBearer } from '../../../shared/platform/bearer.ts';
import type { HttpServer } from '../../../shared/platform/http-server.ts';
import { Problem } from '../../../shared/platform/problem.ts';
import type { DeleteObjects } from '../delete-objects.ts';
import { bodyOf } from '../fill-body.ts';
import type { FillObject } from '../fill-object.ts';
import type { ApplyPlan } from '../fill-plan.ts';
import { credentialMend, type FillGateDeps, makeFillGate, readFillKey, readFillRequest } from '../put-object.ts';
import type { TakeObject } from '../take-object.ts';

export interface FillRouteDeps extends FillGateDeps {
  readonly fillObject: FillObject;
  readonly applyPlan: ApplyPlan;
  readonly takeObject: TakeObject;
  readonly deleteObjects: DeleteObjects;
  /** Asks control for orders; false when it cannot be reached. */
  readonly beat: () => Promise<boolean>;
}

/** A plan of a large appliance names hundreds of thousands of keys. */
const maxPlanBytes = 128 * 1024 * 1024;
const keys = Type.Array(Type.String());
const plan = Type.Object({ pinned: keys, unpinned: Type.Optional(keys), evict: keys });

const take = Type.Object({
  sizeBytes: Type.Integer({ minimum: 0 }),
  sha256: Type.String({ pattern: '^[0-9a-f]{64}$' }),
  offset: Type.Optional(Type.Integer({ minimum: 0 })),
  objectBytes: Type.Optional(Type.Integer({ minimum: 0 })),
  from: Type.Object({
    applianceId: Type.String(),
    url: Type.String({ pattern: '^https?://' }),
    credential: Type.String(),
  }),
});

/** The fill API of docs/internal-api.md, for control and the fill worker. */
export function registerFill(server: HttpServer, deps: FillRouteDeps): void {
  const { credential, fillObject, takeObject, applyPlan, deleteObjects, beat } = deps;
  const authorise = requireBearer(credential, credentialMend);
  const mayFill = makeFillGate(deps);
  const onRequest = (request: FastifyRequest): Promise<void> => mayFill(request);

  server.post('/fill/plan', { onRequest, bodyLimit: maxPlanBytes, schema: { hide: true, body: plan } }, (request) =>
    applyPlan(request.body),
  );

  server.post('/fill/beat', { onRequest: authorise, schema: { hide: true } }, async (_request, reply) => {
    if (!(await beat())) throw new Problem('upstream-failed', 'Control could not be reached for orders.');
    return reply.code(204).send();
  });

  server.post('/fill/take/*', { onRequest, schema: { hide: true, body: take } }, async (request, reply) => {
    const outcome = await takeObject({ ...request.body, key: readFillKey(wildcard(request)) });
    return reply.code(outcome === 'stored' ? 201 : 200).send();
  });

  server.delete('/objects/*', { onRequest, schema: { hide: true } }, async (request) => ({
    freedBytes: await deleteObjects(wildcard(request)),
  }));

  server.route({
    method: 'HEAD',
    url: '/fill/objects/*',
    onRequest,
    schema: { hide: true },
    handler: async (request, reply) => {
      const offset = await fillObject.heldFromStart(readFillKey(wildcard(request)));
      if (offset === null) throw new Problem('not-found', 'Nothing of this object is held.');
      return reply.header('upload-offset', offset).header('cache-control', 'no-store').send();
    },
  });

  // In a scope of its own: here, whatever its content type, a body is bytes and is not parsed.
  server.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', (_request, _payload, done) => done(null));
    scope.put('/fill/objects/*', { onRequest, schema: { hide: true } }, async (request, reply) => {
      const outcome = await fillObject.put(
        readFillRequest(wildcard(request), (name) => request.headers[name], bodyOf(request.raw)),
      );
      return reply.code(outcome === 'stored' ? 201 : 200).send();
    });
  });
}

const wildcard = (request: FastifyRequest): string => (request.params as { readonly '*': string })['*'];
