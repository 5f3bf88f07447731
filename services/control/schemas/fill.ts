import { Type } from 'typebox';
import {
  type Fill,
  type FillCount,
  type FillPlan,
  type FillReport,
  type Forecast,
  fillFailureReasons,
  fillStates,
  planReasons,
  seriesClasses,
} from '../../../shared/domain/fill.ts';
import { type Verification, verdicts } from '../../../shared/domain/reporting/verify-report.ts';
import { DateText, Id, Timestamp } from './common.ts';
import { documentSchema, nullable } from './document-schema.ts';
import { BudgetSchema, WindowSchema } from './fleet.ts';

const bytes = Type.Number({ description: 'Bytes.' });
const Count = Type.Object({ files: Type.Number(), bytes: Type.Number() });
documentSchema<FillCount>()(Count);
const rateCurve = Type.Optional(
  Type.Array(Type.Object({ atS: Type.Number(), bytes: Type.Number() }), {
    description:
      'Bytes that left in the step which began so many seconds after the start. Steps are 10 s long, twice as long each time there would be over 360; one in which nothing left has no point.',
  }),
);
const sources = Type.Optional(
  Type.Partial(
    Type.Object(
      { 'object-store': Count, shield: Count, peer: Count, 'other-region': Count },
      {
        description: '`pushed` by where the bytes came from; absent: all from the object store.',
      },
    ),
  ),
);

const counts = { planned: Count, pushed: Count, skipped: Count, failed: Count };
const run = Type.Integer({ description: '1 for the night’s own fill; later fills of the same date count on.' });
const state = Type.Enum([...fillStates]);

export const FillSchema = documentSchema<Fill>()(
  Type.Object({
    id: Type.String(),
    regionId: Type.String(),
    date: DateText,
    run,
    state,
    start: Type.Enum(['now', 'window'] as const),
    createdAt: Timestamp,
    startedAt: nullable(Timestamp),
    finishedAt: nullable(Timestamp),
    message: nullable(Type.String()),
    ...counts,
    rateBps: Type.Number({ description: 'Bits a second now.' }),
    rateCurve,
  }),
);

export const NewFill = Type.Object(
  {
    regionId: Id('the region'),
    start: Type.Enum(['now', 'window'] as const, {
      description:
        '`window`: in the region’s next window, never outside it. `now`: at once, also outside the window; the budgets hold all the same.',
    }),
    date: Type.Optional(
      Type.Unsafe<string>({
        ...DateText,
        description:
          'The day to prepare for, on the region’s calendar; by default the day that the coming window prepares.',
      }),
    ),
  },
  { additionalProperties: false },
);

export const ForecastSchema = documentSchema<Forecast>()(
  Type.Object({
    schema: Type.Literal(1),
    regionId: Type.String(),
    date: DateText,
    model: Type.String(),
    madeAt: Timestamp,
    historyUntil: nullable(DateText),
    historyDays: Type.Number(),
    expectedViews: Type.Number(),
    expectedBytes: bytes,
    score: nullable(
      Type.Object({
        wape: Type.Number({ description: 'Weighted absolute percentage error; 0 is perfect.' }),
        bias: Type.Number(),
        intervalCoverage: Type.Number(),
        backtestDays: Type.Number(),
        persistenceWape: Type.Number(),
      }),
    ),
    choices: Type.Optional(
      Type.Array(
        Type.Object({
          seriesClass: Type.Enum([...seriesClasses]),
          assets: Type.Number({ description: 'Assets of the class on the forecast day.' }),
          model: Type.String(),
          chosen: Type.Boolean({ description: 'False: too few past days to choose by, the model is the default.' }),
          candidates: Type.Array(
            Type.Object({ model: Type.String(), wape: nullable(Type.Number()), bias: nullable(Type.Number()) }),
          ),
        }),
        { description: 'The model of each class of assets, and how every candidate did in the back-test.' },
      ),
    ),
    assets: Type.Array(
      Type.Object({
        assetId: Type.String(),
        expectedViews: Type.Number(),
        expectedBytes: bytes,
        lowBytes: bytes,
        highBytes: bytes,
        observedDays: Type.Number(),
        model: Type.Optional(Type.String({ description: 'The model that made it.' })),
      }),
    ),
  }),
);

const reason = Type.Enum([...planReasons]);
const PlannedFile = Type.Object({
  key: Type.String({ description: '`<assetId>/<version>/<path>`' }),
  assetId: Type.String(),
  rendition: nullable(Type.String()),
  sizeBytes: bytes,
  sha256: Type.String(),
  expectedBytes: bytes,
  value: Type.Number({ description: '`expectedBytes / sizeBytes`: what the plan ranks by.' }),
  reason,
});

