/**
 * Media: every request is checked, answered from the nearest place that holds the bytes, and counted.
 *
 * Written so that an answer from memory to a session that is known needs neither a promise nor a turn of the event loop;
 * see docs/decisions/0027.
 */
import { randomBytes } from 'node:crypto';
import type { Outcome } from '../../shared/domain/demand.ts';
import type { ApplianceOrders } from '../../shared/domain/fleet.ts';
import { etagOf, evaluateConditions } from '../../shared/domain/http/conditional.ts';
import { formatDigest } from '../../shared/domain/http/digest.ts';
import { type ByteRange, formatContentRange } from '../../shared/domain/http/range.ts';
import { contentTypeOf, manifestName, type ObjectKey } from '../../shared/domain/keys.ts';
import type { ManifestFile } from '../../shared/domain/manifest.ts';
import { bearerOf } from '../../shared/platform/bearer.ts';
import type { Logger } from '../../shared/platform/logger.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import type { Admission, Admit } from './admit.ts';
import { andThen } from './and-then.ts';
import type { CallerOf } from './caller.ts';
import { makeEntrances } from './entrances.ts';
import { type BodyPart, type Exchange, type HeaderBlock, headerBlock } from './exchange.ts';
import { type FileView, partialHeaders, type Representation, viewOf } from './file-view.ts';
import type { Guard } from './guard.ts';
import { acceptsGzip, type GzipTable } from './gzip-table.ts';
import { loopToken } from './http-source.ts';
import type { Version } from './manifest-shape.ts';
import { allowHeader, corsHeaders, makeOutcomeHeaders, preflightHeaders } from './media-headers.ts';
import { cookieOf, type MediaUrl, parseMediaUrl } from './media-url.ts';
import { framed, makeMultipart } from './multipart.ts';
import { Refusal, refuseToken } from './refusals.ts';
import { renewedCookie } from './renewed-cookie.ts';
import { sendRefusal } from './send-refusal.ts';
import type { ServeRange, Serving } from './serve-range.ts';
import type { Telemetry } from './telemetry.ts';
import type { Tombstones } from './tombstones.ts';
import type { Traffic } from './traffic.ts';
import type { Versions } from './versions.ts';
import { countVisit, openVisit, type Visit } from './visit.ts';

export interface MediaDeps {
  readonly applianceId: string;
  readonly orders: () => ApplianceOrders | null;
  readonly admit: Admit;
  readonly callerOf: CallerOf;
  readonly guard: Guard;
  readonly versions: Versions;
  readonly tombstones: Tombstones;
  readonly serveRange: ServeRange;
  readonly gzip: GzipTable;
  readonly telemetry: Telemetry;
  readonly traffic: Traffic;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Changes whenever tokens that were good may no longer be. */
  readonly tokenGeneration: () => number;
  readonly maxOpenRequests: number;
}

/** Whether a request target is one that `makeMedia` answers. */
export const isMediaTarget = (target: string): boolean => target.startsWith('/t/') || target.startsWith('/v/');

/** What is known of a request once it was admitted. */
interface Asked {
  readonly exchange: Exchange;
  readonly visit: Visit;
  readonly startedMs: number;
  readonly url: MediaUrl;
  /** Token id; null for another appliance. */
  readonly session: string | null;
  readonly onlyIfCached: boolean;
  readonly loop: string | undefined;
  /** A fresh token, for viewers whose token comes by cookie. */
  readonly cookie?: HeaderBlock;
}

/** Said by whoever gave the answer, so that no way ends without one. */
type Sent = 'sent';
type Answer = Sent | Promise<Sent>;

