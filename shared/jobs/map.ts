/**
 * The one map of jobs: name → payload, result, id, queue, retry policy.
 *
 * The id says what the work is, so that adding it twice is one job. BullMQ forbids `:` in ids and ids of digits only.
 */

import type { AssetEvent } from '../domain/asset-event.ts';
import type { FillState } from '../domain/fill.ts';
import type { FillBatch, FillBatchResult } from '../domain/fill-batch.ts';
import type { Explanation } from '../domain/planning/explain.ts';
import type { ForecastView, PlanView } from '../domain/planning/plan-view.ts';
import type { Verification } from '../domain/reporting/verify-report.ts';

export interface JobPayloads {
  /** Make a published version of an uploaded asset. */
  'transcode-asset': { readonly assetId: string };
  /** One part of a long transcode, a child of `transcode-asset`. */
  'encode-chunk': EncodeChunkPayload;
  /** Give a published asset the text that its document has now. `change` tells one change from the next. */
  'retext-asset': { readonly assetId: string; readonly change: string };
  /** Forecast a region's day and, unless `dry`, freeze the plan and start the fill. */
  'plan-region': PlanRegionPayload;
  /** Say why an asset is in a frozen plan or not: of a long one it takes seconds, and most of its parts. */
  'explain-asset': PlanQuestion & { readonly assetId: string };
  /** Compute every number of a report again. */
  'verify-report': PlanQuestion;
  /** Carry out a frozen plan. */
  'fill-region': { readonly fillId: string };
  /** Bring some files of a plan to one appliance; a child of the fill's job. */
  'fill-batch': FillBatch;
  /** Write yesterday's score into its report. */
  'score-region': { readonly regionId: string; readonly date?: string };
  /** Delete an asset's objects everywhere and then its document. */
  /** `again`: what a worker that nobody could wait for wrote after the deletion. */
  'delete-asset': { readonly assetId: string; readonly again?: true };
  /** Tell the outside of an asset's new state. */
  'deliver-webhook': { readonly event: AssetEvent };
}

export interface EncodeChunkPayload {
  readonly assetId: string;
  /** The version that it becomes a part of. */
  readonly version: string;
  /** The chunk's number from 0, all renditions of its picture; or the sound of the whole film. */
  readonly part: number | 'sound';
}

export interface PlanRegionPayload {
  readonly regionId: string;
  /** The day to prepare for, on the region's calendar; absent for a schedule: the day that the coming window prepares. */
  readonly date?: string;
  /** The fill to plan for; absent for a schedule, which creates its own, and for a dry run. */
  readonly fillId?: string;
  /** Compute and return, write nothing. What it returns goes through Redis: no list is longer than asked for. */
  readonly dry?: DryRun;
  /** Makes dry runs distinct from each other. */
  readonly nonce?: string;
}

/** Asked by somebody who waits for the answer; `nonce` tells two who ask the same apart. */
export interface PlanQuestion {
  readonly regionId: string;
  readonly date: string;
  readonly run: number;
  readonly nonce: string;
}

export interface DryRun {
  /** Lines of each list of the plan, and assets of the forecast. */
  readonly lines: number;
  /** Assets of the forecast before these. */
  readonly after?: number;
  /** Only what the plan says of this one, and why. */
  readonly asset?: string;
}

export interface JobResults {
  'transcode-asset': { readonly version: string };
  /** Where it cannot be cut without a seam, the reason: then the whole is encoded in one go. */
  'encode-chunk': { readonly uncuttable: string | null };
  /** Null: the asset is not published yet, and its transcode takes the text along. */
  'retext-asset': { readonly version: string | null };
  /** A dry run returns its documents; a frozen plan is found under the fill's id. */
  'plan-region':
    | {
        readonly kind: 'dry';
        readonly forecast: ForecastView;
        readonly plan: PlanView;
        readonly explanation?: Explanation;
      }
    | { readonly kind: 'frozen'; readonly fillId: string }
    /** A schedule found nothing to plan for: its region is gone or paused, or it came too late. */
    | { readonly kind: 'skipped'; readonly reason: string };
  /** All lines of the plan about the asset, and no others. */
  'explain-asset': { readonly plan: PlanView; readonly explanation: Explanation };
  'verify-report': Verification;
  'fill-region': { readonly state: FillState };
  'fill-batch': FillBatchResult;
  'score-region': { readonly scored: boolean };
  'delete-asset': { readonly objects: number };
  /** HTTP status of the receiver. */
  'deliver-webhook': { readonly status: number };
}

