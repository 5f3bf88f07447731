/**
 * Hands a plan's files out as batches until all are settled, and writes into the ledger what became of each.
 *
 * Few batches of an appliance are on their way at a time: a queue that held a whole night of one region would keep other
 * regions waiting, and could not be paused. An appliance that does not answer, or falls behind what the window leaves,
 * costs its own files only; the others go on, and take its files over where they come next for viewers.
 */
import type { AppliancePlan, FillPlan, LentFile, PlannedFile } from '../../shared/domain/fill.ts';
import type { FillBatch, FillBatchResult } from '../../shared/domain/fill-batch.ts';
import type { ApplianceView } from '../../shared/domain/fleet.ts';
import { chain, type Lines } from '../../shared/domain/planning/lines.ts';
import { pinsOf } from '../../shared/domain/planning/pins.ts';
import { rankAppliances } from '../../shared/domain/routing/rendezvous.ts';
import type { ApplianceApi } from '../../shared/ports/appliance-api.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import { makeChanges } from './changes.ts';
import { asFailure, FillStopped, isPassing, PushFailure } from './fill-errors.ts';
import type { Ledger } from './ledger.ts';
import { makePatience } from './patience.ts';
import type { PauseGate } from './pause-gate.ts';
import { makePlannedWork } from './planned-work.ts';
import { makeSlowWatch } from './slow-watch.ts';

/** Runs one batch somewhere; its signal's abort makes it end early with what it has done. */
export type RunBatch = (batch: FillBatch, signal: AbortSignal) => Promise<FillBatchResult>;

export interface PushRegionInput {
  readonly plan: FillPlan;
  readonly ledger: Ledger;
  readonly runBatch: RunBatch;
  readonly api: ApplianceApi;
  readonly appliances: ReadonlyMap<string, ApplianceView>;
  readonly gate: PauseGate;
  readonly clock: Clock;
  readonly endsAtMs: number | null;
  readonly patienceMs: number;
  /** How long an appliance that all others wait for is watched before it may be called slow. */
  readonly slowAfterMs: number;
  /** Stops everything; its reason says why. */
  readonly signal: AbortSignal;
}

const pieceS = 2;
const pieceFiles = 256;
const smallestPieceBytes = 256 * 1024;
const largestPieceBytes = 128 * 1024 * 1024;
/** On their way to one appliance: while one ends the next is under way. */
const batchesAtOnce = 2;
/** So long others wait for an appliance to tell that it has what it is to keep or lend. */
const tellWithinMs = 20_000;
const standInReasons: readonly PushFailure['reason'][] = ['appliance-unreachable', 'appliance-full', 'appliance-slow'];

