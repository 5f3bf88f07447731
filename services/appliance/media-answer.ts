/**
 * What a caller who was let in gets: conditions, ranges and encodings weighed, the bytes fetched, the answer sent.
 *
 * | asked for                | answer |
 * |--------------------------|--------|
 * | what the caller has      | 304 |
 * | a playlist, gzip taken   | 200, encoded, under a tag of its own |
 * | the whole                | 200 |
 * | one range, several       | 206, the several as `multipart/byteranges`; 416 where all lie outside |
 * | the manifest, or what a version is while it is being made | 200, to appliances |
 *
 * Sent at once where the first bytes lie in memory; see docs/decisions/0027.
 */
import type { Outcome } from '../../shared/domain/demand.ts';
import { etagOf, evaluateConditions } from '../../shared/domain/http/conditional.ts';
import { formatDigest } from '../../shared/domain/http/digest.ts';
import { type ByteRange, formatContentRange } from '../../shared/domain/http/range.ts';
import { contentTypeOf, growingName, manifestName } from '../../shared/domain/keys.ts';
import type { ManifestFile } from '../../shared/domain/manifest.ts';
import type { StoredBytes } from '../../shared/ports/segment-cache.ts';
import { andThen } from './and-then.ts';
import { beginsPlayback } from './begins-playback.ts';
import type { Cors } from './cors.ts';
import { type BodyPart, type Exchange, type HeaderBlock, headerBlock } from './exchange.ts';
import { type FileView, partialHeaders, type Representation, viewOf } from './file-view.ts';
import { acceptsGzip, type GzipTable } from './gzip-table.ts';
import type { Version } from './manifest-shape.ts';
import { type MediaBodyDeps, makeMediaBody } from './media-body.ts';
import { makeOutcomeHeaders } from './media-headers.ts';
import type { MediaUrl } from './media-url.ts';
import { Refusal } from './refusals.ts';
import { type ServedPart, type ServeRange, type ServeRequest, serveText } from './serve-range.ts';
import type { ServeStored } from './serve-stored.ts';
import type { SlowReaders } from './slow-readers.ts';
import type { Telemetry } from './telemetry.ts';
import { notePart, type Visit } from './visit.ts';
import { playPlaceOf } from './watched.ts';

export interface MediaAnswerDeps extends MediaBodyDeps {
  readonly applianceId: string;
  readonly serveRange: ServeRange;
  readonly serveStored: ServeStored;
  readonly gzip: GzipTable;
  readonly telemetry: Telemetry;
  readonly slowReaders: SlowReaders;
  readonly cors: Cors;
}

/** What is known of a request once it was admitted. */
export interface Asked {
  readonly exchange: Exchange;
  readonly visit: Visit;
  readonly startedMs: number;
  readonly url: MediaUrl;
  /** Token id; null for another appliance. */
  readonly session: string | null;
  readonly onlyIfCached: boolean;
  readonly loop: string | undefined;
  /** The address alone does not say who may have the answer: a cookie, a bearer or where the caller is says so too. */
  readonly isPrivate: boolean;
  /** A fresh token, for viewers whose token comes by cookie. */
  readonly cookie?: HeaderBlock;
}

/** Said by whoever gave the answer, so that no way ends without one. */
type Sent = 'sent';
export type Answer = Sent | Promise<Sent>;

