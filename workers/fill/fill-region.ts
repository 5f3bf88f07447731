/**
 * The job fill-region: carries out a frozen plan inside its window, its rate and the night's bytes.
 *
 * | on                                | the fill                                                              |
 * |-----------------------------------|-----------------------------------------------------------------------|
 * | job begins before the window      | waits as `paused-window`                                              |
 * | window open, or started by hand   | `running`; counts are written about once a second                     |
 * | window's end                      | pushes are cut, what is left fails with `window-ended`: `incomplete`  |
 * | cancelled                         | the same with `cancelled`: `cancelled`                                |
 * | worker closes, dies, loses lock   | stays `running`; the next attempt goes on with what is not held       |
 * | all pushed or held                | `completed`                                                           |
 *
 * The queue's lock lets only one worker execute a fill at a time; its report is written once, when it ends.
 */
import pLimit from 'p-limit';
import { type Fill, type FillPlan, type FillState, hasEnded } from '../../shared/domain/fill.ts';
import { addToRateCurve } from '../../shared/domain/rate-curve.ts';
import { buildFillReport } from '../../shared/domain/reporting/fill-report.ts';
import { windowFor } from '../../shared/domain/time/fill-window.ts';
import type { Logger } from '../../shared/platform/logger.ts';
import type { ApplianceApi } from '../../shared/ports/appliance-api.ts';
import type { Catalogue } from '../../shared/ports/catalogue.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import type { Documents } from '../../shared/ports/documents.ts';
import type { Fleet } from '../../shared/ports/fleet.ts';
import { JobAbortedError, type JobHandler, UnrecoverableJobError } from '../../shared/ports/job-queue.ts';
import type { ObjectStore } from '../../shared/ports/object-store.ts';
import { makeFillAppliance } from './fill-appliance.ts';
import { FillStopped } from './fill-errors.ts';
import { type Ledger, makeLedger } from './ledger.ts';
import { makeNightBudget } from './night-budget.ts';
import { makePatience } from './patience.ts';
import { makeProgressWriter } from './progress-writer.ts';
import { makePushFile } from './push-file.ts';
import { makeRateLimiter } from './rate-limiter.ts';
import { makeRateMeter, type RateMeter } from './rate-meter.ts';
import { makeRegionTurns } from './region-turns.ts';
import { stateOf, wordsFor } from './verdict.ts';

export interface FillRegionDeps {
  readonly fleet: Fleet;
  readonly catalogue: Catalogue;
  readonly documents: Documents;
  readonly store: ObjectStore;
  readonly api: ApplianceApi;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Objects pushed at once into one region. */
  readonly parallelPushes: number;
  /** How long an appliance may fail before its files are given up; less for a fill that somebody waits for. */
  readonly patienceMs?: { readonly window: number; readonly now: number };
  /** Told of every byte that leaves, for the metrics. */
  readonly onSent?: (bytes: number) => void;
}

const progressEveryMs = 1_000;
const runsOfOneDate = 1_000;
const defaultPatienceMs = { window: 600_000, now: 15_000 };

