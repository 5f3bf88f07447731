/**
 * Media: every request is checked, answered from the nearest place that holds the bytes, and counted.
 *
 * Here are the checks and the counting: who asks, for what, and whether they may. What they get is media-answer.ts's.
 * Written so that an answer from memory to a session that is known needs neither a promise nor a turn of the event loop;
 * see docs/decisions/0027.
 */
import type { ApplianceOrders } from '../../shared/domain/fleet.ts';
import { growingName, manifestName, type ObjectKey } from '../../shared/domain/keys.ts';
import { bearerOf } from '../../shared/platform/bearer.ts';
import type { Logger } from '../../shared/platform/logger.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import type { Admission, Admit } from './admit.ts';
import { andThen } from './and-then.ts';
import type { CallerOf } from './caller.ts';
import { makeEntrances } from './entrances.ts';
import type { Exchange } from './exchange.ts';
import { loopToken } from './http-source.ts';
import { isKeyOf, isLicenceTarget, type KeyAnswerDeps, makeKeyAnswer } from './key-answer.ts';
import type { Version } from './manifest-shape.ts';
import { type Answer, type Asked, type MediaAnswerDeps, makeMediaAnswer } from './media-answer.ts';
import { allowHeader } from './media-headers.ts';
import { cookieOf, parseMediaUrl } from './media-url.ts';
import type { ReadAhead } from './pulling/read-ahead.ts';
import { Refusal, refuseToken } from './refusals.ts';
import { renewedCookie } from './renewed-cookie.ts';
import { sendRefusal } from './send-refusal.ts';
import type { Tombstones } from './tombstones.ts';
import type { Versions } from './versions.ts';
import { countVisit, openVisit, type Visit, type VisitDeps } from './visit.ts';

export interface MediaDeps extends MediaAnswerDeps, KeyAnswerDeps, VisitDeps {
  readonly orders: () => ApplianceOrders | null;
  readonly admit: Admit;
  readonly callerOf: CallerOf;
  readonly versions: Versions;
  readonly tombstones: Tombstones;
  readonly readAhead: ReadAhead;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Changes whenever tokens that were good may no longer be. */
  readonly tokenGeneration: () => number;
  readonly maxOpenRequests: number;
}

/** Whether a request target is one that `makeMedia` answers. */
export const isMediaTarget = (target: string): boolean => target.startsWith('/t/') || target.startsWith('/v/');

export function makeMedia(deps: MediaDeps): (exchange: Exchange) => void {
  const { applianceId, traffic, versions, tombstones, orders, guard, readAhead, maxOpenRequests } = deps;
  const answerMedia = makeMediaAnswer(deps);
  const answerKey = makeKeyAnswer(deps);
  const answerFrom = (asked: Asked, version: Version): Answer => {
    if (isKeyOf(version, asked.url.key.path)) return answerKey(asked, version);
    if (asked.exchange.method === 'POST') throw new Refusal('not-found', 'not-found', 'The version has no keys.');
    return answerMedia(asked, version);
  };
  const entrances = makeEntrances(deps.clock, () => deps.tokenGeneration() + tombstones.generation);

  function handle(exchange: Exchange): void {
    if (exchange.method === 'OPTIONS') {
      exchange.send(204, [deps.cors.preflight(exchange, isLicenceTarget(exchange.target))], null);
      return;
    }
    const visit = openVisit();
    traffic.opened();
    exchange.onLeaving = () => visit.leave?.();
    exchange.onDone = (sentBytes) => {
      traffic.closed();
      visit.isOver = true;
      visit.leave?.();
      if (visit.isWatched) deps.slowReaders.forget(exchange);
      if (visit.reader !== null && readAhead.isWatching && sentBytes !== Number.POSITIVE_INFINITY)
        readAhead.left(visit.reader);
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
    const isLicence = exchange.method === 'POST' && isLicenceTarget(exchange.target);
    if (exchange.method !== 'GET' && exchange.method !== 'HEAD' && !isLicence)
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
      visit.key = url.name;
      guard.session(session, ip);
      const asked: Asked = { exchange, visit, startedMs, url, session, onlyIfCached, loop, isPrivate: false };
      return answerFrom(asked, version);
    }
    const url = parseMediaUrl(exchange.target);
    if (!url) throw new Refusal('bad-request', 'invalid-request', 'This is no address of media.');
    const { key, name } = url;
    visit.assetId = key.assetId;
    visit.key = name;
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
      // Behind a bearer or a cookie the address alone does not say who asks, nor does it for a token bound to a caller.
      const isPrivate = url.token === null || admitted.kind !== 'viewer' || admitted.isBound;
      const asked: Asked = { exchange, visit, startedMs, url, session, onlyIfCached, loop, isPrivate };
      return andThen(findVersion(asked), (version) => {
        if (admitted.kind !== 'viewer' || session === null) return answerFrom(asked, version);
        guard.session(session, ip);
        // What grows will be another version.
        if (!isPrivate && authorization === undefined && !version.growing)
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
    if (traffic.openRequests > maxOpenRequests && !deps.slowReaders.giveUp())
      throw new Refusal('overloaded', 'overloaded', 'Too many viewers at once.', { 'retry-after': '2' });
    return current;
  }

  function enter(admission: Admission, key: ObjectKey, visit: Visit): string | null {
    if (admission.kind === 'denied') throw refuseToken(admission.outcome, admission.detail);
    visit.client = admission.kind;
    if (admission.kind === 'viewer' && (key.path === manifestName || key.path === growingName))
      throw new Refusal('not-found', 'not-found', 'The manifest is not for players.');
    if (tombstones.has(key)) throw new Refusal('version-gone', 'version-gone', 'This version was deleted.');
    return admission.kind === 'viewer' ? admission.sessionId : null;
  }

  function findVersion({ url: { key }, onlyIfCached, loop }: Asked): Version | Promise<Version> {
    const known = versions.peek(key);
    if (known) return known;
    if (!onlyIfCached) return versions.load(key, loop);
    return versions.held(key).then((kept) => {
      // Whether it has grown since, only those must say who can know.
      const held = kept ?? (key.path === growingName ? null : versions.peekGrowing(key));
      if (!held) throw new Refusal('not-found', 'not-held', 'Only held content was asked for, and this is not held.');
      return held;
    });
  }

  return handle;
}
