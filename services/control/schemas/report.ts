import { Type } from 'typebox';
import { type FillReport, fillFailureReasons } from '../../../shared/domain/fill.ts';
import type { FillAction } from '../../../shared/domain/reporting/failures.ts';
import { type Verification, verdicts } from '../../../shared/domain/reporting/verify-report.ts';
import { DateText, Timestamp } from './common.ts';
import { documentSchema, nullable } from './document-schema.ts';
import { bytes, Count, counts, rateCurve, run, state } from './fill.ts';
import { ScoreSchema } from './score.ts';

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

const failureReason = Type.Enum([...fillFailureReasons]);
const failureCounts = Type.Partial(
  Type.Object(
    Object.fromEntries(fillFailureReasons.map((name) => [name, Type.Number()])) as Record<
      (typeof fillFailureReasons)[number],
      ReturnType<typeof Type.Number>
    >,
  ),
);
const failureTotals = Type.Partial(
  Type.Object(
    Object.fromEntries(fillFailureReasons.map((name) => [name, Count])) as Record<
      (typeof fillFailureReasons)[number],
      typeof Count
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

export interface ReportAnswer extends FillReport {
  readonly actions: readonly FillAction[];
}
const Runs = Type.Array(Type.Object({ first: Type.Integer(), files: Type.Integer() }));
export const ReportSchema = documentSchema<ReportAnswer>()(
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
    plannedCrossingBytes: Type.Optional(
      Type.Number({ description: 'What the plan meant to bring into the region: of several copies one.' }),
    ),
    appliances: Type.Array(
      Type.Object({
        applianceId: Type.String(),
        ...counts,
        kept: Count,
        evicted: Count,
        sources,
        tookOver: Type.Optional(
          Type.Object(Count.properties, { description: 'Files that it holds for others that could not take them.' }),
        ),
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
        heldBy: Type.Optional(Type.String({ description: 'The appliance that took it instead.' })),
      }),
    ),
    failureCounts,
    failureTotals: Type.Optional(failureTotals),
    failedFiles: Type.Optional(
      Type.Array(Type.Object({ applianceId: Type.String(), reason: failureReason, runs: Runs }), {
        description: 'Which files failed for which reason; runs as in `held`.',
      }),
    ),
    actions: Type.Array(
      Type.Object({
        reason: failureReason,
        files: Type.Number(),
        bytes,
        appliances: Type.Array(Type.String()),
        mend: Type.String({ description: 'What to do about it.' }),
      }),
      { description: 'Failures by reason with what to do, the most bytes first.' },
    ),
    pushedByAsset: Type.Optional(
      Type.Record(Type.String(), Type.Number(), { description: 'Bytes pushed of each asset over all appliances.' }),
    ),
    heldBefore: Type.Optional(
      Type.Array(Type.Object({ applianceId: Type.String(), runs: Runs }), {
        description: 'What lay there before the fill pushed it; runs as in `held`.',
      }),
    ),
    held: Type.Optional(
      Type.Array(
        Type.Object({
          applianceId: Type.String(),
          runs: Runs,
        }),
        {
          description:
            'What was held at the end: runs of places in the plan’s `keep` and then `fetch`, counted from 0.',
        },
      ),
    ),
    score: nullable(ScoreSchema),
  }),
);
