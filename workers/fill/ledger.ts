/**
 * What became of each planned file, as it happens; the live counts, the report and a later attempt are made from it.
 *
 * An attempt that takes up another's work finds files held that the first one pushed. What was held before anything was
 * pushed is known from the first greeting of each appliance and kept in the fill's document (`skipped`), so everything
 * else that is held by now counts as pushed.
 */
import {
  type ApplianceFillResult,
  type Fill,
  type FillCount,
  type FillFailure,
  type FillFailureReason,
  type FillPlan,
  type FillSource,
  fillSources,
  type PlannedFile,
} from '../../shared/domain/fill.ts';
import type { FillBatchResult } from '../../shared/domain/fill-batch.ts';
import { addCounts, countFiles, noCount, totalsOf } from '../../shared/domain/reporting/fill-report.ts';
import { heldKeys, heldRuns } from '../../shared/domain/reporting/held-files.ts';

export interface Ledger {
  /** The appliance freed what the plan evicts and said what it holds: planned keys that are whole there. */
  greeted(applianceId: string, heldKeys: ReadonlySet<string>): void;
  evicted(applianceId: string, count: FillCount): void;
  pushed(applianceId: string, file: PlannedFile): void;
  /** It turned out to be held when its turn came. */
  skipped(applianceId: string, file: PlannedFile): void;
  failed(applianceId: string, file: PlannedFile, reason: FillFailureReason, detail: string): void;
  /** What was pushed came from there. */
  came(applianceId: string, sources: FillBatchResult['sources']): void;
  /** `applianceId` stored what `plannedFor` could not. */
  tookOver(applianceId: string, plannedFor: string, file: PlannedFile): void;
  /** All bytes that left so far, whatever became of them. */
  sent(totalBytes: number): void;
  readonly sentBytes: number;
  readonly failures: readonly FillFailure[];
  readonly held: ReadonlyMap<string, ReadonlySet<string>>;
  readonly pushedByAsset: Readonly<Record<string, number>>;
  results(): ApplianceFillResult[];
  /** The counts of a live fill document. */
  counts(): Pick<Fill, 'planned' | 'pushed' | 'skipped' | 'failed' | 'sentBytes' | 'appliances' | 'heldBefore'>;
}

interface Entry {
  readonly planned: FillCount;
  pushed: FillCount;
  skipped: FillCount;
  failed: FillCount;
  evicted: FillCount;
  tookOver: FillCount;
  readonly sources: Partial<Record<FillSource, FillCount>>;
  greeted: boolean;
}

const one = (file: PlannedFile): FillCount => ({ files: 1, bytes: file.sizeBytes });
const less = (a: FillCount, b: FillCount): FillCount => ({
  files: Math.max(0, a.files - b.files),
  bytes: Math.max(0, a.bytes - b.bytes),
});

