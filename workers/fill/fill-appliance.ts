/**
 * Carries out one appliance's part of a plan: greet, then push what is missing in the plan's order.
 *
 * The greeting sets the pinned set, frees what the plan evicts and tells what is held. `asset.json` of a version is
 * stored before any other file of it is sent. Whatever happens to a file is written into the ledger; this never throws
 * for a file, only for the signal of an aborted job.
 */
import type { AppliancePlan, PlannedFile } from '../../shared/domain/fill.ts';
import { manifestName } from '../../shared/domain/keys.ts';
import {
  type ApplianceApi,
  ApplianceApiError,
  type ApplianceApiErrorCode,
  type ApplianceTarget,
} from '../../shared/ports/appliance-api.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import { ObjectStoreError } from '../../shared/ports/object-store.ts';
import { FillStopped, PushFailure } from './fill-errors.ts';
import type { Ledger } from './ledger.ts';
import { makeRoom } from './make-room.ts';
import { makePatience, type Patience } from './patience.ts';
import type { PushFile } from './push-file.ts';

export interface FillApplianceDeps {
  readonly api: ApplianceApi;
  readonly clock: Clock;
  readonly ledger: Ledger;
  readonly pushFile: PushFile;
  /** Runs a push when one of the region's places is free. */
  readonly inTurn: <T>(push: () => Promise<T>) => Promise<T>;
  /** Of the object store; shared by all appliances. */
  readonly storePatience: Patience;
  /** How long this appliance may fail before it is given up. */
  readonly patienceMs: number;
  readonly parallelPushes: number;
  readonly isDeleted: (assetId: string) => boolean;
  /** Called whenever something changed that a watcher wants to see. */
  readonly onProgress: () => void;
}

const isPassing = (error: unknown): boolean => error instanceof ApplianceApiError && error.code === 'unreachable';
const isStoreAway = (error: unknown): boolean => error instanceof ObjectStoreError && error.code === 'unavailable';
const mostRoomRounds = 3;

const failureReasons = {
  unreachable: 'appliance-unreachable',
  'manifest-missing': 'appliance-refused',
  'digest-mismatch': 'digest-mismatch',
  'no-room': 'appliance-full',
  'version-gone': 'asset-deleted',
  refused: 'appliance-refused',
} as const satisfies Record<ApplianceApiErrorCode, PushFailure['reason']>;

/** @throws the error itself when it is none that a report can explain, above all that of an aborted job. */
function asFailure(error: unknown): PushFailure {
  if (error instanceof PushFailure) return error;
  if (error instanceof FillStopped) return new PushFailure(error.reason, error.message);
  if (error instanceof ApplianceApiError) return new PushFailure(failureReasons[error.code], error.message);
  if (error instanceof ObjectStoreError) return new PushFailure('source-unreachable', error.message);
  throw error;
}

export function makeFillAppliance(deps: FillApplianceDeps) {
  const { api, clock, ledger, pushFile, inTurn, storePatience, isDeleted, onProgress } = deps;

  return async (target: ApplianceTarget, plan: AppliancePlan, signal: AbortSignal): Promise<void> => {
    const patience = makePatience(deps.patienceMs, clock);
    const manifests = new Map<string, Promise<PushFailure | null>>();
    const manifestFiles = new Map(
      [...plan.keep, ...plan.fetch].filter(isManifest).map((file) => [versionOf(file), file]),
    );
    let roomRounds = 0;
    let clearing: Promise<boolean> | null = null;

    const fail = (file: PlannedFile, error: unknown): PushFailure => {
      const failure = asFailure(error);
      ledger.failed(target.id, file, failure.reason, failure.message);
      onProgress();
      return failure;
    };

    async function greet(): Promise<ReadonlySet<string>> {
      const orders = {
        pinned: [...plan.keep, ...plan.fetch].map(({ key }) => key),
        evict: plan.evict.map(({ key }) => key),
      };
      const answer = await patience.run(() => api.applyPlan(target, orders, signal), isPassing, signal);
      const sizes = new Map([...plan.keep, ...plan.fetch].map(({ key, sizeBytes }) => [key, sizeBytes]));
      return new Set(
        answer.filter(({ key, heldBytes }) => heldBytes >= Math.max(1, sizes.get(key) ?? 1)).map(({ key }) => key),
      );
    }

    /** Sends a file until it is stored; what a second try may mend is tried again. */
    async function send(file: PlannedFile): Promise<'stored' | 'already-held'> {
      const once = () =>
        patience.run(
          () => storePatience.run(() => inTurn(() => pushFile(target, file, signal)), isStoreAway, signal),
          isPassing,
          signal,
        );
      for (let tries = 0; ; tries += 1) {
        try {
          return await once();
        } catch (error) {
          if (!(error instanceof ApplianceApiError) || !(await isMended(error, file, tries))) throw error;
        }
      }
    }

    async function isMended({ code }: ApplianceApiError, file: PlannedFile, tries: number): Promise<boolean> {
      if (code === 'digest-mismatch') return tries === 0;
      if (code === 'manifest-missing') {
        const manifest = manifestFiles.get(versionOf(file));
        if (tries > 0 || !manifest || manifest === file) return false;
        await send(manifest);
        return true;
      }
      if (code !== 'no-room') return false;
      clearing ??= clear(file.sizeBytes).finally(() => {
        clearing = null;
      });
      return clearing;
    }

    /** One round at a time: what one push frees, the others waiting for room may use. */
    async function clear(neededBytes: number): Promise<boolean> {
      if (roomRounds >= mostRoomRounds) return false;
      roomRounds += 1;
      const made = await patience.run(() => makeRoom(api, target, plan, neededBytes, signal), isPassing, signal);
      if (made) ledger.evicted(target.id, made.evicted);
      return made !== null;
    }

    /** Null when the file lies on the appliance now. */
    async function handle(file: PlannedFile): Promise<PushFailure | null> {
      try {
        signal.throwIfAborted();
        if (isDeleted(file.assetId)) throw new PushFailure('asset-deleted', `${file.assetId} was deleted`);
        const lacking = isManifest(file) ? null : await manifests.get(versionOf(file));
        if (lacking) throw new PushFailure(lacking.reason, `its asset.json is not there: ${lacking.message}`);
        const outcome = await send(file);
        if (outcome === 'stored') ledger.pushed(target.id, file);
        else ledger.skipped(target.id, file);
        onProgress();
        return null;
      } catch (error) {
        return fail(file, error);
      }
    }

    let held: ReadonlySet<string>;
    try {
      held = await greet();
    } catch (error) {
      for (const file of plan.fetch) fail(file, error);
      return;
    }
    ledger.greeted(target.id, held);
    onProgress();

    const queue = plan.fetch.filter(({ key }) => !held.has(key)).values();
    const lanes = Array.from({ length: deps.parallelPushes }, async () => {
      for (const file of queue) {
        const handling = handle(file);
        if (isManifest(file)) manifests.set(versionOf(file), handling);
        await handling;
      }
    });
    await Promise.all(lanes);
  };
}

const isManifest = ({ key }: PlannedFile): boolean => key.endsWith(`/${manifestName}`) && key.split('/').length === 3;
const versionOf = ({ key }: PlannedFile): string => key.split('/', 2).join('/');
