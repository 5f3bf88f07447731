/**
 * The job fill-batch: brings some files of a frozen plan to one appliance, in the plan's order.
 *
 * `asset.json` of a version is stored before any other file of it is sent. Whatever happens to a file is in the result;
 * the job itself fails only for faults of our own. Nothing leaves after the window's end, also where the fill's own job
 * is dead. A batch that is begun again asks first what the run before it has stored.
 */
import { LRUCache } from 'lru-cache';
import { type Fill, type FillPlan, hasEnded, type PlannedFile } from '../../shared/domain/fill.ts';
import type { FillBatch, FillBatchResult } from '../../shared/domain/fill-batch.ts';
import { peerRateOf } from '../../shared/domain/fleet.ts';
import { addCounts, noCount } from '../../shared/domain/reporting/fill-report.ts';
import type { ApplianceApi } from '../../shared/ports/appliance-api.ts';
import type { Catalogue } from '../../shared/ports/catalogue.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import type { Documents } from '../../shared/ports/documents.ts';
import type { Fleet } from '../../shared/ports/fleet.ts';
import { JobAbortedError, type JobHandler } from '../../shared/ports/job-queue.ts';
import type { Night, NightShare } from '../../shared/ports/night-share.ts';
import type { ObjectStore } from '../../shared/ports/object-store.ts';
import { type ApplianceState, makeApplianceState } from './appliance-state.ts';
import { askUntilAnswered } from './ask.ts';
import { elsewhereOf } from './elsewhere.ts';
import { asFailure, FillStopped, isPassing, PushFailure } from './fill-errors.ts';
import { makePatience, type Patience } from './patience.ts';
import { makePeerRate, type PeerRate } from './peer-rate.ts';
import { isManifest, versionOf } from './planned-files.ts';
import { makePushFile, type PushFile } from './push-file.ts';
import { makeSendFile } from './send-file.ts';
import { makeSentCounter } from './sent-counter.ts';
import { makeSharedRate, type RateLimiter } from './shared-rate.ts';
import { makeSources } from './sources.ts';

export interface FillBatchDeps {
  readonly fleet: Fleet;
  readonly catalogue: Catalogue;
  readonly documents: Documents;
  readonly store: ObjectStore;
  readonly api: ApplianceApi;
  readonly share: NightShare;
  readonly clock: Clock;
  /** Objects on their way to one appliance at once. */
  readonly parallelPushes: number;
  /** How long an appliance may fail before its files are given up; less for a fill that somebody waits for. */
  readonly patienceMs?: { readonly window: number; readonly now: number };
  /** Told of every byte that leaves, for the metrics. */
  readonly onSent?: (bytes: number) => void;
}

export const defaultPatienceMs = { window: 600_000, now: 15_000 };
/** Plans are large, and every batch of a fill needs the same one. */
const openFills = 8;
const lookAgainMs = 1_000;

/** What this process keeps of a fill between its batches. */
interface OpenFill {
  readonly plan: FillPlan;
  readonly night: Night;
  readonly pushFile: PushFile;
  readonly counter: ReturnType<typeof makeSentCounter>;
  readonly storePatience: Patience;
  readonly appliances: Map<string, ApplianceState>;
}

