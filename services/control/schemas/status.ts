import { Type } from 'typebox';
import { type AssetState, assetStates } from '../../../shared/domain/asset.ts';
import type { ApplianceHealth } from '../../../shared/domain/fleet.ts';
import type { JobName } from '../../../shared/jobs/map.ts';
import type { JobCounts } from '../../../shared/ports/job-queue.ts';
import { Timestamp } from './common.ts';
import { documentSchema, nullable } from './document-schema.ts';

export interface SystemStatus {
  readonly at: string;
  /** `ok`, or what is wrong. */
  readonly checks: Readonly<Record<string, string>>;
  /** Null while the queue cannot be asked. */
  readonly jobs: Readonly<Record<JobName, JobCounts>> | null;
  readonly regions: number;
  readonly appliances: Readonly<Record<ApplianceHealth, number>>;
  readonly assets: Readonly<Record<AssetState, number>>;
  /** Counting stops here for each state. */
  readonly assetsCountedTo: number;
}

const Counts = Type.Object({
  waiting: Type.Number(),
  active: Type.Number(),
  delayed: Type.Number(),
  failed: Type.Number(),
});
const assetCounts = Type.Object(
  Object.fromEntries(assetStates.map((state) => [state, Type.Integer()])) as Record<
    AssetState,
    ReturnType<typeof Type.Integer>
  >,
);

export const SystemStatusSchema = documentSchema<SystemStatus>()(
  Type.Object({
    at: Timestamp,
    checks: Type.Record(Type.String(), Type.String(), { description: '`ok`, or what is wrong.' }),
    jobs: nullable(
      Type.Object({
        'transcode-asset': Counts,
        'encode-chunk': Counts,
        'retext-asset': Counts,
        'plan-region': Counts,
        'explain-asset': Counts,
        'verify-report': Counts,
        'fill-region': Counts,
        'fill-batch': Counts,
        'score-region': Counts,
        'delete-asset': Counts,
        'deliver-webhook': Counts,
      }),
    ),
    regions: Type.Integer(),
    appliances: Type.Object({
      healthy: Type.Integer(),
      unfit: Type.Integer(),
      silent: Type.Integer(),
      'never-seen': Type.Integer(),
    }),
    assets: assetCounts,
    assetsCountedTo: Type.Integer({ description: 'Counting stops here for each state.' }),
  }),
);