export type JobName = keyof JobPayloads;

export interface JobPolicy<N extends JobName> {
  readonly queue: string;
  /** Meaningful id of the job for a payload. */
  id(payload: JobPayloads[N]): string;
  readonly attempts: number;
  /** First pause between attempts; doubles each time. */
  readonly backoffMs: number;
  /** A worker that is silent for so long has lost the job. */
  readonly lockMs: number;
  /** How long an ended job can be looked up. */
  readonly keepEndedS: number;
}

export const jobMap: { readonly [N in JobName]: JobPolicy<N> } = {
  'transcode-asset': {
    queue: 'transcode',
    id: ({ assetId }) => `transcode-${assetId}`,
    attempts: 3,
    backoffMs: 2_000,
    lockMs: 30_000,
    keepEndedS: 7 * 86_400,
  },
  'encode-chunk': {
    queue: 'encode-chunk',
    id: ({ assetId, version, part }) => `chunk-${assetId}-${version}-${part}`,
    attempts: 3,
    backoffMs: 2_000,
    lockMs: 30_000,
    keepEndedS: 7 * 86_400,
  },
  'retext-asset': {
    queue: 'retext',
    id: ({ assetId, change }) => `retext-${assetId}-${change}`,
    attempts: 5,
    backoffMs: 2_000,
    lockMs: 30_000,
    keepEndedS: 86_400,
  },
  'plan-region': {
    queue: 'forecast',
    id: ({ regionId, date, fillId, nonce }) =>
      `plan-${fillId ?? `${regionId}-${date ?? 'next'}${nonce ? `-${nonce}` : ''}`}`,
    attempts: 5,
    backoffMs: 5_000,
    lockMs: 60_000,
    keepEndedS: 86_400,
  },
  // Whoever asked is waiting, and asks again.
  'explain-asset': {
    queue: 'explain',
    id: ({ nonce }) => `explain-${nonce}`,
    attempts: 1,
    backoffMs: 1_000,
    lockMs: 60_000,
    keepEndedS: 600,
  },
  'verify-report': {
    queue: 'verify',
    id: ({ nonce }) => `verify-${nonce}`,
    attempts: 1,
    backoffMs: 1_000,
    lockMs: 60_000,
    keepEndedS: 600,
  },
  'fill-region': {
    queue: 'fill',
    id: ({ fillId }) => `fill-${fillId}`,
    attempts: 10,
    backoffMs: 5_000,
    lockMs: 30_000,
    keepEndedS: 7 * 86_400,
  },
  // Ids of fills, appliances and batches hold no dot.
  'fill-batch': {
    queue: 'fill-batch',
    id: ({ fillId, applianceId, batch }) => `batch.${fillId}.${applianceId}.${batch}`,
    attempts: 4,
    backoffMs: 1_000,
    lockMs: 30_000,
    keepEndedS: 600,
  },
  'score-region': {
    queue: 'score',
    id: ({ regionId, date }) => `score-${regionId}-${date ?? 'next'}`,
    attempts: 5,
    backoffMs: 60_000,
    lockMs: 60_000,
    keepEndedS: 86_400,
  },
  'delete-asset': {
    queue: 'delete',
    id: ({ assetId, again }) => `delete-${assetId}${again ? '.again' : ''}`,
    attempts: 20,
    backoffMs: 5_000,
    lockMs: 30_000,
    keepEndedS: 86_400,
  },
  // About six hours of attempts.
  'deliver-webhook': {
    queue: 'webhook',
    id: ({ event }) => `webhook-${event.id}`,
    attempts: 14,
    backoffMs: 2_500,
    lockMs: 30_000,
    keepEndedS: 86_400,
  },
};

const isJobName = (name: string): name is JobName => Object.hasOwn(jobMap, name);
export const jobNames: readonly JobName[] = Object.keys(jobMap).filter(isJobName);
