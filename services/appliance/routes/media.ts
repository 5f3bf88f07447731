import { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Outcome } from '../../../shared/domain/demand.ts';
import type { ApplianceOrders } from '../../../shared/domain/fleet.ts';
import { type ConditionalAnswer, etagOf, evaluateConditions } from '../../../shared/domain/http/conditional.ts';
import { formatDigest } from '../../../shared/domain/http/digest.ts';
import { formatContentRange } from '../../../shared/domain/http/range.ts';
import { contentTypeOf, manifestName, type ObjectKey } from '../../../shared/domain/keys.ts';
import type { ManifestFile } from '../../../shared/domain/manifest.ts';
import { bearerOf } from '../../../shared/platform/bearer.ts';
import type { HttpServer } from '../../../shared/platform/http-server.ts';
import type { Admit } from '../admit.ts';
import { loopToken } from '../http-source.ts';
import type { Version } from '../manifest-shape.ts';
import { cacheStatus, contentHeaders, corsHeaders, preflightHeaders, representationHeaders } from '../media-headers.ts';
import { cookieOf, parseMediaUrl } from '../media-url.ts';
import { Refusal, refusePull, refuseToken } from '../refusals.ts';
import type { ServedPart, ServeRange, Serving } from '../serve-range.ts';
import type { Telemetry } from '../telemetry.ts';
import type { Tombstones } from '../tombstones.ts';
import type { Traffic } from '../traffic.ts';
import type { Versions } from '../versions.ts';
import { openVisit, type Visit } from '../visit.ts';

export interface MediaDeps {
  readonly applianceId: string;
  readonly orders: () => ApplianceOrders | null;
  readonly admit: Admit;
  readonly versions: Versions;
  readonly tombstones: Tombstones;
  readonly serveRange: ServeRange;
  readonly telemetry: Telemetry;
  readonly traffic: Traffic;
  readonly maxOpenRequests: number;
}

export function registerMedia(server: HttpServer, deps: MediaDeps): void {
  server.register(async (scope) => {
    scope.addHook('onRequest', async (_request, reply) => {
      reply.headers(corsHeaders);
    });
    for (const url of ['/v/*', '/t/*']) {
      scope.route({
        method: ['GET', 'HEAD'],
        url,
        exposeHeadRoute: false,
        schema: { hide: true },
        handler: async (request, reply) => {
          const visit = openVisit(deps, request, reply);
          try {
            return await answer(deps, request, reply, visit);
          } catch (error) {
            const refusal = refusePull(error);
            visit.outcome = refusal instanceof Refusal ? refusal.outcome : 'upstream-failed';
            reply.headers({
              'cache-control': 'no-store',
              'cache-status': cacheStatus(deps.applianceId, visit.outcome),
            });
            throw refusal;
          }
        },
      });
      scope.options(url, { schema: { hide: true } }, async (_request, reply) =>
        reply.code(204).headers(preflightHeaders).send(),
      );
    }
  });
}

async function answer(deps: MediaDeps, request: FastifyRequest, reply: FastifyReply, visit: Visit) {
  const startedMs = performance.now();
  const orders = readyOrders(deps);
  const { key, session } = await authorise(deps, request, visit, orders);
  const loop = header(request, 'cdn-loop');
  if (loop?.includes(loopToken(deps.applianceId)))
    throw new Refusal('upstream-failed', 'upstream-failed', 'The request came round in a circle (CDN-Loop).');
  const onlyIfCached = /(?:^|,)\s*only-if-cached\s*(?:,|$)/i.test(header(request, 'cache-control') ?? '');
  const version = await findVersion(deps, key, onlyIfCached, loop);
  visit.counts = true;
  if (key.path === manifestName) return sendManifest(deps, reply, visit, version);
  const file = version.files.get(key.path);
  if (!file) throw new Refusal('not-found', 'not-found', 'The version has no such file.');

  const verdict = evaluate(request, file, version);
  if (verdict.kind === 'unsatisfiable') {
    const headers = { 'content-range': formatContentRange(null, file.sizeBytes) };
    throw new Refusal('range-not-satisfiable', 'range-not-satisfiable', 'The range lies outside the file.', headers);
  }
  const finish = (status: number, outcome: Outcome): FastifyReply => {
    visit.outcome = outcome;
    const tookMs = performance.now() - startedMs;
    deps.traffic.firstByte(outcome, tookMs / 1_000);
    return reply
      .code(status)
      .headers(representationHeaders(file, version))
      .header('cache-status', cacheStatus(deps.applianceId, outcome))
      .header('server-timing', `cache;desc="${outcome}";dur=${tookMs.toFixed(1)}`);
  };
  if (verdict.kind === 'not-modified') return finish(304, 'not-modified').send();
  const range = verdict.kind === 'partial' ? verdict.range : null;
  if (request.method === 'HEAD') return finish(200, 'hit-memory').headers(contentHeaders(file, null)).send();

  const serving = await deps.serveRange({ key, file, range, onlyIfCached, loop });
  visit.view = beginsPlayback(deps, session, file, version);
  finish(range ? 206 : 200, serving.first.outcome).headers(contentHeaders(file, range));
  if (visit.client === 'appliance' && !range) reply.header('repr-digest', formatDigest(file.sha256));
  return reply.send(bodyOf(deps, serving, visit));
}