const PlanFields = {
  schema: Type.Literal(1),
  id: Type.String({ description: 'Id of the fill that carries it out.' }),
  regionId: Type.String(),
  date: DateText,
  run,
  frozenAt: Timestamp,
  window: WindowSchema,
  timeZone: Type.String(),
  budget: BudgetSchema,
  forecastKey: Type.String({ description: 'Object store key of the forecast that it was made from.' }),
  forecastModel: Type.String(),
  expectedBytes: bytes,
  plannedCoverage: Type.Number({ description: 'Share of the expected bytes that the region then holds.' }),
  fetchBytes: bytes,
  fetchFiles: Type.Number(),
  appliances: Type.Array(
    Type.Object({
      applianceId: Type.String(),
      capacityBytes: bytes,
      fetch: Type.Array(PlannedFile, { description: 'In the order to push.' }),
      keep: Type.Array(PlannedFile, { description: 'Held already.' }),
      evict: Type.Array(Type.Object({ key: Type.String(), sizeBytes: bytes, value: Type.Number() })),
    }),
  ),
  rejected: Type.Array(
    Type.Object({
      assetId: Type.String(),
      files: Type.Number(),
      sizeBytes: bytes,
      expectedBytes: bytes,
      reason,
    }),
  ),
};

export interface PlanAnswer extends FillPlan {
  /** False for a plan made for this answer only. */
  readonly frozen: boolean;
}
export const PlanSchema = documentSchema<PlanAnswer>()(
  Type.Object({
    frozen: Type.Boolean({ description: 'False: made for this answer, carried out by nobody.' }),
    ...PlanFields,
  }),
);

const failureReason = Type.Enum([...fillFailureReasons]);
const failureCounts = Type.Partial(
  Type.Object(
    Object.fromEntries(fillFailureReasons.map((name) => [name, Type.Number()])) as Record<
      (typeof fillFailureReasons)[number],
      ReturnType<typeof Type.Number>
    >,
  ),
);

const recomputed = Type.Union([Type.Number(), Type.String(), Type.Null()]);
export const VerificationSchema = documentSchema<Verification>()(
  Type.Object({
    regionId: Type.String(),
    date: DateText,
    run,
    equal: Type.Integer(),
    different: Type.Integer(),
    notRecomputable: Type.Integer(),
    checks: Type.Array(
      Type.Object({
        field: Type.String({
          description: 'Where it stands in the report.',
          examples: ['appliances.edge-1.pushed.bytes'],
        }),
        verdict: Type.Enum([...verdicts]),
        reported: recomputed,
        recomputed: Type.Union([Type.Number(), Type.String(), Type.Null()], {
          description: 'Null where it cannot be recomputed.',
        }),
        reason: nullable(Type.String({ description: 'Why it cannot be recomputed.' })),
      }),
    ),
  }),
);

export const ReportSchema = documentSchema<FillReport>()(
  Type.Object({
    schema: Type.Literal(1),
    fillId: Type.String(),
    regionId: Type.String(),
    date: DateText,
    run,
    state,
    startedAt: Timestamp,
    finishedAt: Timestamp,
    durationS: Type.Number(),
    ...counts,
    kept: Type.Object(Count.properties, { description: 'Held already when the plan was made; no part of `planned`.' }),
    meanRateBps: Type.Number(),
    peakRateBps: Type.Number(),
    forecastCoverage: Type.Number({ description: 'Share of the day’s expected bytes that the region holds.' }),
    rateCurve,
    sentBytes: Type.Optional(
      Type.Number({ description: 'What the night was charged with: bytes that left, repeated ones included.' }),
    ),
    appliances: Type.Array(
      Type.Object({
        applianceId: Type.String(),
        ...counts,
        kept: Count,
        evicted: Count,
        sources,
        forecastCoverage: Type.Optional(
          Type.Number({ description: 'The part of the report’s `forecastCoverage` that lies here.' }),
        ),
      }),
    ),
    failures: Type.Array(
      Type.Object({
        applianceId: Type.String(),
        key: Type.String(),
        sizeBytes: bytes,
        reason: failureReason,
        detail: Type.String(),
      }),
    ),
    failureCounts,
    pushedByAsset: Type.Optional(
      Type.Record(Type.String(), Type.Number(), { description: 'Bytes pushed of each asset over all appliances.' }),
    ),
    held: Type.Optional(
      Type.Array(
        Type.Object({
          applianceId: Type.String(),
          runs: Type.Array(Type.Object({ first: Type.Integer(), files: Type.Integer() })),
        }),
        {
          description:
            'What was held at the end: runs of places in the plan’s `keep` and then `fetch`, counted from 0.',
        },
      ),
    ),
    score: nullable(
      Type.Object({
        scoredAt: Timestamp,
        servedBytes: bytes,
        hitBytes: bytes,
        byteHitRatio: Type.Number(),
        forecastBytes: bytes,
        actualBytes: bytes,
        wape: nullable(Type.Number()),
        wastedBytes: bytes,
      }),
    ),
  }),
);