export function makeMedia(deps: MediaDeps): (exchange: Exchange) => void {
  const { applianceId, traffic, versions, tombstones, orders, guard, maxOpenRequests } = deps;
  const outcomeHeaders = makeOutcomeHeaders(applianceId);
  const entrances = makeEntrances(deps.clock, () => deps.tokenGeneration() + tombstones.generation);

  function handle(exchange: Exchange): void {
    if (exchange.method === 'OPTIONS') {
      exchange.send(204, [preflightHeaders], null);
      return;
    }
    const visit = openVisit();
    traffic.opened();
    exchange.onDone = (sentBytes) => {
      traffic.closed();
      visit.isOver = true;
      if (visit.held) guard.drop(visit.held);
      visit.release?.();
      countVisit(deps, visit, sentBytes);
    };
    const fail = (error: unknown) => sendRefusal(deps, exchange, visit, error);
    try {
      const pending = answer(exchange, visit);
      if (pending instanceof Promise) pending.catch(fail);
    } catch (error) {
      fail(error);
    }
  }

  function answer(exchange: Exchange, visit: Visit): Answer {
    if (exchange.method !== 'GET' && exchange.method !== 'HEAD')
      throw new Refusal('bad-request', 'method-not-allowed', 'Media is read with GET and HEAD.', allowHeader);
    const startedMs = performance.now();
    const current = readyOrders();
    const { origin, ip } = deps.callerOf(exchange);
    guard.caller(ip);
    const authorization = exchange.header('authorization');
    const loop = exchange.header('cdn-loop');
    const onlyIfCached = /(?:^|,)\s*only-if-cached\s*(?:,|$)/i.test(exchange.header('cache-control') ?? '');
    if (loop?.includes(loopToken(applianceId)))
      throw new Refusal('upstream-failed', 'upstream-failed', 'The request came round in a circle (CDN-Loop).');
    const known = authorization === undefined ? entrances.find(exchange.target, origin) : null;
    if (known) {
      const { url, session, version } = known;
      visit.assetId = url.key.assetId;
      guard.session(session, ip);
      return answerFrom({ exchange, visit, startedMs, url, session, onlyIfCached, loop }, version);
    }
    const url = parseMediaUrl(exchange.target);
    if (!url) throw new Refusal('bad-request', 'invalid-request', 'This is no address of media.');
    const { key, name } = url;
    visit.assetId = key.assetId;
    visit.counts = versions.peek(key) !== null;
    const madeAt = entrances.generation();
    const admission = deps.admit(
      {
        token: url.token ?? cookieOf(exchange.header('cookie'), 'nf_token'),
        bearer: authorization === undefined ? null : bearerOf({ headers: { authorization } }),
        uri: `${origin}/v/${name}`,
        ip,
      },
      current,
    );
    return andThen(admission, (admitted) => {
      const session = enter(admitted, key, visit);
      const asked: Asked = { exchange, visit, startedMs, url, session, onlyIfCached, loop };
      return andThen(findVersion(asked), (version) => {
        if (admitted.kind !== 'viewer' || session === null) return answerFrom(asked, version);
        guard.session(session, ip);
        // Behind a bearer or a cookie the address alone does not say who asks, nor does it for a token bound to a caller.
        if (url.token !== null && authorization === undefined && !admitted.isBound)
          entrances.remember(exchange.target, origin, { url, session, version }, admitted.expiresAtS, madeAt);
        const nowS = Math.floor(deps.clock.now() / 1_000);
        if (url.token !== null || !admitted.renewal?.isDue(nowS)) return answerFrom(asked, version);
        return renewedCookie(admitted.renewal, name, nowS, exchange.isSecure).then((cookie) =>
          answerFrom({ ...asked, cookie }, version),
        );
      });
    });
  }

  function readyOrders(): ApplianceOrders {
    const current = orders();
    if (!current || current.mode === 'disabled') {
      const why = current ? 'This appliance is disabled.' : 'This appliance has not heard from control yet.';
      throw new Refusal('overloaded', 'not-ready', why, { 'retry-after': '2' });
    }
    if (traffic.openRequests > maxOpenRequests)
      throw new Refusal('overloaded', 'overloaded', 'Too many viewers at once.', { 'retry-after': '2' });
    return current;
  }

  function enter(admission: Admission, key: ObjectKey, visit: Visit): string | null {
    if (admission.kind === 'denied') throw refuseToken(admission.outcome, admission.detail);
    visit.client = admission.kind;
    if (admission.kind === 'viewer' && key.path === manifestName)
      throw new Refusal('not-found', 'not-found', 'The manifest is not for players.');
    if (tombstones.has(key)) throw new Refusal('version-gone', 'version-gone', 'This version was deleted.');
    return admission.kind === 'viewer' ? admission.sessionId : null;
  }

  function findVersion({ url: { key }, onlyIfCached, loop }: Asked): Version | Promise<Version> {
    const known = versions.peek(key);
    if (known) return known;
    if (!onlyIfCached) return versions.load(key, loop);
    return versions.held(key).then((held) => {
      if (!held) throw new Refusal('not-found', 'not-held', 'Only held content was asked for, and this is not held.');
      return held;
    });
  }

  function answerFrom(asked: Asked, version: Version): Answer {
    const { exchange, visit, url } = asked;
    visit.counts = true;
    if (url.key.path === manifestName) return sendManifest(asked, version);
    const file = version.files.get(url.key.path);
    if (!file) throw new Refusal('not-found', 'not-found', 'The version has no such file.');
    const view = viewOf(file, version);
    // A range is one of the bytes as they were published: whoever asks for one gets those.
    const wantsGzip =
      view.gzip !== null &&
      visit.client === 'viewer' &&
      exchange.header('range') === undefined &&
      acceptsGzip(exchange.header('accept-encoding'));
    if (wantsGzip) return andThen(encoded(asked, view), (bytes) => answerWith(asked, version, view, bytes));
    return answerWith(asked, version, view, null);
  }

  /** `gzipped`: the body to send instead of the published bytes. */
  function answerWith(asked: Asked, version: Version, view: FileView, gzipped: Buffer | null): Answer {
    const { exchange, visit } = asked;
    const { file } = view;
    const representation = (gzipped && view.gzip) || view;
    const isGet = exchange.method === 'GET';
    const conditions = {
      range: isGet ? exchange.header('range') : undefined,
      ifRange: exchange.header('if-range'),
      ifNoneMatch: exchange.header('if-none-match'),
      ifModifiedSince: exchange.header('if-modified-since'),
    };
    const verdict = evaluateConditions(conditions, representation, file.sizeBytes);
    if (verdict.kind === 'unsatisfiable') {
      const headers = { 'content-range': formatContentRange(null, file.sizeBytes) };
      throw new Refusal('range-not-satisfiable', 'range-not-satisfiable', 'The range lies outside the file.', headers);
    }
    if (verdict.kind === 'not-modified') return finish(asked, 304, 'not-modified', representation, [], null);
    if (gzipped) {
      const head = headerBlock({
        'content-type': file.contentType,
        'content-encoding': 'gzip',
        'content-length': String(gzipped.length),
      });
      if (isGet) visit.parts.push({ outcome: 'hit-memory', bytes: gzipped.length });
      return finish(asked, 200, 'hit-memory', representation, [head], isGet ? gzipped : null);
    }
    if (!isGet) return finish(asked, 200, 'hit-memory', view, [view.whole], null);
    const ranges = rangesOf(verdict, file);
    return andThen(serve(asked, view, ranges), (serving) => {
      visit.view = beginsPlayback(asked.session, file, version);
      if (verdict.kind === 'several') return sendSeveral(asked, view, ranges, serving);
      const head = verdict.kind === 'partial' ? [partialHeaders(file, verdict.range)] : [view.whole];
      if (visit.client === 'appliance' && verdict.kind === 'whole')
        head.push(headerBlock({ 'repr-digest': formatDigest(file.sha256) }));
      const status = verdict.kind === 'whole' ? 200 : 206;
      const { first, rest } = serving;
      if (rest) return finish(asked, status, first.outcome, view, head, partsOf(visit, first, rest()));
      visit.parts.push({ outcome: first.outcome, bytes: first.bytes.length });
      visit.release = first.release;
      const body = first.release && !exchange.mayBorrow ? Buffer.from(first.bytes) : first.bytes;
      return finish(asked, status, first.outcome, view, head, body);
    });
  }

  function serve({ url, onlyIfCached, loop }: Asked, { slices }: FileView, ranges: readonly ByteRange[]) {
    return deps.serveRange({ assetId: url.key.assetId, key: url.name, slices, ranges, onlyIfCached, loop });
  }

  /** The gzip form of a playlist, made when it is first asked for; null where it would not be smaller. */
  function encoded(asked: Asked, view: FileView): Buffer | null | Promise<Buffer | null> {
    const { sha256 } = view.file;
    const known = deps.gzip.get(sha256);
    if (known !== undefined) return known;
    return andThen(serve(asked, view, rangesOf({ kind: 'whole' }, view.file)), async ({ first }) => {
      const made = await deps.gzip.make(sha256, first.bytes);
      first.release?.();
      return made;
    });
  }

  function finish(
    { exchange, visit, startedMs, cookie }: Asked,
    status: number,
    outcome: Outcome,
    { common }: Representation,
    head: readonly HeaderBlock[],
    body: Buffer | AsyncGenerator<BodyPart> | null,
  ): Sent {
    visit.outcome = outcome;
    const tookMs = performance.now() - startedMs;
    traffic.firstByte(outcome, tookMs / 1_000);
    const blocks = [common, ...head, outcomeHeaders(outcome, tookMs)];
    if (cookie) blocks.push(cookie);
    if (body === null || Buffer.isBuffer(body)) {
      exchange.send(status, blocks, body);
      if (body) hold(visit, body);
    } else exchange.stream(status, blocks, held(visit, body));
    return 'sent';
  }

  /** Most answers have left by now; what a client has not read yet is counted until it has. */
  function hold(visit: Visit, bytes: Buffer): void {
    if (visit.held) guard.drop(visit.held);
    visit.held = visit.isOver ? null : bytes;
    if (visit.held) guard.hold(bytes);
  }

  async function* held(visit: Visit, parts: AsyncGenerator<BodyPart>): AsyncGenerator<BodyPart> {
    for await (const part of parts) {
      hold(visit, part.bytes);
      yield part;
    }
  }

  /** For appliances only, so that they can check what they pull. */
  function sendManifest({ exchange, visit }: Asked, { bytes, sha256 }: Version): Sent {
    visit.outcome = 'hit-memory';
    visit.parts.push({ outcome: 'hit-memory', bytes: bytes.length });
    const fields = headerBlock({
      etag: etagOf(sha256),
      'repr-digest': formatDigest(sha256),
      'content-type': contentTypeOf(manifestName),
      'content-length': String(bytes.length),
    });
    const body = exchange.method === 'GET' ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length) : null;
    exchange.send(200, [fields, corsHeaders, outcomeHeaders('hit-memory', 0)], body);
    return 'sent';
  }

  function sendSeveral(asked: Asked, view: FileView, ranges: readonly ByteRange[], serving: Serving): Sent {
    const multipart = makeMultipart(view.file, ranges, randomBytes(18).toString('hex'));
    const { visit } = asked;
    async function* body(): AsyncGenerator<BodyPart> {
      for await (const part of guarded(framed(multipart, serving))) {
        // The heads of the parts are no bytes of the asset.
        if (part.outcome) visit.parts.push({ outcome: part.outcome, bytes: part.bytes.length });
        yield part;
      }
    }
    return finish(asked, 206, serving.first.outcome, view, [multipart.headers], body());
  }

  async function* partsOf(
    visit: Visit,
    first: Serving['first'],
    rest: AsyncGenerator<Serving['first']>,
  ): AsyncGenerator<BodyPart> {
    visit.parts.push({ outcome: first.outcome, bytes: first.bytes.length });
    yield first;
    for await (const part of guarded(rest)) {
      visit.parts.push({ outcome: part.outcome, bytes: part.bytes.length });
      yield part;
    }
  }

  async function* guarded<T>(parts: AsyncGenerator<T>): AsyncGenerator<T> {
    try {
      yield* parts;
    } catch (error) {
      traffic.cut();
      throw error;
    }
  }

  /** One playback is counted once: see docs/decisions/0024. */
  function beginsPlayback(session: string | null, file: ManifestFile, version: Version): boolean {
    if (session === null || (file.role !== 'segment' && file.role !== 'media')) return false;
    if (file.rendition === null || !version.leadRenditions.has(file.rendition)) return false;
    // A token without id cannot tell sessions apart; its beginning at the first segment must do.
    if (session === '') return file.index === 0 || file.role === 'media';
    return deps.telemetry.isNewSession(session, version.manifest.assetId);
  }

  return handle;
}

type Selected =
  | { readonly kind: 'whole' }
  | { readonly kind: 'partial'; readonly range: ByteRange }
  | { readonly kind: 'several'; readonly ranges: readonly ByteRange[] };

function rangesOf(verdict: Selected, { sizeBytes }: ManifestFile): readonly ByteRange[] {
  if (verdict.kind === 'several') return verdict.ranges;
  if (verdict.kind === 'partial') return [verdict.range];
  return sizeBytes === 0 ? [] : [{ start: 0, end: sizeBytes - 1 }];
}
