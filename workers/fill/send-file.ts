/** Sends one file until it is stored: what a second try may mend is tried again, and room is made where there is none. */
import type { AppliancePlan, FillCount, PlannedFile } from '../../shared/domain/fill.ts';
import { chain } from '../../shared/domain/planning/lines.ts';
import { countFiles } from '../../shared/domain/reporting/fill-report.ts';
import { type ApplianceApi, ApplianceApiError, type ApplianceTarget } from '../../shared/ports/appliance-api.ts';
import type { ApplianceState } from './appliance-state.ts';
import { isPassing, isStoreAway, PushFailure } from './fill-errors.ts';
import { makeRoom } from './make-room.ts';
import type { Patience } from './patience.ts';
import { isManifest, versionOf } from './planned-files.ts';
import type { Pushed, PushFile } from './push-file.ts';

export interface SendFileDeps {
  readonly api: ApplianceApi;
  readonly state: ApplianceState;
  /** The part of the plan that the files are of. */
  readonly part: AppliancePlan;
  /** True where the appliance takes files planned for another: nothing goes to make room for them. */
  readonly standsIn: boolean;
  readonly pushFile: PushFile;
  /** Of the object store; shared by all appliances. */
  readonly storePatience: Patience;
  readonly onEvicted: (count: FillCount) => void;
}

const mostRoomRounds = 3;

export function makeSendFile(deps: SendFileDeps) {
  const { api, state, part, standsIn, pushFile, storePatience, onEvicted } = deps;
  const { patience } = state;
  function manifestOf(file: PlannedFile): PlannedFile | undefined {
    const version = versionOf(file);
    for (const one of chain(part.keep, part.fetch)) if (isManifest(one) && versionOf(one) === version) return one;
    return undefined;
  }

  async function send(
    target: ApplianceTarget,
    file: PlannedFile,
    peers: readonly ApplianceTarget[],
    signal: AbortSignal,
  ): Promise<Pushed> {
    if (file.sizeBytes >= state.fullFromBytes)
      throw new PushFailure('appliance-full', `${target.id} has no room for ${file.sizeBytes} bytes more`);
    for (let tries = 0; ; tries += 1) {
      try {
        return await patience.run(
          () => storePatience.run(() => pushFile(target, file, peers, signal), isStoreAway, signal),
          isPassing,
          signal,
        );
      } catch (error) {
        if (!(error instanceof ApplianceApiError) || !(await isMended(error, target, file, tries, signal))) throw error;
      }
    }
  }

  async function isMended(
    { code }: ApplianceApiError,
    target: ApplianceTarget,
    file: PlannedFile,
    tries: number,
    signal: AbortSignal,
  ): Promise<boolean> {
    if (code === 'digest-mismatch') return tries === 0;
    if (code === 'manifest-missing') {
      const manifest = manifestOf(file);
      if (tries > 0 || !manifest || manifest === file) return false;
      await send(target, manifest, [], signal);
      return true;
    }
    if (code !== 'no-room') return false;
    if (!standsIn) {
      state.clearing ??= clear(target, file.sizeBytes, signal).finally(() => {
        state.clearing = null;
      });
      if (await state.clearing) return true;
    }
    state.fullFromBytes = Math.min(state.fullFromBytes, file.sizeBytes);
    return false;
  }

  /** One round at a time: what one push frees, the others waiting for room may use. */
  async function clear(target: ApplianceTarget, neededBytes: number, signal: AbortSignal): Promise<boolean> {
    if (state.roomRounds >= mostRoomRounds) return false;
    state.roomRounds += 1;
    const made = await patience.run(() => makeRoom(api, target, part, neededBytes, signal), isPassing, signal);
    if (made) onEvicted(countFiles(made.evicted));
    return made !== null;
  }

  return send;
}
