import { Type } from 'typebox';
import { type Fill, type FillCount, fillStates, planReasons, seriesClasses } from '../../../shared/domain/fill.ts';
import type { Explanation } from '../../../shared/domain/planning/explain.ts';
import { planListNames } from '../../../shared/domain/planning/outline.ts';
import type { ForecastView, PlanView } from '../../../shared/domain/planning/plan-view.ts';
import type { RoomNow } from '../../../shared/domain/pulled-room/pulled-room.ts';
import { DateText, Id, Next, Timestamp } from './common.ts';
import { documentSchema, nullable } from './document-schema.ts';
import { BudgetSchema, WindowSchema } from './fleet.ts';

export const bytes = Type.Number({ description: 'Bytes.' });
export const Count = Type.Object({ files: Type.Number(), bytes: Type.Number() });
documentSchema<FillCount>()(Count);
export const rateCurve = Type.Optional(
  Type.Array(Type.Object({ atS: Type.Number(), bytes: Type.Number() }), {
    description:
      'Bytes that left in the step which began so many seconds after the start. Steps are 10 s long, twice as long each time there would be over 360; one in which nothing left has no point.',
  }),
);
export const counts = { planned: Count, pushed: Count, skipped: Count, failed: Count };
export const run = Type.Integer({ description: '1 for the night’s own fill; later fills of the same date count on.' });
export const state = Type.Enum([...fillStates]);

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
    mustHave: Type.Optional(
      Type.Array(Id('an asset'), {
        maxItems: 1_000,
        description:
          'Assets to bring first, whatever is forecast; besides those that are marked `mustHave` themselves.',
      }),
    ),
  },
  { additionalProperties: false },
);

const curve = Type.Array(Type.Number(), {
  description: 'How much is played of each twentieth of a title, relative to the mean.',
});

export const ForecastSchema = documentSchema<ForecastView>()(
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
          weights: Type.Optional(
            Type.Array(Type.Object({ model: Type.String(), weight: Type.Number() }), {
              description: 'What the model is blended of; the weights add up to 1.',
            }),
          ),
          chosen: Type.Boolean({
            description: 'False: too few past days to weigh by, the weights are mostly the default.',
          }),
          candidates: Type.Array(
            Type.Object({ model: Type.String(), wape: nullable(Type.Number()), bias: nullable(Type.Number()) }),
          ),
        }),
        { description: 'The blend of models of each class of assets, and how every candidate did in the back-test.' },
      ),
    ),
    audience: Type.Optional(
      Type.Object(
        {
          days: Type.Integer({ description: 'Days it was learnt from.' }),
          hours: Type.Number({ description: 'Hours played.' }),
          curve,
          mix: Type.Record(Type.String(), Type.Number(), {
            description:
              'Share of the played time by class of renditions: `v1080-avc1` (height, codec), `a2-en` (channels, language). Video adds up to 1.',
          }),
          assets: Type.Array(Type.Object({ assetId: Type.String(), hours: Type.Number(), curve }), {
            description: 'Curves of the titles that were watched most.',
          }),
        },
        {
          description:
            'How the region watches. Absent while nothing is known: all bytes of a title are worth the same.',
        },
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
        rises: Type.Optional(
          Type.Literal(true, {
            description: 'Even the low end is three times what was served on the last day before.',
          }),
        ),
      }),
      { description: 'By expected bytes, at most `limit` of them.' },
    ),
    assetCount: Type.Number({ description: 'Of all assets.' }),
    next: Next,
  }),
);

const reason = Type.Enum([...planReasons]);
const fileFields = {
  key: Type.String({ description: '`<assetId>/<version>/<path>`' }),
  assetId: Type.String(),
  rendition: nullable(Type.String()),
  sizeBytes: bytes,
  sha256: Type.String(),
  expectedBytes: bytes,
  value: Type.Number({ description: '`expectedBytes / sizeBytes`: what the plan ranks by.' }),
  reason,
  pinned: Type.Optional(
    Type.Literal(false, {
      description: 'It lies there and stays by what viewers ask for. Absent: kept until the next plan.',
    }),
  ),
};
const PlannedFile = Type.Object(fileFields);
const rejectedFiles = nullable(
  Type.Number({ description: 'Null: judged as a whole; no file of it could have been worth its place.' }),
);

export const PlanListName = Type.Enum([...planListNames]);
export const PlanLine = Type.Partial(Type.Object({ ...fileFields, files: rejectedFiles }), {
  description: 'As in the plan; which fields there are depends on the list.',
});

const RoomFields = {
  share: Type.Number({ description: 'Of each disk.' }),
  key: nullable(Type.String({ description: 'Object store key of the decision; null for the default and a setting.' })),
  reason: Type.String({ description: 'In words.' }),
};