function readyOrders({ orders, traffic, maxOpenRequests }: MediaDeps): ApplianceOrders {
  const current = orders();
  if (!current || current.mode === 'disabled') {
    const why = current ? 'This appliance is disabled.' : 'This appliance has not heard from control yet.';
    throw new Refusal('overloaded', 'not-ready', why, { 'retry-after': '2' });
  }
  if (traffic.openRequests > maxOpenRequests)
    throw new Refusal('overloaded', 'overloaded', 'Too many viewers at once.', { 'retry-after': '2' });
  return current;
}

interface Authorised {
  readonly key: ObjectKey;
  /** Token id; null for another appliance. */
  readonly session: string | null;
}

async function authorise(
  deps: MediaDeps,
  request: FastifyRequest,
  visit: Visit,
  orders: ApplianceOrders,
): Promise<Authorised> {
  const url = parseMediaUrl(request.raw.url ?? '');
  if (!url) throw new Refusal('bad-request', 'invalid-request', 'This is no address of media.');
  const { key } = url;
  visit.assetId = key.assetId;
  visit.counts = deps.versions.peek(key) !== null;
  const admission = await deps.admit(
    {
      token: url.token ?? cookieOf(request.headers.cookie, 'nf_token'),
      bearer: bearerOf(request),
      uri: `${request.protocol}://${authorityOf(request)}/v/${key.assetId}/${key.version}/${key.path}`,
    },
    orders,
  );
  if (admission.kind === 'denied') throw refuseToken(admission.outcome, admission.detail);
  visit.client = admission.kind;
  if (admission.kind === 'viewer' && key.path === manifestName)
    throw new Refusal('not-found', 'not-found', 'The manifest is not for players.');
  if (deps.tombstones.has(key)) throw new Refusal('version-gone', 'version-gone', 'This version was deleted.');
  return { key, session: admission.kind === 'viewer' ? admission.sessionId : null };
}

/** The host is the caller's word: one that is no authority must not reach into the path that a token is matched with. */
const authorityOf = (request: FastifyRequest): string =>
  /^[\w.:[\]-]+$/.test(request.host) ? request.host : 'invalid';

async function findVersion(
  { versions }: MediaDeps,
  key: ObjectKey,
  onlyIfCached: boolean,
  loop: string | undefined,
): Promise<Version> {
  if (!onlyIfCached) return versions.load(key, loop);
  const held = await versions.held(key);
  if (!held) throw new Refusal('not-found', 'not-held', 'Only held content was asked for, and this is not held.');
  return held;
}

/** For appliances only, so that they can check what they pull. */
function sendManifest(deps: MediaDeps, reply: FastifyReply, visit: Visit, { bytes, sha256 }: Version): FastifyReply {
  visit.outcome = 'hit-memory';
  visit.parts.push({ outcome: 'hit-memory', bytes: bytes.length });
  return reply
    .headers({ etag: etagOf(sha256), 'repr-digest': formatDigest(sha256) })
    .header('cache-status', cacheStatus(deps.applianceId, 'hit-memory'))
    .type(contentTypeOf(manifestName))
    .send(bytes);
}

const header = (request: FastifyRequest, name: string): string | undefined => {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(', ') : value;
};

function evaluate(request: FastifyRequest, file: ManifestFile, version: Version): ConditionalAnswer {
  const conditions = {
    range: request.method === 'GET' ? header(request, 'range') : undefined,
    ifRange: header(request, 'if-range'),
    ifNoneMatch: header(request, 'if-none-match'),
    ifModifiedSince: header(request, 'if-modified-since'),
  };
  const validators = { etag: etagOf(file.sha256), lastModifiedMs: version.createdAtMs };
  return evaluateConditions(conditions, validators, file.sizeBytes);
}

/** One playback is counted once: see docs/decisions/0024. */
function beginsPlayback(deps: MediaDeps, session: string | null, file: ManifestFile, version: Version): boolean {
  if (session === null || (file.role !== 'segment' && file.role !== 'media')) return false;
  if (file.rendition === null || !version.leadRenditions.has(file.rendition)) return false;
  // A token without id cannot tell sessions apart; its beginning at the first segment must do.
  if (session === '') return file.index === 0 || file.role === 'media';
  return deps.telemetry.isNewSession(session, version.manifest.assetId);
}

/** The single slice as it is; several one after another, each read when the one before is on its way. */
function bodyOf(deps: MediaDeps, serving: Serving, visit: Visit): Buffer | Readable {
  const note = ({ bytes, outcome }: ServedPart): Buffer => {
    visit.parts.push({ outcome, bytes: bytes.length });
    return bytes;
  };
  const { first, rest } = serving;
  if (!rest) return note(first);
  async function* parts(): AsyncGenerator<Buffer> {
    yield note(first);
    try {
      for await (const part of (rest as NonNullable<typeof rest>)()) yield note(part);
    } catch (error) {
      deps.traffic.cut();
      throw error;
    }
  }
  return Readable.from(parts(), { objectMode: true, highWaterMark: 1 });
}
