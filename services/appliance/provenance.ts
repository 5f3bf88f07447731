/**
 * How the bytes that viewers ask for stand with the nightly plan: what was planned and has come, what was here once, what
 * is new. It names causes for telemetry; what is served, kept or given up is decided elsewhere.
 *
 * Bounded, and in memory: a restart forgets what was evicted before it (those misses then read `unseen`). The plan is kept on disk,
 * and which of its slices were used, as far as `keepUses` was called: after a crash those of the last moments count as first used again.
 */
import { randomUUID } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { HitCause, MissCause } from '../../shared/domain/demand.ts';
import { parseObjectKey } from '../../shared/domain/keys.ts';
import type { SliceSpec } from '../../shared/domain/manifest.ts';
import { hash53 } from '../../shared/domain/routing/hash.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import type { InventoryEntry } from '../../shared/ports/segment-cache.ts';
import { makeAgingMap } from './aging-map.ts';
import { type PlanUses, packUses, unpackUses } from './plan-uses.ts';
import type { StateFile } from './state-file.ts';

export interface Provenance {
  /** Of a slice that is held, with the bytes of it that count as first used. */
  hit(
    key: string,
    slice: Pick<SliceSpec, 'index' | 'sizeBytes'>,
  ): { readonly cause: HitCause; readonly firstUseBytes: number };
  /** Of a slice that is not held; to be asked before it is pulled. */
  miss(key: string, sliceIndex: number): MissCause;
  /** A slice was stored, by a fill or a pull. */
  stored(key: string, sliceIndex: number): void;
  /** An object was deleted on purpose. */
  purged(key: string): void;
  /** A plan was applied: its keys, and those of them that are held, wholly or in part. */
  planned(keys: Iterable<string>, held: ReadonlySet<string>): Promise<void>;
  /** Writes down which planned slices were used, where that has changed. */
  keepUses(): Promise<void>;
}

/** What is kept on disk of the plan. */
export interface PlanMemory {
  /** Empty in files from before uses were kept. */
  readonly planId: string;
  readonly appliedAt: string;
  /** Not here when it came: what the fill brings. */
  readonly missing: readonly string[];
  readonly held: readonly string[];
}

export interface ProvenanceDeps {
  readonly clock: Clock;
  readonly file: StateFile<PlanMemory>;
  readonly uses: StateFile<PlanUses>;
  /** What is held at the start. */
  readonly inventory: Iterable<InventoryEntry>;
  readonly has: (key: string, sliceIndex: number) => boolean;
  readonly maxSlices?: number;
}

/** A planned object. */
interface Planned {
  readonly filled: boolean;
  arrived: boolean;
  usedFirst: boolean;
  /** Slices behind the first, for the few objects that have any. */
  usedMore: Set<number> | null;
}

/** About 20 MB when full: what a terabyte of small segments holds, or two of large ones. */
const defaultMaxSlices = 500_000;
const maxAssets = 50_000;
/** So many objects are entered before others have a turn: about a millisecond. */
const enteredAtOnce = 1_000;
const mostVersions = 4;
/** A version is new for so long. */
const newForMs = 24 * 3_600_000;
/** Bytes that a fill brought so recently are still those of the latest fill when a further plan of the day comes. */
const latestFillMs = 18 * 3_600_000;

