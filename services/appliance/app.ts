/** An appliance without its surroundings: everything between ports, control and the HTTP server; it does not listen. */
import { join } from 'node:path';
import type { Dispatcher } from 'undici';
import type { ApplianceOrders, ApplianceStatus, Upstream } from '../../shared/domain/fleet.ts';
import { rankAppliances } from '../../shared/domain/routing/rendezvous.ts';
import { type HttpServer, makeHttpServer } from '../../shared/platform/http-server.ts';
import type { KernelIo } from '../../shared/platform/kernel-io.ts';
import type { Logger } from '../../shared/platform/logger.ts';
import type { Metrics } from '../../shared/platform/metrics.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import type { ObjectStore } from '../../shared/ports/object-store.ts';
import type { SegmentCache } from '../../shared/ports/segment-cache.ts';
import { makeTokenVerifier } from '../../shared/tokens/playback.ts';
import { makeAdmit } from './admit.ts';
import { makeCallerOf } from './caller.ts';
import { maxOpenRequests, slowReaderGraceMs } from './config.ts';
import { makeContentKeys } from './content-keys.ts';
import { makeControlClient } from './control-client.ts';
import { makeCors } from './cors.ts';
import { makeDeleteObjects } from './delete-objects.ts';
import { makeDemandElsewhere } from './demand-elsewhere.ts';
import { makeFillObject } from './fill-object.ts';
import { makeFillPace, watchLoopDelay } from './fill-pace.ts';
import { makeApplyPlan } from './fill-plan.ts';
import { makeFirstUpstreams } from './first-upstreams.ts';
import { makeFront } from './front.ts';
import { type Limits, makeGuard } from './guard.ts';
import { makeGzipTable } from './gzip-table.ts';
import { makeHttpSource } from './http-source.ts';
import { makeMedia } from './media.ts';
import { openOrders, parseOrders } from './orders.ts';
import { parsePlanUses } from './plan-uses.ts';
import { openProvenance, parsePlanMemory } from './provenance.ts';
import { makePuller } from './pull.ts';
import { makeReadAhead } from './pulling/read-ahead.ts';
import { makePullReport } from './pulling/report.ts';
import { makePutObject } from './put-object.ts';
import { registerFill } from './routes/fill.ts';
import { registerInventory } from './routes/inventory.ts';
import { makeServeRange } from './serve-range.ts';
import { makeServeStored } from './serve-stored.ts';
import { makeSlowReaders } from './slow-readers.ts';
import { makeStateFile } from './state-file.ts';
import { makeStoreSource } from './store-source.ts';
import { makeTakeObject } from './take-object.ts';
import { makeTelemetry } from './telemetry.ts';
import { openTelemetrySpool } from './telemetry-spool.ts';
import { type CertificateFiles, openTlsServer, type TlsServer } from './tls-server.ts';
import { openTombstones, parseMarks } from './tombstones.ts';
import { openTopUps, parseTopUpDay, type TopUps } from './top-up.ts';
import { makeTraffic } from './traffic.ts';
import type { PullSource } from './upstream.ts';
import { makeVersions } from './versions.ts';

export interface ApplianceDeps {
  readonly applianceId: string;
  readonly credential: string;
  readonly controlUrl: string;
  /** Folder of orders, marks and waiting telemetry. */
  readonly stateDir: string;
  readonly softwareVersion: string;
  readonly cache: SegmentCache;
  /** Null: bytes come from other appliances and fills only. */
  readonly store: ObjectStore | null;
  /** Of dates, hours and days, and of what tokens say. */
  readonly clock: Clock;
  /** Of everything that lasts so long: never set forward or back. `clock` where it is not given. */
  readonly steadyClock?: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Connections to control and to other appliances. */
  readonly dispatcher: Dispatcher;
  readonly upstreamTimeoutMs: number;
  readonly trustProxy: readonly string[];
  readonly limits: Limits;
  /** Origins of pages whose players carry tokens as cookies. */
  readonly cookieOrigins: readonly string[];
  /** Whether an address may read `/metrics`. */
  readonly mayReadMetrics: (ip: string) => boolean;
  /** Sends files; null where they are read and written. */
  readonly kernel: KernelIo | null;
  /** The process has hardly any time to spare. */
  readonly isStrained: () => boolean;
  /** What its disk refused lately, in words; null for nothing. */
  readonly diskTrouble: () => string | null;
}

export interface ApplianceApp {
  readonly server: HttpServer;
  /** Listens for TLS as well, with the same answers; closed by `stop`. */
  listenTls(options: { readonly host: string; readonly port: number } & CertificateFiles): Promise<TlsServer>;
  /** Beats and reports until `stop`. */
  start(): void;
  /** Tells control, stops listening, lets open answers end for `graceMs`, and sends what was counted. */
  stop(graceMs: number): Promise<void>;
}