export async function pushRegion(input: PushRegionInput): Promise<void> {
  const { plan, ledger, appliances, gate, clock, signal, endsAtMs } = input;
  const changes = makeChanges(signal);
  const rateBytes = (plan.budget.rateBps / 8) * pieceS;
  const work = makePlannedWork(plan.appliances, {
    pieceBytes: Math.min(largestPieceBytes, Math.max(smallestPieceBytes, rateBytes)),
    pieceFiles,
  });
  const slow = makeSlowWatch({ clock, endsAtMs, rateBps: plan.budget.rateBps, afterMs: input.slowAfterMs });
  const givenUp = new Map<string, PushFailure>();
  let batches = 0;
  /** A file of this size or larger had no bytes of the night left. */
  let unaffordableBytes = Number.POSITIVE_INFINITY;

  const failFile = (part: AppliancePlan, at: number, { reason, message }: PushFailure): void => {
    const file = part.fetch.at(at);
    if (!file) return;
    work.settle(part.applianceId, at, false);
    ledger.failed(part.applianceId, file, reason, message);
  };
  const failRest = (part: AppliancePlan, failure: PushFailure): void => {
    for (const at of work.takeRest(part.applianceId)) failFile(part, at, failure);
    changes.notify();
  };

  async function greet(target: ApplianceView, part: AppliancePlan): Promise<ReadonlySet<string>> {
    const sizes = new Map<string, number>();
    for (const { key, sizeBytes } of chain<LentFile>(part.keep, part.fetch, part.lend ?? [])) sizes.set(key, sizeBytes);
    const orders = { ...pinsOf(part), evict: Array.from(part.evict, ({ key }) => key) };
    const greeting = () => input.api.applyPlan(target, orders, signal);
    const answer = await makePatience(input.patienceMs, clock).run(greeting, isPassing, signal);
    return new Set(
      answer.filter(({ key, heldBytes }) => heldBytes >= Math.max(1, sizes.get(key) ?? 1)).map(({ key }) => key),
    );
  }

  function run(part: AppliancePlan, targetId: string, files: readonly number[], peers: readonly string[]) {
    batches += 1;
    const batch: FillBatch = {
      fillId: plan.id,
      batch: String(batches),
      applianceId: targetId,
      plannedFor: part.applianceId,
      files,
      peers,
      endsAtMs,
    };
    return input.runBatch(batch, AbortSignal.any([signal, gate.round()]));
  }

  function absorb(part: AppliancePlan, files: readonly number[], result: FillBatchResult, beganMs: number): void {
    const failures = new Map(result.failed.map(({ file, reason, detail }) => [file, new PushFailure(reason, detail)]));
    const held = new Set(result.held);
    const stopped = new Set(result.stopped);
    for (const at of files) {
      const file = part.fetch.at(at);
      const failure = failures.get(at);
      if (!file || stopped.has(at)) continue;
      if (failure) {
        failFile(part, at, failure);
        if (failure.reason === 'appliance-unreachable') givenUp.set(part.applianceId, failure);
        if (failure.reason === 'night-budget-spent') unaffordableBytes = Math.min(unaffordableBytes, file.sizeBytes);
        continue;
      }
      work.settle(part.applianceId, at, true);
      if (held.has(at)) ledger.skipped(part.applianceId, file);
      else ledger.pushed(part.applianceId, file);
    }
    ledger.came(part.applianceId, result.sources);
    ledger.evicted(part.applianceId, result.evicted);
    work.putBack(part.applianceId, result.stopped);
    slow.stored(part.applianceId, bytesOf(part, files, new Set([...stopped, ...failures.keys()])), beganMs);
  }

  /** Files for which the night has no bytes left fail without asking again. */
  function affordable(part: AppliancePlan, files: readonly number[], peers: readonly string[]): readonly number[] {
    if (peers.length > 0 || unaffordableBytes === Number.POSITIVE_INFINITY) return files;
    const failure = new PushFailure('night-budget-spent', 'the bytes of the night are spent');
    return files.filter((at) => {
      const fits = (part.fetch.at(at)?.sizeBytes ?? 0) < unaffordableBytes;
      if (!fits) failFile(part, at, failure);
      return fits;
    });
  }

  async function lane(part: AppliancePlan): Promise<void> {
    const id = part.applianceId;
    for (;;) {
      await gate.open(signal);
      const failure = givenUp.get(id);
      if (failure) return failRest(part, failure);
      if (slow.isTooSlow(id, work.openBytes(id))) {
        return failRest(part, new PushFailure('appliance-slow', `${id} takes too long for what the window leaves`));
      }
      const piece = work.next(id);
      if (piece === null) return;
      if (piece === 'wait') {
        await changes.next();
        continue;
      }
      const files = affordable(part, piece.files, piece.peers);
      const beganMs = clock.now();
      if (files.length > 0) absorb(part, files, await run(part, id, files, piece.peers), beganMs);
      changes.notify();
    }
  }

  async function fillAppliance(part: AppliancePlan): Promise<void> {
    const id = part.applianceId;
    const target = appliances.get(id);
    if (target?.mode !== 'active') {
      failRest(part, new PushFailure('appliance-refused', `${id} ${target ? `is ${target.mode} now` : 'was removed'}`));
      return;
    }
    const told = new AbortController();
    clock.sleep(tellWithinMs, AbortSignal.any([told.signal, signal])).then(
      () => {
        work.doubt(id);
        changes.notify();
      },
      () => undefined,
    );
    try {
      const held = await greet(target, part).finally(() => told.abort());
      ledger.greeted(id, held);
      work.begin(id, held, target.health === 'healthy');
      changes.notify();
      slow.began(id);
      const lanes = await Promise.allSettled(Array.from({ length: batchesAtOnce }, () => lane(part)));
      for (const one of lanes) if (one.status === 'rejected') throw one.reason;
      failRest(part, givenUp.get(id) ?? new PushFailure('appliance-refused', 'its turn never came'));
    } catch (error) {
      const failure = asFailure(error);
      if (failure.reason === 'appliance-unreachable') givenUp.set(id, failure);
      failRest(part, failure);
    } finally {
      slow.ended(id);
      changes.notify();
    }
  }

  /** Who may stand in for others: active, and without troubles of its own. */
  function helpers(): readonly ApplianceView[] {
    const troubled = new Set(ledger.failures.map(({ applianceId }) => applianceId));
    return plan.appliances.flatMap(({ applianceId }) => {
      const view = appliances.get(applianceId);
      return view?.mode === 'active' && !troubled.has(applianceId) ? [view] : [];
    });
  }

  /** A title goes to the next one by the ranking that sends viewers. */
  async function standIn(part: AppliancePlan, others: readonly ApplianceView[]): Promise<void> {
    const places = new Map(Array.from(part.fetch, ({ key }, at) => [key, at]));
    const groups = new Map<string, number[]>();
    for (const failure of ledger.failures) {
      const at = places.get(failure.key);
      const file = at === undefined ? undefined : part.fetch.at(at);
      if (failure.applianceId !== part.applianceId || !standInReasons.includes(failure.reason)) continue;
      if (!file || at === undefined || work.isHeldInRegion(file.key)) continue;
      const [other] = rankAppliances(file.assetId, others);
      if (other) groups.set(other.id, [...(groups.get(other.id) ?? []), at]);
    }
    for (const [targetId, files] of groups) {
      for (const piece of cut(part, files, Math.max(smallestPieceBytes, rateBytes))) {
        await gate.open(signal);
        if (signal.aborted) return;
        const result = await run(part, targetId, piece, []);
        const missed = new Set([...result.stopped, ...result.failed.map(({ file }) => file)]);
        for (const at of piece) {
          const file = part.fetch.at(at);
          if (file && !missed.has(at)) ledger.tookOver(targetId, part.applianceId, file);
        }
        if (missed.size === piece.length) break;
      }
    }
  }

  /** All have ended before it does, also when one of them throws. */
  async function forAll(work: (part: AppliancePlan) => Promise<void>): Promise<void> {
    for (const one of await Promise.allSettled(plan.appliances.map(work))) {
      if (one.status === 'rejected') throw one.reason;
    }
  }

  /** What was lent may be evicted now; if it cannot be told, the next plan will. */
  async function endLending({ applianceId, keep, fetch, lend = [] }: AppliancePlan): Promise<void> {
    const target = appliances.get(applianceId);
    if (!target || lend.length === 0 || signal.aborted) return;
    const pinned = Array.from(chain(keep, fetch), ({ key }) => key);
    await input.api.applyPlan(target, { pinned, evict: [] }, signal).catch(() => undefined);
  }

  await forAll(fillAppliance);
  if (signal.aborted) return;
  const others = helpers();
  await forAll((part) => standIn(part, others)).catch((error: unknown) => {
    // Stopped: what nobody could take over stays a failure.
    if (!(error instanceof FillStopped)) throw error;
  });
  await forAll(endLending);
}

function bytesOf(part: AppliancePlan, files: readonly number[], without: ReadonlySet<number>): number {
  return files.reduce((sum, at) => sum + (without.has(at) ? 0 : (part.fetch.at(at)?.sizeBytes ?? 0)), 0);
}

function* cut(part: { readonly fetch: Lines<PlannedFile> }, files: readonly number[], mostBytes: number) {
  let piece: number[] = [];
  let bytes = 0;
  for (const at of files) {
    const size = part.fetch.at(at)?.sizeBytes ?? 0;
    if (piece.length > 0 && (piece.length >= pieceFiles || bytes + size > mostBytes)) {
      yield piece;
      piece = [];
      bytes = 0;
    }
    piece.push(at);
    bytes += size;
  }
  if (piece.length > 0) yield piece;
}
