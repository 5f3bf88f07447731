/**
 * The job fill-region: carries out a frozen plan inside its window, its rate and the night's bytes.
 *
 * | on                                | the fill                                                              |
 * |-----------------------------------|-----------------------------------------------------------------------|
 * | job begins before the window      | waits as `paused-window`                                              |
 * | window open, or started by hand   | `running`; counts are written about once a second                     |
 * | paused                            | pushes are cut, `paused` until it is resumed or must end              |
 * | window's end                      | pushes are cut, what is left fails with `window-ended`: `incomplete`  |
 * | cancelled                         | the same with `cancelled`: `cancelled`                                |
 * | worker closes, dies, loses lock   | stays `running`; the next attempt goes on with what is not held       |
 * | all pushed or held                | `completed`                                                           |
 *
 * This job only hands out and writes down: the bytes are brought by its children (`fill-batch`) in any worker. The
 * queue's lock lets only one worker lead a fill, which is the only writer of its document; the report is written once.
 */
import { type Fill, type FillPlan, type FillState, hasEnded } from '../../shared/domain/fill.ts';
import { addSpanToRateCurve } from '../../shared/domain/rate-curve.ts';
import { buildFillReport } from '../../shared/domain/reporting/fill-report.ts';
import { windowFor } from '../../shared/domain/time/fill-window.ts';
import type { Logger } from '../../shared/platform/logger.ts';
import type { ApplianceApi } from '../../shared/ports/appliance-api.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import type { Documents } from '../../shared/ports/documents.ts';
import type { Fleet } from '../../shared/ports/fleet.ts';
import { JobAbortedError, type JobHandler, UnrecoverableJobError } from '../../shared/ports/job-queue.ts';
import type { NightShare } from '../../shared/ports/night-share.ts';
import { askUntilAnswered } from './ask.ts';
import { defaultPatienceMs } from './fill-batch.ts';
import { FillStopped } from './fill-errors.ts';
import { type Ledger, makeLedger } from './ledger.ts';
import { makePauseGate, type PauseGate } from './pause-gate.ts';
import { pushRegion } from './push-region.ts';
import type { QueueBatches } from './queue-batches.ts';
import { stateOf, wordsFor } from './verdict.ts';

export interface FillRegionDeps {
  readonly fleet: Fleet;
  readonly documents: Documents;
  readonly api: ApplianceApi;
  readonly share: NightShare;
  readonly batches: QueueBatches;
  readonly clock: Clock;
  readonly logger: Logger;
  /** How long an appliance may fail before its files are given up; less for a fill that somebody waits for. */
  readonly patienceMs?: { readonly window: number; readonly now: number };
  readonly slowAfterMs?: number;
}

const progressEveryMs = 1_000;
const runsOfOneDate = 1_000;
const defaultSlowAfterMs = 60_000;

