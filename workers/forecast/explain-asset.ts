/** The job explain-asset: why an asset is in a frozen plan or not, from the plan and its forecast alone. */
import { explainAsset } from '../../shared/domain/planning/explain.ts';
import { aboutAsset } from '../../shared/domain/planning/plan-view.ts';
import type { Documents } from '../../shared/ports/documents.ts';
import { type JobHandler, UnrecoverableJobError } from '../../shared/ports/job-queue.ts';

export function makeExplainAsset(documents: Documents): JobHandler<'explain-asset'> {
  return async ({ payload: { regionId, date, run, assetId } }) => {
    const plan = await documents.getPlan(regionId, date, run);
    if (!plan) throw new UnrecoverableJobError(`${regionId} has no frozen plan for ${date}, run ${run}`);
    const forecast = await documents.getForecast(regionId, date, run);
    return { plan: await aboutAsset(plan, assetId), explanation: explainAsset(plan, forecast, assetId) };
  };
}