/** @param before the fill's document as the attempt before left it; its counts are carried on. */
export function makeLedger(plan: FillPlan, before: Fill): Ledger {
  const earlier = new Map(before.appliances?.map((result) => [result.applianceId, result]));
  const entries = new Map<string, Entry>(
    plan.appliances.map(({ applianceId, fetch }) => {
      const known = earlier.get(applianceId);
      return [
        applianceId,
        {
          planned: countFiles(fetch),
          pushed: known?.pushed ?? noCount,
          skipped: known?.skipped ?? noCount,
          failed: noCount,
          evicted: known?.evicted ?? noCount,
          tookOver: known?.tookOver ?? noCount,
          sources: { ...known?.sources },
          greeted: known !== undefined,
        },
      ];
    }),
  );
  const held = new Map(plan.appliances.map(({ applianceId }) => [applianceId, new Set<string>()]));
  /** What lay there before this fill pushed it; a fill that began before this was kept knows only how much. */
  const heldBefore = heldKeys(plan, before.heldBefore ?? []);
  const knowsBefore = before.heldBefore !== undefined || before.appliances === undefined;
  const failures: FillFailure[] = [];
  const failureOf = new Map<string, number>();
  const pushedByAsset: Record<string, number> = {};
  let sentBytes = before.sentBytes ?? 0;

  const entryOf = (applianceId: string): Entry => {
    const entry = entries.get(applianceId);
    if (!entry) throw new RangeError(`${applianceId} is not in plan ${plan.id}`);
    return entry;
  };
  /** Counts are asked for once a second, and it takes a walk through the plan to write these down. */
  let runsBefore: ReturnType<typeof heldRuns> | null = null;
  const foundHeld = (applianceId: string, key: string): void => {
    heldBefore.get(applianceId)?.add(key);
    runsBefore = null;
  };
  const credit = (file: PlannedFile): void => {
    pushedByAsset[file.assetId] = (pushedByAsset[file.assetId] ?? 0) + file.sizeBytes;
  };
  const results = (): ApplianceFillResult[] =>
    [...entries].map(([applianceId, { greeted: _greeted, tookOver, sources, ...counts }]) => ({
      applianceId,
      ...counts,
      ...(Object.keys(sources).length > 0 ? { sources: { ...sources } } : {}),
      ...(tookOver.files > 0 ? { tookOver } : {}),
    }));

  return {
    greeted(applianceId, heldKeys) {
      const entry = entryOf(applianceId);
      const part = plan.appliances.find((one) => one.applianceId === applianceId);
      const there: PlannedFile[] = [];
      if (heldKeys.size > 0) for (const file of part?.fetch ?? []) if (heldKeys.has(file.key)) there.push(file);
      for (const key of heldKeys) held.get(applianceId)?.add(key);
      if (entry.greeted) {
        entry.pushed = less(countFiles(there), entry.skipped);
        if (knowsBefore || entry.skipped.files === 0) {
          for (const file of there) if (!heldBefore.get(applianceId)?.has(file.key)) credit(file);
        }
      } else {
        entry.skipped = countFiles(there);
        for (const { key } of there) foundHeld(applianceId, key);
        entry.evicted = countFiles(part?.evict ?? []);
      }
      entry.greeted = true;
    },
    evicted(applianceId, count) {
      const entry = entryOf(applianceId);
      entry.evicted = addCounts(entry.evicted, count);
    },
    pushed(applianceId, file) {
      const entry = entryOf(applianceId);
      entry.pushed = addCounts(entry.pushed, one(file));
      held.get(applianceId)?.add(file.key);
      credit(file);
    },
    skipped(applianceId, file) {
      const entry = entryOf(applianceId);
      entry.skipped = addCounts(entry.skipped, one(file));
      foundHeld(applianceId, file.key);
      held.get(applianceId)?.add(file.key);
    },
    failed(applianceId, file, reason, detail) {
      const entry = entryOf(applianceId);
      entry.failed = addCounts(entry.failed, one(file));
      failureOf.set(`${applianceId} ${file.key}`, failures.length);
      failures.push({ applianceId, key: file.key, sizeBytes: file.sizeBytes, reason, detail });
    },
    came(applianceId, counts) {
      const { sources } = entryOf(applianceId);
      for (const source of fillSources) {
        const count = counts[source];
        if (count) sources[source] = addCounts(sources[source] ?? noCount, count);
      }
    },
    tookOver(applianceId, plannedFor, file) {
      const entry = entryOf(applianceId);
      entry.tookOver = addCounts(entry.tookOver, one(file));
      const at = failureOf.get(`${plannedFor} ${file.key}`) ?? -1;
      const failure = failures[at];
      if (failure) failures[at] = { ...failure, heldBy: applianceId };
    },
    sent(totalBytes) {
      sentBytes = Math.max(sentBytes, totalBytes);
    },
    get sentBytes() {
      return sentBytes;
    },
    failures,
    held,
    pushedByAsset,
    results,
    counts() {
      runsBefore ??= heldRuns(plan, heldBefore);
      return {
        ...totalsOf(results()),
        sentBytes,
        appliances: results(),
        // Of a fill that an older release began, what was there is not known: better nothing than half of it.
        ...(knowsBefore ? { heldBefore: runsBefore } : {}),
      };
    },
  };
}