export async function openProvenance(deps: ProvenanceDeps): Promise<Provenance> {
  const { clock, file, maxSlices = defaultMaxSlices } = deps;
  const plan = new Map<string, Planned>();
  const slices = makeAgingMap<number, 'here' | 'purged'>(maxSlices);
  /** Asset → its versions, with when each was first asked for or stored here. */
  const versions = new LRUCache<string, Map<string, number>>({ max: maxAssets });
  let appliedAtMs = 0;
  let planId = '';
  /** Planned objects in the order in which the plan's file has them. */
  let order: readonly Planned[] = [];
  let areUsesKept = true;

  const mark = (key: string, index: number, as: 'here' | 'purged'): void => slices.set(hash53(`${key}#${index}`), as);

  function versionSeen(key: string, atMs: number): ReadonlyMap<string, number> | null {
    const object = parseObjectKey(key);
    if (!object) return null;
    const known = versions.get(object.assetId) ?? new Map<string, number>();
    if (!known.has(object.version)) {
      known.set(object.version, atMs);
      for (const oldest of known.keys()) {
        if (known.size <= mostVersions) break;
        known.delete(oldest);
      }
    }
    versions.set(object.assetId, known);
    return known;
  }

  function isReplacement(key: string): boolean {
    const known = versionSeen(key, clock.now());
    const since = known?.get(parseObjectKey(key)?.version ?? '');
    if (!known || since === undefined || clock.now() - since >= newForMs) return false;
    return [...known.values()].some((other) => other < since);
  }

  const inOrder = ({ missing, held }: Pick<PlanMemory, 'missing' | 'held'>): Planned[] =>
    [...missing, ...held].flatMap((key) => plan.get(key) ?? []);
  async function keepUses(): Promise<void> {
    if (areUsesKept) return;
    areUsesKept = true;
    await deps.uses.write(packUses(planId, order, order.length));
  }

  const enter = (key: string, filled: boolean, arrived: boolean): void => {
    plan.set(key, { filled, arrived, usedFirst: false, usedMore: null });
  };

  function firstUse(planned: Planned, { index, sizeBytes }: Pick<SliceSpec, 'index' | 'sizeBytes'>): number {
    if (index === 0) {
      if (planned.usedFirst) return 0;
      planned.usedFirst = true;
      areUsesKept = false;
      return sizeBytes;
    }
    planned.usedMore ??= new Set();
    if (planned.usedMore.has(index)) return 0;
    planned.usedMore.add(index);
    areUsesKept = false;
    return sizeBytes;
  }

  function enterHeld({ key, slices: count }: InventoryEntry): void {
    versionSeen(key, 0);
    for (let index = 0, found = 0; found < count && index < count * 4 + 16; index += 1) {
      if (!deps.has(key, index)) continue;
      found += 1;
      mark(key, index, 'here');
    }
  }
  /** What is held matters here once it has left: there is time, and viewers wait for the start. */
  async function enterAll(): Promise<void> {
    let entered = 0;
    for (const entry of deps.inventory) {
      enterHeld(entry);
      entered += 1;
      if (entered % enteredAtOnce === 0) await new Promise((resolve) => setImmediate(resolve));
    }
  }
  void enterAll();
  const kept = await file.read();
  if (kept) {
    appliedAtMs = Date.parse(kept.appliedAt);
    for (const key of kept.held) enter(key, false, true);
    for (const key of kept.missing) enter(key, true, deps.has(key, 0));
    planId = kept.planId;
    order = inOrder(kept);
    const used = await deps.uses.read();
    if (used && planId !== '' && used.planId === planId) unpackUses(used, order);
  }

  return {
    hit(key, slice) {
      const planned = plan.get(key);
      if (!planned) return pulled;
      return { cause: planned.filled ? 'filled' : 'kept', firstUseBytes: firstUse(planned, slice) };
    },

    miss(key, index) {
      const before = slices.get(hash53(`${key}#${index}`));
      const planned = plan.get(key);
      if (planned) return planned.arrived && before === 'here' ? 'lost' : 'late';
      if (before) return before === 'purged' ? 'purged' : 'evicted';
      return isReplacement(key) ? 'replaced' : 'unseen';
    },

    stored(key, index) {
      mark(key, index, 'here');
      versionSeen(key, clock.now());
      const planned = plan.get(key);
      if (planned) planned.arrived = true;
    },

    purged(key) {
      for (let index = 0; slices.has(hash53(`${key}#${index}`)); index += 1) mark(key, index, 'purged');
    },

    async planned(keys, held) {
      const isRecent = clock.now() - appliedAtMs < latestFillMs;
      const before = new Map(plan);
      plan.clear();
      const missing: string[] = [];
      const there: string[] = [];
      for (const key of keys) {
        const known = before.get(key);
        const filled = !held.has(key) || (isRecent && known?.filled === true);
        if (isRecent && known?.filled === filled) plan.set(key, { ...known, arrived: held.has(key) });
        else enter(key, filled, held.has(key));
        (filled ? missing : there).push(key);
      }
      // Until the first plan's bytes are old, a further one of the day adds to them.
      if (!isRecent) appliedAtMs = clock.now();
      planId = randomUUID();
      order = inOrder({ missing, held: there });
      areUsesKept = false;
      await file.write({ planId, appliedAt: new Date(appliedAtMs).toISOString(), missing, held: there });
      await keepUses();
    },

    keepUses,
  };
}

const pulled = { cause: 'pulled', firstUseBytes: 0 } as const;

export function parsePlanMemory(value: unknown): PlanMemory | null {
  const { planId, appliedAt, missing, held } = (value ?? {}) as Partial<Record<keyof PlanMemory, unknown>>;
  const texts = (list: unknown): string[] | null =>
    Array.isArray(list) ? list.filter((one) => typeof one === 'string') : null;
  const [missed, there] = [texts(missing), texts(held)];
  if (typeof appliedAt !== 'string' || Number.isNaN(Date.parse(appliedAt)) || !missed || !there) return null;
  return { planId: typeof planId === 'string' ? planId : '', appliedAt, missing: missed, held: there };
}