/** @throws Refusal, PullError; nothing was sent then. */
export function makeMediaAnswer(deps: MediaAnswerDeps): (asked: Asked, version: Version) => Answer {
  const { traffic, telemetry, slowReaders, guard } = deps;
  const { hold, held, inSequence, inMultipart } = makeMediaBody(deps);
  const outcomeHeaders = makeOutcomeHeaders(deps.applianceId);

  function answerFrom(asked: Asked, version: Version): Answer {
    const { exchange, visit, url } = asked;
    visit.counts = true;
    if (url.key.path === (version.growing ? growingName : manifestName)) return sendDocument(asked, version);
    const file = version.files.get(url.key.path);
    if (!file) throw new Refusal('not-found', 'not-found', 'The version has no such file.');
    const view = viewOf(file, version);
    // A range is one of the bytes as they were published: whoever asks for one gets those.
    const wantsGzip =
      view.gzip !== null &&
      visit.client === 'viewer' &&
      exchange.header('range') === undefined &&
      acceptsGzip(exchange.header('accept-encoding'));
    if (wantsGzip) return andThen(encoded(asked, version, view), (bytes) => answerWith(asked, version, view, bytes));
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
      const [slice = null] = view.slices;
      if (isGet) notePart(visit, { outcome: 'hit-memory', bytes: gzipped, slice });
      return finish(asked, 200, 'hit-memory', representation, [head], isGet ? gzipped : null);
    }
    if (!isGet) return finish(asked, 200, 'hit-memory', view, [view.whole], null);
    const ranges = rangesOf(verdict, file);
    const begin = (): void => {
      visit.view = beginsPlayback(telemetry, asked.session, file, version);
      visit.place = playPlaceOf(file, version);
      visit.offset = ranges[0]?.start ?? 0;
    };
    const stored = storedFor(asked, version, view, ranges);
    if (stored) {
      begin();
      const { bytes, slice } = stored;
      visit.release = bytes.release;
      notePart(visit, { outcome: 'hit-disk', bytes, slice });
      const { status, head } = headOf(verdict, visit, view);
      return finish(asked, status, 'hit-disk', view, head, bytes);
    }
    return andThen(serve(asked, version, view, ranges), (serving) => {
      try {
        guard.answer(serving.first.bytes);
      } catch (error) {
        serving.first.release?.();
        throw error;
      }
      begin();
      if (verdict.kind === 'several') {
        const { headers, parts } = inMultipart(visit, file, ranges, serving);
        return finish(asked, 206, serving.first.outcome, view, [headers], parts, serving.first.how);
      }
      const { status, head } = headOf(verdict, visit, view);
      const { first, rest } = serving;
      if (rest) return finish(asked, status, first.outcome, view, head, inSequence(visit, first, rest()), first.how);
      notePart(visit, first);
      visit.release = first.release;
      const body = first.release && !exchange.mayBorrow ? Buffer.from(first.bytes) : first.bytes;
      return finish(asked, status, first.outcome, view, head, body, first.how);
    });
  }

  /** As a file to send, where the exchange takes one and the bytes lie in one; null otherwise. */
  function storedFor(asked: Asked, version: Version, view: FileView, ranges: readonly ByteRange[]) {
    const { exchange, visit, session } = asked;
    if (exchange.takesStored === 'none' || version.growing !== null) return null;
    visit.reader = session;
    const insteadOfMemory = exchange.takesStored === 'any';
    return deps.serveStored(requestOf(asked, version, view, ranges), { insteadOfMemory });
  }

  function serve(asked: Asked, version: Version, view: FileView, ranges: readonly ByteRange[]) {
    const text = version.growing?.texts.get(asked.url.key.path);
    if (text) return serveText(text, ranges);
    asked.visit.reader = asked.session;
    return deps.serveRange(requestOf(asked, version, view, ranges));
  }

  /** The gzip form of a playlist, made when it is first asked for; null where it would not be smaller. */
  function encoded(asked: Asked, version: Version, view: FileView): Buffer | null | Promise<Buffer | null> {
    const { sha256 } = view.file;
    const known = deps.gzip.get(sha256);
    if (known !== undefined) return known;
    return andThen(serve(asked, version, view, rangesOf({ kind: 'whole' }, view.file)), async ({ first }) => {
      const made = await deps.gzip.make(sha256, first.bytes);
      first.release?.();
      return made;
    });
  }

  function finish(
    { exchange, visit, startedMs, isPrivate, cookie }: Asked,
    status: number,
    outcome: Outcome,
    { common, commonPrivate }: Representation,
    head: readonly HeaderBlock[],
    body: Buffer | StoredBytes | AsyncGenerator<BodyPart> | null,
    how?: ServedPart['how'],
  ): Sent {
    visit.outcome = outcome;
    const tookMs = performance.now() - startedMs;
    traffic.firstByte(outcome, tookMs / 1_000);
    const cors = deps.cors.headers(exchange);
    const blocks = [isPrivate ? commonPrivate : common, cors, ...head, outcomeHeaders(outcome, tookMs, how)];
    if (cookie) blocks.push(cookie);
    if (body === null || Buffer.isBuffer(body)) {
      exchange.send(status, blocks, body);
      if (body) hold(visit, body);
    } else if ('isFresh' in body) exchange.sendStored(status, blocks, body);
    else exchange.stream(status, blocks, held(visit, body));
    if (!visit.isOver) {
      visit.isWatched = true;
      slowReaders.watch(exchange);
    }
    return 'sent';
  }

  /** The manifest, or what the version is by now: for appliances only, so that they can check what they pull. */
  function sendDocument({ exchange, visit }: Asked, { bytes, sha256, growing }: Version): Sent {
    const etag = etagOf(sha256);
    if (growing && exchange.header('if-none-match') === etag) {
      visit.outcome = 'not-modified';
      exchange.send(304, [headerBlock({ etag }), outcomeHeaders('not-modified', 0)], null);
      return 'sent';
    }
    visit.outcome = 'hit-memory';
    visit.parts.push({ outcome: 'hit-memory', bytes: bytes.length, slice: null, cause: undefined });
    const fields = headerBlock({
      etag,
      'repr-digest': formatDigest(sha256),
      'content-type': contentTypeOf(manifestName),
      'content-length': String(bytes.length),
    });
    const body = exchange.method === 'GET' ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length) : null;
    exchange.send(200, [fields, outcomeHeaders('hit-memory', 0)], body);
    return 'sent';
  }

  return answerFrom;
}

type Selected =
  | { readonly kind: 'whole' }
  | { readonly kind: 'partial'; readonly range: ByteRange }
  | { readonly kind: 'several'; readonly ranges: readonly ByteRange[] };

/** What the answer begins with: of the whole or of one range. Appliances check what they take whole. */
function headOf(
  verdict: Selected,
  { client }: Visit,
  { file, whole }: FileView,
): { status: number; head: HeaderBlock[] } {
  if (verdict.kind === 'partial') return { status: 206, head: [partialHeaders(file, verdict.range)] };
  const digest = client === 'appliance' ? [headerBlock({ 'repr-digest': formatDigest(file.sha256) })] : [];
  return { status: 200, head: [whole, ...digest] };
}

function requestOf(
  { url, visit, session, onlyIfCached, loop }: Asked,
  version: Version,
  { file, slices }: FileView,
  ranges: readonly ByteRange[],
): ServeRequest {
  const { assetId } = url.key;
  return { assetId, key: url.name, version, file, slices, ranges, onlyIfCached, loop, reader: session, waiter: visit };
}

function rangesOf(verdict: Selected, { sizeBytes }: ManifestFile): readonly ByteRange[] {
  if (verdict.kind === 'several') return verdict.ranges;
  if (verdict.kind === 'partial') return [verdict.range];
  return sizeBytes === 0 ? [] : [{ start: 0, end: sizeBytes - 1 }];
}