export const RoomSchema = documentSchema<RoomNow>()(
  Type.Object({
    ...RoomFields,
    decision: nullable(
      Type.Object(
        {
          schema: Type.Literal(1),
          regionId: Type.String(),
          date: DateText,
          decidedAt: Timestamp,
          share: Type.Number(),
          before: Type.Number({ description: 'The share that held before.' }),
          reason: Type.String(),
          results: Type.Array(
            Type.Object({
              share: Type.Number(),
              byteHitRatio: Type.Number({ description: 'Of the bytes of the counted days, had this share been left.' }),
              gain: Type.Number({ description: 'Above that of the share that held before.' }),
              gainError: Type.Number({ description: 'Its standard error, by the days’ differences.' }),
            }),
          ),
          days: Type.Number({ description: 'Days replayed.' }),
          countedDays: Type.Number({ description: 'Of them those after the caches were warm.' }),
          requests: Type.Number({ description: 'In each replay.' }),
          sampledShare: Type.Number({ description: 'Of the assets, 0 … 1.' }),
          capacityBytes: bytes,
        },
        { description: 'The last one; null before there is a week of log.' },
      ),
    ),
  }),
);

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
  pulledRoom: Type.Optional(
    Type.Object(RoomFields, {
      description: 'What the plan leaves to what viewers pull; absent in older plans: a tenth.',
    }),
  ),
  expectedBytes: bytes,
  plannedCoverage: Type.Number({ description: 'Share of the expected bytes that the region then holds.' }),
  fetchBytes: bytes,
  crossingBytes: Type.Optional(
    Type.Number({ description: 'Bytes that cross into the region; further copies come from peers.' }),
  ),
  fetchFiles: Type.Number(),
  appliances: Type.Array(
    Type.Object({
      applianceId: Type.String(),
      capacityBytes: bytes,
      fetch: Type.Array(PlannedFile, { description: 'In the order to push.' }),
      keep: Type.Array(PlannedFile, { description: 'Held already.' }),
      evict: Type.Array(Type.Object({ key: Type.String(), sizeBytes: bytes, value: Type.Number() })),
      lend: Type.Array(Type.Object({ key: Type.String(), sizeBytes: bytes }), {
        description: 'Held, not wanted there, and kept until others of the region have taken it.',
      }),
      totals: Type.Object(
        { fetch: Count, keep: Count, evict: Count, lend: Type.Optional(Count) },
        { description: 'Of the whole lists, of which the answer has the first `limit` lines.' },
      ),
    }),
  ),
  rejected: Type.Array(
    Type.Object({
      assetId: Type.String(),
      files: rejectedFiles,
      sizeBytes: bytes,
      expectedBytes: bytes,
      reason,
    }),
  ),
  rejectedLines: Type.Number({ description: 'Of the whole list.' }),
};

const number = nullable(Type.Number());
const ExplanationSchema = documentSchema<Explanation>()(
  Type.Object(
    {
      assetId: Type.String(),
      expectedBytes: number,
      lowBytes: number,
      highBytes: number,
      model: nullable(Type.String()),
      sizeBytes: nullable(Type.Number({ description: 'Of one copy.' })),
      copies: Type.Number(),
      value: nullable(Type.Number({ description: 'Expected bytes served per byte stored: what the plan ranks by.' })),
      rank: nullable(Type.Number({ description: 'Its place by value, from 1.' })),
      ranked: Type.Number(),
      plannedBytes: bytes,
      leftOutBytes: bytes,
      unspentBytes: Type.Number({ description: 'Bytes of the night that the plan left.' }),
      margins: Type.Array(
        Type.Object({
          applianceId: Type.String(),
          usableBytes: bytes,
          plannedBytes: bytes,
          freeBytes: bytes,
          leastFetched: number,
          leastKept: number,
          displaces: Type.Array(Type.Object({ assetId: Type.String(), sizeBytes: bytes, value: Type.Number() }), {
            description: 'What is kept at least value there: what the asset would have to displace.',
          }),
        }),
      ),
      parts: Type.Array(
        Type.Object({
          rendition: nullable(Type.String()),
          files: Type.Number(),
          sizeBytes: bytes,
          expectedBytes: bytes,
          leastFactor: Type.Number(),
          bestFactor: Type.Number(),
        }),
        { description: 'What its planned files are worth against its mean byte (1), by rendition.' },
      ),
      watched: nullable(Type.Object({ of: Type.Enum(['title', 'region'] as const), hours: Type.Number(), curve })),
      words: Type.Array(Type.String(), { description: 'A sentence for each reason that holds for a part of it.' }),
    },
    { description: 'Why the asset that was asked for is in the plan or not.' },
  ),
);

export interface PlanAnswer extends PlanView {
  /** For the one asset that was asked for. */
  readonly explanation?: Explanation;
  /** False for a plan made for this answer only. */
  readonly frozen: boolean;
}
export const PlanSchema = documentSchema<PlanAnswer>()(
  Type.Object({
    frozen: Type.Boolean({ description: 'False: made for this answer, carried out by nobody.' }),
    explanation: Type.Optional(ExplanationSchema),
    ...PlanFields,
  }),
);
