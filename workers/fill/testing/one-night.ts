/** A night to measure: a published title in a folder store, a Redis, and one fill of it to an appliance that runs elsewhere. */
import { makeApplianceHttpApi } from '../../../shared/adapters/appliance-http/appliance-http.ts';
import type { FillReport } from '../../../shared/domain/fill.ts';
import type { ApplianceTarget } from '../../../shared/ports/appliance-api.ts';
import { makeFillNight } from '../../../shared/testing/fill-night.ts';
import { startFillWorker } from './run-fill.ts';

export interface OneNight {
  /** Where the title's files lie. */
  readonly folder: string;
  /** Fills the appliance with all of it; `seconds` from asking for the fill until its report is written. */
  fill(target: ApplianceTarget, run: number): Promise<{ readonly seconds: number; readonly report: FillReport }>;
  /** Removes everything from the appliance again. */
  dispose(): Promise<void>;
}

export async function makeOneNight(options: {
  readonly assetId: string;
  readonly segmentBytes: readonly number[];
  readonly credentialOf: (applianceId: string) => string;
  readonly parallelPushes: number;
}): Promise<OneNight> {
  const night = await makeFillNight();
  const api = makeApplianceHttpApi({ credentialOf: options.credentialOf });
  await night.publish(options.assetId, options.segmentBytes);
  return {
    folder: `${night.kit.redisKit.folder}/objects/assets/${options.assetId}`,
    async fill(target, run) {
      const fill = await night.freezeFor([target], { run, budget: { rateBps: 1e12, bytesPerNight: 1e15 } });
      const worker = await startFillWorker(night, { api, parallelPushes: options.parallelPushes });
      try {
        const startMs = performance.now();
        const { id } = await worker.jobs.add('fill-region', { fillId: fill.id });
        const ended = await worker.jobs.waitFor('fill-region', id, 600_000);
        const seconds = (performance.now() - startMs) / 1_000;
        if (ended?.result?.state !== 'completed')
          throw new Error(`the fill is ${ended?.result?.state ?? ended?.failure}`);
        return { seconds, report: await night.report(run) };
      } finally {
        await worker.close();
      }
    },
    async dispose() {
      await api.close();
      await night.dispose();
    },
  };
}