export function makeFillRegion(deps: FillRegionDeps): JobHandler<'fill-region'> {
  const { documents, clock, logger } = deps;
  const turns = makeRegionTurns();

  /** What stops the pushes: the job's own signal, and the window's end. */
  async function runInWindow(fill: Fill, plan: FillPlan, jobSignal: AbortSignal): Promise<FillState> {
    const stopping = new AbortController();
    const { startMs, endMs } = windowFor(plan.date, plan.window, plan.timeZone);
    const stopOnCancel = (): void => {
      const cancelled = jobSignal.reason instanceof JobAbortedError && jobSignal.reason.code === 'cancelled';
      stopping.abort(cancelled ? new FillStopped('cancelled', 'an operator cancelled the fill') : jobSignal.reason);
    };
    if (jobSignal.aborted) stopOnCancel();
    jobSignal.addEventListener('abort', stopOnCancel, { once: true });
    const over = new AbortController();
    const closed = new FillStopped('window-ended', `the window ended at ${plan.window.end}`);
    try {
      if (fill.start === 'window') {
        if (clock.now() < startMs) {
          await documents.putFill({ ...fill, state: 'paused-window' });
          await clock.sleep(startMs - clock.now(), stopping.signal).catch(ignoreStop(stopping.signal));
        }
        if (clock.now() >= endMs) stopping.abort(closed);
        else {
          clock.sleep(endMs - clock.now(), over.signal).then(
            () => stopping.abort(closed),
            () => undefined,
          );
        }
      }
      return await execute(fill, plan, stopping.signal);
    } finally {
      over.abort();
      jobSignal.removeEventListener('abort', stopOnCancel);
    }
  }

  async function execute(before: Fill, plan: FillPlan, signal: AbortSignal): Promise<FillState> {
    const ledger = makeLedger(plan, before);
    const meter = makeRateMeter(clock);
    const startedAt = before.startedAt ?? new Date(clock.now()).toISOString();
    let live: Fill = { ...before, state: 'running', startedAt, finishedAt: null, message: null };
    let curveBytes = ledger.sentBytes;
    const curve = (): NonNullable<Fill['rateCurve']> => {
      const bytes = ledger.sentBytes - curveBytes;
      curveBytes += bytes;
      return addToRateCurve(live.rateCurve ?? [], (clock.now() - Date.parse(startedAt)) / 1_000, bytes);
    };
    const writer = makeProgressWriter({
      clock,
      everyMs: progressEveryMs,
      write: () => {
        live = { ...live, ...ledger.counts(), rateBps: Math.round(meter.nowBps()), rateCurve: curve() };
        return documents.putFill(live);
      },
      onError: (error) => logger.warn({ err: error, fillId: plan.id }, 'the progress of a fill could not be written'),
    });
    // Before the first byte: a later attempt knows by this that it is not the first.
    await documents.putFill({ ...live, ...ledger.counts() });
    try {
      await pushAll(before, plan, ledger, meter, writer.touch, signal);
    } finally {
      await writer.stop();
      if (signal.aborted && !(signal.reason instanceof FillStopped)) {
        await documents.putFill({ ...live, ...ledger.counts(), rateBps: 0, rateCurve: curve() }).catch(() => undefined);
      }
    }
    if (signal.aborted && !(signal.reason instanceof FillStopped)) throw signal.reason;
    return finish({ ...live, ...ledger.counts(), rateCurve: curve() }, plan, ledger, meter);
  }

  async function pushAll(
    { start }: Fill,
    plan: FillPlan,
    ledger: Ledger,
    meter: RateMeter,
    onProgress: () => void,
    signal: AbortSignal,
  ): Promise<void> {
    const patienceMs = (deps.patienceMs ?? defaultPatienceMs)[start];
    const inTurn = pLimit(deps.parallelPushes);
    const fillAppliance = makeFillAppliance({
      api: deps.api,
      clock,
      ledger,
      pushFile: makePushFile({
        ...deps,
        limiter: makeRateLimiter({ rateBps: plan.budget.rateBps, clock }),
        budget: makeNightBudget(await leftOfNight(plan, ledger.sentBytes)),
        meter,
        onSent: (bytes) => {
          ledger.sent(bytes);
          deps.onSent?.(bytes);
          onProgress();
        },
      }),
      inTurn: (push) => inTurn(push),
      storePatience: makePatience(patienceMs, clock),
      patienceMs,
      parallelPushes: deps.parallelPushes,
      isDeleted: await deletedAssets(plan),
      onProgress,
    });
    const appliances = new Map(
      (await deps.fleet.listAppliances({ regionId: plan.regionId })).map((appliance) => [appliance.id, appliance]),
    );
    await Promise.all(
      plan.appliances.map(async (part) => {
        const target = appliances.get(part.applianceId);
        if (target?.mode === 'active') return fillAppliance(target, part, signal);
        const words = `${part.applianceId} ${target ? `is ${target.mode} now` : 'was removed'}`;
        for (const file of part.fetch) ledger.failed(part.applianceId, file, 'appliance-refused', words);
      }),
    );
  }

  async function leftOfNight(plan: FillPlan, sentBytes: number): Promise<number> {
    const fills = await documents.listFills({ regionId: plan.regionId, date: plan.date, limit: runsOfOneDate });
    const others = fills.filter(({ id }) => id !== plan.id);
    const spent = others.reduce((sum, fill) => sum + (fill.sentBytes ?? fill.pushed.bytes), sentBytes);
    return Math.max(0, plan.budget.bytesPerNight - spent);
  }

  async function deletedAssets(plan: FillPlan): Promise<(assetId: string) => boolean> {
    const ids = [...new Set(plan.appliances.flatMap(({ fetch }) => fetch.map(({ assetId }) => assetId)))];
    const gone = await pLimit(8).map(ids, async (id) => {
      const asset = await deps.catalogue.get(id);
      return !asset || asset.state === 'deleted' ? [id] : [];
    });
    const deleted = new Set(gone.flat());
    return (assetId) => deleted.has(assetId);
  }

  async function finish(fill: Fill, plan: FillPlan, ledger: Ledger, meter: RateMeter): Promise<FillState> {
    const state = stateOf(ledger.failures, ledger.results());
    const finishedAt = new Date(clock.now()).toISOString();
    await documents.putReport(
      buildFillReport(plan, {
        state,
        startedAt: fill.startedAt ?? finishedAt,
        finishedAt,
        appliances: ledger.results(),
        failures: ledger.failures,
        held: ledger.held,
        pushedByAsset: ledger.pushedByAsset,
        meanRateBps: meter.meanBps(),
        peakRateBps: meter.peakBps(),
        ...(fill.rateCurve ? { rateCurve: fill.rateCurve } : {}),
        sentBytes: ledger.sentBytes,
      }),
    );
    await documents.putFill({ ...fill, state, finishedAt, rateBps: 0, message: wordsFor(ledger.failures) });
    logger.info({ fillId: plan.id, state, pushed: fill.pushed, failed: fill.failed }, 'fill ended');
    return state;
  }

  /** A job that is not tried again must not leave its fill running for ever. */
  async function giveUp(fill: Fill, error: unknown): Promise<void> {
    const words = error instanceof Error ? error.message : String(error);
    logger.error({ err: error, fillId: fill.id }, 'a fill could not be carried out');
    const now = (await documents.getFill(fill.id)) ?? fill;
    const finishedAt = new Date(clock.now()).toISOString();
    await documents.putFill({ ...now, state: 'failed', finishedAt, rateBps: 0, message: words });
  }

  return async ({ payload, signal, lastAttempt }) => {
    const fill = await documents.getFill(payload.fillId);
    if (!fill) throw new UnrecoverableJobError(`there is no fill ${payload.fillId}`);
    if (hasEnded(fill)) return { state: fill.state };
    const plan = await documents.getPlan(fill.regionId, fill.date, fill.run);
    if (!plan) throw new UnrecoverableJobError(`fill ${fill.id} has no plan`);
    const give = await turns.take(fill.regionId, signal);
    try {
      return { state: await runInWindow((await documents.getFill(fill.id)) ?? fill, plan, signal) };
    } catch (error) {
      if (lastAttempt && !signal.aborted) await giveUp(fill, error);
      throw error;
    } finally {
      give();
    }
  };
}

/** The stop itself is noticed, and told, where the pushes would begin. */
const ignoreStop =
  (signal: AbortSignal) =>
  (error: unknown): void => {
    if (!signal.aborted || !(signal.reason instanceof FillStopped)) throw error;
  };