const controlTimeoutMs = 4_000;
/** So much of what was used counts twice after a crash. */
const usesIntervalMs = 10_000;
/** A control that hangs must not use up the time in which open answers end and the cache closes. */
const goodbyeMs = 1_500;

export async function makeApplianceApp(deps: ApplianceDeps): Promise<ApplianceApp> {
  const { applianceId, credential, cache, store, clock, logger, metrics, dispatcher, stateDir } = deps;
  const startedAt = new Date(clock.now()).toISOString();
  const steady = deps.steadyClock ?? clock;
  const stopping = new AbortController();

  const spool = await openTelemetrySpool(join(stateDir, 'telemetry'));
  const pace = makeFillPace({ clock: steady, takeLoopDelayMs: watchLoopDelay() });
  metrics.gauge(
    'nightfill_fill_pause_seconds',
    'Pause behind each slice of a fill, for the sake of viewers.',
    [],
    () => pace.pauseMs / 1_000,
  );
  const traffic = makeTraffic(metrics, cache, spool, pace.served);
  const pullReport = makePullReport(metrics, {
    onNotKept: (key, why) => logger.warn({ key, why }, 'pulled but not kept'),
    onCrossed: (bytes) => telemetry.crossed(bytes),
  });
  const tombstones = await openTombstones(makeStateFile(join(stateDir, 'deleted.json'), parseMarks));
  // A pull that was on its way when its version was deleted, or a process that died while deleting, left these.
  for (const prefix of tombstones.prefixes()) await cache.remove(prefix);
  const verifier = makeTokenVerifier({ clock });
  const control = makeControlClient({
    controlUrl: deps.controlUrl,
    applianceId,
    credential,
    dispatcher,
    timeoutMs: controlTimeoutMs,
  });

  let sources: readonly { readonly source: PullSource; readonly id: string; readonly weight: number }[] = [];
  const storeSources = store ? [makeStoreSource(store, deps.upstreamTimeoutMs)] : [];

  const sourceOf = (upstream: Upstream): PullSource =>
    makeHttpSource({ upstream, applianceId, dispatcher, timeoutMs: deps.upstreamTimeoutMs });

  async function apply(orders: ApplianceOrders): Promise<void> {
    await verifier.setKeys(orders.tokenKeys);
    verifier.setRevoked(new Set(orders.revokedSessions));
    tombstones.hide(orders.hiddenAssets ?? []);
    if (cache.stats().capacityBytes !== orders.capacityBytes) await cache.setCapacity(orders.capacityBytes);
    sources = orders.upstreams.map((upstream) => ({
      id: upstream.applianceId,
      weight: upstream.weight,
      source: sourceOf(upstream),
    }));
  }

  /** Peers by the same ranking that the planner used, shields as control ordered them, the store last. */
  function sourcesFor(assetId: string): readonly PullSource[] {
    const peers = sources.filter(({ source }) => source.outcome === 'pull-peer');
    const shields = sources.filter(({ source }) => source.outcome !== 'pull-peer');
    return [...rankAppliances(assetId, peers), ...shields].map(({ source }) => source).concat(storeSources);
  }

  let topUps: TopUps | null = null;

  function status(): ApplianceStatus {
    const stats = cache.stats();
    const resting = puller.resting();
    const diskTrouble = deps.diskTrouble();
    return {
      applianceId,
      reportedAt: new Date(clock.now()).toISOString(),
      startedAt,
      softwareVersion: deps.softwareVersion,
      storedBytes: stats.storedBytes,
      storedObjects: stats.storedObjects,
      pinnedBytes: stats.pinnedBytes,
      memoryTierBytes: stats.memoryBytes,
      servedBps: traffic.takeServedBps(steady.now()),
      openConnections: traffic.openRequests,
      ...(topUps?.isAllowed ? { topUpBytes: topUps.todayBytes } : {}),
      ...(resting.length > 0 ? { restingUpstreams: resting } : {}),
      ...(diskTrouble === null ? {} : { diskTrouble }),
      unfitReason: stopping.signal.aborted ? 'shutting-down' : null,
    };
  }

  const provenance = await openProvenance({
    clock,
    file: makeStateFile(join(stateDir, 'plan.json'), parsePlanMemory),
    uses: makeStateFile(join(stateDir, 'plan-uses.json'), parsePlanUses),
    inventory: cache.inventory(),
    has: (key, index) => cache.has(key, index),
  });
  const untilKnown = makeFirstUpstreams({
    knows: () => storeSources.length > 0 || sources.some(({ source }) => source.outcome === 'pull-shield'),
    beat: () => orders.beat(),
    clock,
    patienceMs: deps.upstreamTimeoutMs,
  });
  const puller = makePuller({
    cache,
    clock: steady,
    sourcesFor,
    untilKnown,
    report: pullReport,
    onStored: provenance.stored,
  });
  metrics.gauge('nightfill_pull_arriving_bytes', 'Here of slices on their way.', [], puller.arrivingBytes);
  const versions = makeVersions({ cache, puller, clock: steady });
  const telemetry = makeTelemetry({ applianceId, clock, control, spool, logger });
  const ordersFile = makeStateFile(join(stateDir, 'orders.json'), parseOrders);
  const orders = await openOrders({ applianceId, control, clock, logger, file: ordersFile, status, apply });

  const guard = makeGuard(deps.limits, metrics);
  const isBusy = () => deps.isStrained() || guard.isBusy || traffic.openRequests > maxOpenRequests / 2;
  const readAhead = makeReadAhead({
    cache,
    puller,
    clock: steady,
    isBusy: () => isBusy() || puller.isCrowded(),
    metrics,
  });
  const fetching = await openTopUps({
    applianceId,
    orders: orders.current,
    cache,
    versions,
    puller,
    tombstones,
    telemetry,
    file: makeStateFile(join(stateDir, 'top-up.json'), parseTopUpDay),
    isBusy,
    clock,
    steadyClock: steady,
    logger,
    metrics,
  });
  topUps = fetching;
  const elsewhere = makeDemandElsewhere({ control, topUps: fetching, cache, versions, tombstones, clock, logger });
  const slowReaders = makeSlowReaders({
    slowestBytesPerSecond: deps.limits.slowestReaderBytesPerSecond,
    graceMs: deps.limits.slowReaderGraceMs ?? slowReaderGraceMs,
    isShort: () => guard.isBusy || traffic.openRequests > maxOpenRequests / 2,
    metrics,
  });
  guard.onFull('answers', slowReaders.giveUp);
  const media = makeMedia({
    guard,
    slowReaders,
    applianceId,
    orders: orders.current,
    admit: makeAdmit(verifier),
    callerOf: makeCallerOf(deps.trustProxy),
    cors: makeCors(deps.cookieOrigins),
    versions,
    tombstones,
    serveRange: makeServeRange({ cache, puller, provenance, readAhead }),
    serveStored: makeServeStored(cache, readAhead),
    readAhead,
    provenance,
    gzip: makeGzipTable(),
    contentKeys: makeContentKeys({ control, clock: steady }),
    telemetry,
    traffic,
    logger,
    clock,
    tokenGeneration: () => verifier.generation,
    maxOpenRequests,
  });
  const fillObject = makeFillObject({ cache, versions, tombstones, provenance, pace });
  const fillGate = { credential, isReady: () => orders.current() !== null };
  const putObject = makePutObject({ ...fillGate, fillObject, logger });
  const front = makeFront({ media, putObject, guard, kernel: deps.kernel, isClosing: () => stopping.signal.aborted });
  const server = makeHttpServer({
    logger,
    metrics,
    logRequests: false,
    trustProxy: deps.trustProxy,
    mayReadMetrics: deps.mayReadMetrics,
    makeServer: front.makeServer,
    readiness: {
      orders: () => {
        if (!orders.current()) throw new Error('control has not been reached since this appliance was set up');
      },
    },
  });
  registerFill(server, {
    ...fillGate,
    fillObject,
    takeObject: makeTakeObject({ fillObject, sourceOf }),
    applyPlan: makeApplyPlan(cache, provenance),
    deleteObjects: makeDeleteObjects({ cache, versions, tombstones, provenance }),
    beat: orders.beat,
  });
  registerInventory(server, { credential, cache });

  async function within(ms: number, work: Promise<unknown>): Promise<void> {
    const done = new AbortController();
    await Promise.race([work, clock.sleep(ms, done.signal).catch(() => {})]);
    done.abort();
  }

  let running: Promise<unknown> = Promise.resolve();
  async function keepUses(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await clock.sleep(usesIntervalMs, signal).catch(() => {});
      await provenance
        .keepUses()
        .catch((error: unknown) => logger.warn({ err: error }, 'uses of the plan were not kept'));
    }
  }

  let tls: TlsServer | null = null;
  return {
    server,
    async listenTls({ host, port, ...certificateFiles }) {
      await server.ready();
      tls = await openTlsServer({ ...certificateFiles, dispatch: front.dispatch, guard, clock, logger });
      await tls.listen(host, port);
      return tls;
    },
    start() {
      running = Promise.all([
        orders.run(stopping.signal),
        telemetry.run(stopping.signal),
        fetching.run(stopping.signal),
        elsewhere.run(stopping.signal),
        keepUses(stopping.signal),
      ]);
    },
    async stop(graceMs) {
      stopping.abort();
      await within(
        goodbyeMs,
        running.then(() => orders.beat()),
      );
      slowReaders.stop();
      const closed = Promise.all([server.close(), tls?.close()]);
      await within(Math.max(0, graceMs - 2 * goodbyeMs), closed);
      server.server.closeAllConnections();
      tls?.closeAllConnections();
      await closed;
      await within(goodbyeMs, Promise.all([telemetry.flush(), provenance.keepUses()]));
    },
  };
}