export function makeFillRegion(deps: FillRegionDeps): JobHandler<'fill-region'> {
  const { documents, share, clock, logger } = deps;

  /** What stops the pushes: the job's own signal, and the window's end. */
  async function runInWindow(fill: Fill, plan: FillPlan, jobId: string, jobSignal: AbortSignal): Promise<FillState> {
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
      return await execute(fill, plan, jobId, fill.start === 'window' ? endMs : null, stopping.signal);
    } finally {
      over.abort();
      jobSignal.removeEventListener('abort', stopOnCancel);
    }
  }

  async function execute(
    before: Fill,
    plan: FillPlan,
    jobId: string,
    endsAtMs: number | null,
    signal: AbortSignal,
  ): Promise<FillState> {
    const ledger = makeLedger(plan, before);
    const gate = makePauseGate();
    gate.set(await documents.isFillPaused(before.id));
    const startedAt = before.startedAt ?? new Date(clock.now()).toISOString();
    const startedMs = Date.parse(startedAt);
    let live: Fill = { ...before, state: 'running', startedAt, finishedAt: null, message: null };
    let lookedAtMs = clock.now();

    /** Takes over what all workers sent since it was last asked. */
    async function look(): Promise<void> {
      const sentBefore = ledger.sentBytes;
      ledger.sent(await share.sentBytes(plan.id, sentBefore));
      const bytes = ledger.sentBytes - sentBefore;
      const nowMs = clock.now();
      const rateCurve = addSpanToRateCurve(
        live.rateCurve ?? [],
        (lookedAtMs - startedMs) / 1_000,
        (nowMs - startedMs) / 1_000,
        bytes,
      );
      const rateBps = Math.round((bytes * 8_000) / Math.max(1, nowMs - lookedAtMs));
      const state: FillState = gate.paused ? 'paused' : 'running';
      live = { ...live, ...ledger.counts(), rateCurve, rateBps, state };
      lookedAtMs = nowMs;
    }

    // Before the first byte: a later attempt knows by this that it is not the first.
    await look();
    await documents.putFill(live);
    const done = new AbortController();
    const watching = watch(plan.id, gate, look, () => live, done.signal);
    try {
      await deps.batches.endLeftovers(jobId, signal);
      await pushAll(before, plan, ledger, gate, jobId, endsAtMs, signal);
    } catch (error) {
      if (!(error instanceof FillStopped)) throw error;
    } finally {
      done.abort();
      await watching;
      if (signal.aborted && !(signal.reason instanceof FillStopped)) {
        await documents.putFill({ ...live, ...ledger.counts(), rateBps: 0 }).catch(() => undefined);
      }
    }
    if (signal.aborted && !(signal.reason instanceof FillStopped)) throw signal.reason;
    await askUntilAnswered(look, clock, new AbortController().signal);
    return finish(live, plan, ledger);
  }

  /** Once a second: what was sent, whether it is paused, and the document. A failed write is made good by the next. */
  async function watch(
    fillId: string,
    gate: PauseGate,
    look: () => Promise<void>,
    live: () => Fill,
    done: AbortSignal,
  ): Promise<void> {
    let written = '';
    while (!done.aborted) {
      await clock.sleep(progressEveryMs, done).catch(() => undefined);
      if (done.aborted) return;
      try {
        gate.set(await documents.isFillPaused(fillId));
        await look();
        const text = JSON.stringify(live());
        if (text !== written && !done.aborted) await documents.putFill(live());
        written = text;
      } catch (error) {
        logger.warn({ err: error, fillId }, 'the progress of a fill could not be written');
      }
    }
  }

  async function pushAll(
    { start, id }: Fill,
    plan: FillPlan,
    ledger: Ledger,
    gate: PauseGate,
    jobId: string,
    endsAtMs: number | null,
    signal: AbortSignal,
  ): Promise<void> {
    const { regionId, date, budget } = plan;
    const fills = await documents.listFills({ regionId, date, limit: runsOfOneDate });
    const others = fills.filter((other) => other.id !== id);
    const spent = others.reduce((sum, fill) => sum + (fill.sentBytes ?? fill.pushed.bytes), ledger.sentBytes);
    const night = { regionId, date, limitBytes: budget.bytesPerNight };
    await askUntilAnswered(() => share.raiseSpent(night, spent), clock, signal);
    const appliances = await deps.fleet.listAppliances({ regionId });
    await pushRegion({
      plan,
      ledger,
      gate,
      clock,
      endsAtMs,
      signal,
      api: deps.api,
      appliances: new Map(appliances.map((appliance) => [appliance.id, appliance])),
      runBatch: deps.batches.runBatch(jobId),
      patienceMs: (deps.patienceMs ?? defaultPatienceMs)[start],
      slowAfterMs: deps.slowAfterMs ?? defaultSlowAfterMs,
    });
  }

  async function finish(fill: Fill, plan: FillPlan, ledger: Ledger): Promise<FillState> {
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
        meanRateBps: 0,
        peakRateBps: 0,
        ...(fill.rateCurve ? { rateCurve: fill.rateCurve } : {}),
        sentBytes: ledger.sentBytes,
        ...(fill.heldBefore ? { heldBefore: fill.heldBefore } : {}),
      }),
    );
    await documents.putFill({ ...fill, state, finishedAt, rateBps: 0, message: wordsFor(ledger.failures) });
    await documents.setFillPaused(fill.id, false);
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

  return async ({ id, payload, signal, lastAttempt }) => {
    const fill = await documents.getFill(payload.fillId);
    if (!fill) throw new UnrecoverableJobError(`there is no fill ${payload.fillId}`);
    if (hasEnded(fill)) return { state: fill.state };
    const plan = await documents.getPlan(fill.regionId, fill.date, fill.run, { withRejected: false });
    if (!plan) throw new UnrecoverableJobError(`fill ${fill.id} has no plan`);
    const endTurn = await share.takeTurn(fill.regionId, signal);
    try {
      return { state: await runInWindow((await documents.getFill(fill.id)) ?? fill, plan, id, signal) };
    } catch (error) {
      if (lastAttempt && !signal.aborted) await giveUp(fill, error);
      throw error;
    } finally {
      await endTurn();
    }
  };
}

/** The stop itself is noticed, and told, where the pushes would begin. */
const ignoreStop =
  (signal: AbortSignal) =>
  (error: unknown): void => {
    if (!signal.aborted || !(signal.reason instanceof FillStopped)) throw error;
  };