export function makeFillBatch(deps: FillBatchDeps): JobHandler<'fill-batch'> {
  const { fleet, catalogue, documents, api, share, clock } = deps;
  const fills = new LRUCache<string, Promise<OpenFill | null>>({ max: openFills });
  const lookups = new LRUCache<string, { readonly atMs: number; readonly gone: Promise<boolean> }>({ max: 10_000 });
  const rates = new LRUCache<string, RateLimiter>({ max: 1_000 });
  const peerRates = new LRUCache<number, PeerRate>({ max: 1_000 });

  async function open(fill: Fill): Promise<OpenFill | null> {
    const plan = await documents.getPlan(fill.regionId, fill.date, fill.run, { withRejected: false });
    if (!plan) return null;
    const { regionId, date, budget } = plan;
    const night: Night = { regionId, date, limitBytes: budget.bytesPerNight };
    const rateName = `${regionId} ${budget.rateBps}`;
    const limiter = rates.get(rateName) ?? makeSharedRate({ share, regionId, rateBps: budget.rateBps, clock });
    rates.set(rateName, limiter);
    const peerRateBps = peerRateOf(budget);
    const peerRate = peerRates.get(peerRateBps) ?? makePeerRate({ share, rateBps: peerRateBps, clock });
    peerRates.set(peerRateBps, peerRate);
    const counter = makeSentCounter(share, fill.id, clock);
    return {
      plan,
      night,
      counter,
      storePatience: makePatience((deps.patienceMs ?? defaultPatienceMs)[fill.start], clock),
      appliances: new Map(),
      pushFile: makePushFile({
        sources: makeSources({ store: deps.store, api, elsewhere: elsewhereOf(fleet, regionId, clock) }),
        documents,
        api,
        limiter,
        peerRate,
        reserve: (bytes, signal) => askUntilAnswered(() => share.reserve(night, bytes), clock, signal),
        // Not given back, it stays counted: less is sent than might have been, never more.
        giveBack: (bytes) => share.giveBack(night, bytes).catch(() => undefined),
        onSent: (bytes) => {
          counter.add(bytes);
          deps.onSent?.(bytes);
        },
      }),
    };
  }

  async function opened(fill: Fill): Promise<OpenFill | null> {
    const known = fills.get(fill.id) ?? open(fill);
    fills.set(fill.id, known);
    return known.catch((error: unknown) => {
      fills.delete(fill.id);
      throw error;
    });
  }

  function stateOf({ appliances }: OpenFill, fill: Fill, applianceId: string): ApplianceState {
    const known = appliances.get(applianceId);
    // Whoever sends another batch believes that it is there again.
    if (known && !known.patience.exhausted) return known;
    const state = makeApplianceState(makePatience((deps.patienceMs ?? defaultPatienceMs)[fill.start], clock));
    appliances.set(applianceId, state);
    return state;
  }

  /** Asked again and again: an asset that is deleted while it is filled must not come back by the plan. */
  async function isDeleted(assetId: string): Promise<boolean> {
    const nowMs = clock.now();
    const known = lookups.get(assetId);
    if (known && nowMs - known.atMs < lookAgainMs) return known.gone;
    const gone = catalogue.get(assetId).then((asset) => !asset || asset.state === 'deleted');
    lookups.set(assetId, { atMs: nowMs, gone });
    gone.catch(() => lookups.delete(assetId));
    return gone;
  }

  async function carryOut(
    fill: Fill,
    batch: FillBatch,
    doneBefore: boolean,
    signal: AbortSignal,
  ): Promise<FillBatchResult> {
    const open = await opened(fill);
    const part = open?.plan.appliances.find(({ applianceId }) => applianceId === batch.plannedFor);
    const files = batch.files.flatMap((at) => {
      const file = part?.fetch.at(at);
      return file ? [{ at, file }] : [];
    });
    const held: number[] = [];
    const stopped: number[] = [];
    const failed: { file: number; reason: PushFailure['reason']; detail: string }[] = [];
    const sources: Record<string, { files: number; bytes: number }> = {};
    let evicted = noCount;
    if (!open || !part) return { ...nothingDone, stopped: batch.files };

    const appliances = await fleet.listAppliances();
    const target = appliances.find(({ id }) => id === batch.applianceId);
    const peers = batch.peers.flatMap((id) => appliances.find((one) => one.id === id) ?? []);
    const state = stateOf(open, fill, batch.applianceId);
    const send = makeSendFile({
      api,
      state,
      part,
      standsIn: batch.applianceId !== batch.plannedFor,
      pushFile: open.pushFile,
      storePatience: open.storePatience,
      onEvicted: (count) => {
        evicted = addCounts(evicted, count);
      },
    });
    const isThere = async (file: PlannedFile): Promise<boolean> =>
      target !== undefined &&
      (await state.patience.run(() => api.heldBytes(target, file.key, signal), isPassing, signal)) >= file.sizeBytes;

    async function handle(at: number, file: PlannedFile): Promise<PushFailure | null> {
      try {
        signal.throwIfAborted();
        if (!target) throw new PushFailure('appliance-refused', `${batch.applianceId} was removed`);
        if (await isDeleted(file.assetId)) throw new PushFailure('asset-deleted', `${file.assetId} was deleted`);
        const lacking = isManifest(file) ? null : await state.manifests.get(versionOf(file));
        if (lacking) throw new PushFailure(lacking.reason, `its asset.json is not there: ${lacking.message}`);
        if (doneBefore && (await isThere(file))) return null;
        const { outcome, source } = await send(target, file, peers, signal);
        if (outcome === 'already-held') held.push(at);
        else sources[source] = addCounts(sources[source] ?? noCount, { files: 1, bytes: file.sizeBytes });
        return null;
      } catch (error) {
        if (error instanceof FillStopped) {
          stopped.push(at);
          return new PushFailure(error.reason, error.message);
        }
        const failure = asFailure(error);
        failed.push({ file: at, reason: failure.reason, detail: failure.message });
        return failure;
      }
    }

    const queue = files.values();
    const lanes = Array.from({ length: deps.parallelPushes }, async () => {
      for (const { at, file } of queue) {
        const handling = handle(at, file);
        if (isManifest(file)) state.manifests.set(versionOf(file), handling);
        // One that failed for this batch may succeed in another.
        if ((await handling) && isManifest(file) && !failed.some((one) => one.file === at))
          state.manifests.delete(versionOf(file));
      }
    });
    try {
      await Promise.all(lanes);
    } finally {
      await open.counter.flush();
    }
    return { held, stopped, failed, evicted, sources };
  }

  return async ({ payload, begun, signal: jobSignal }) => {
    const fill = await documents.getFill(payload.fillId);
    if (!fill || hasEnded(fill)) return { ...nothingDone, stopped: payload.files };
    const stopping = new AbortController();
    const over = new AbortController();
    const onAbort = (): void =>
      stopping.abort(
        jobSignal.reason instanceof JobAbortedError && jobSignal.reason.code === 'cancelled'
          ? new FillStopped('cancelled', 'the fill was stopped')
          : jobSignal.reason,
      );
    if (jobSignal.aborted) onAbort();
    jobSignal.addEventListener('abort', onAbort, { once: true });
    if (payload.endsAtMs !== null) {
      const ended = new FillStopped('window-ended', 'the window ended');
      if (clock.now() >= payload.endsAtMs) stopping.abort(ended);
      else {
        clock.sleep(payload.endsAtMs - clock.now(), over.signal).then(
          () => stopping.abort(ended),
          () => undefined,
        );
      }
    }
    try {
      return await carryOut(fill, payload, begun > 1, stopping.signal);
    } finally {
      over.abort();
      jobSignal.removeEventListener('abort', onAbort);
    }
  };
}

const nothingDone: FillBatchResult = { held: [], stopped: [], failed: [], evicted: noCount, sources: {} };
