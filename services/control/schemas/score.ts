import { Type } from 'typebox';
import { byteCauses } from '../../../shared/domain/demand.ts';
import { type FillScore, missClasses, seriesClasses } from '../../../shared/domain/score.ts';
import { Timestamp } from './common.ts';
import { documentSchema, nullable } from './document-schema.ts';
import { TariffSchema } from './fleet.ts';

const bytes = (description?: string) => Type.Number(description === undefined ? {} : { description });
const share = (description: string) => nullable(Type.Number({ description }));
const sums = <N extends string>(names: readonly N[], description: string) =>
  Type.Object(
    Object.fromEntries(names.map((name) => [name, Type.Number()])) as Record<N, ReturnType<typeof Type.Number>>,
    {
      description,
    },
  );

const Use = Type.Object(
  {
    causes: sums(byteCauses, 'Media bytes served, by how they stood with the plan.'),
    pushedBytes: bytes('By this fill.'),
    usedBytes: bytes('Pushed bytes that somebody asked for by the end of the day, counted once.'),
    unusedBytes: bytes('Pushed, never asked for.'),
    servedPerPushedByte: share('Bytes served from filled objects for each byte that the fills of the date pushed.'),
    filledShare: share('Of the bytes served, from filled objects.'),
    plannedShare: share('Of the bytes served, from planned objects, filled or kept.'),
    appliances: Type.Array(
      Type.Object({
        applianceId: Type.String(),
        servedBytes: bytes(),
        filledBytes: bytes(),
        keptBytes: bytes(),
        pulledBytes: bytes(),
        missedBytes: bytes(),
        byteHitRatio: nullable(Type.Number()),
      }),
    ),
  },
  { description: 'What became of filled bytes; absent where appliances told no causes.' },
);

const Misses = Type.Object(
  {
    missedBytes: bytes(),
    classes: sums(missClasses, 'Every missed byte in exactly one class.'),
    avoidableBytes: bytes('Missed bytes that the clairvoyant placement would have held within the same bytes.'),
    refusedRequests: Type.Number({ description: 'Refused for their token; they have no bytes.' }),
    failedRequests: Type.Number({ description: 'That no source could answer, or that were turned away under load.' }),
  },
  { description: 'Why bytes were missed.' },
);

const Regret = Type.Object(
  {
    budgetBytes: bytes('What the region held of the plan when the fill ended; every placement gets as much.'),
    demandBytes: bytes(),
    asHeld: Type.Number(),
    forecast: Type.Number(),
    persistence: Type.Number(),
    mean7: Type.Number(),
    clairvoyant: Type.Number(),
    regret: Type.Number({ description: '`clairvoyant − asHeld`' }),
  },
  { description: 'Share of the day’s demand that placements of the same bytes would have served, on paper.' },
);

const Accuracy = Type.Object({
  seriesClass: Type.Enum([...seriesClasses]),
  assets: Type.Number(),
  forecastBytes: bytes(),
  actualBytes: bytes(),
  absoluteErrorBytes: bytes(),
  wape: nullable(Type.Number()),
  bias: nullable(Type.Number()),
});

const Calibration = Type.Object({
  level: Type.Number({ description: 'Share of days on which the interval should hold.' }),
  forecasts: Type.Number(),
  inside: Type.Number(),
  share: nullable(Type.Number()),
});

const Savings = Type.Object(
  {
    tariff: TariffSchema,
    pulledBytes: bytes('That came by day from shields and the object store: misses, read ahead, top-ups.'),
    filledBytes: bytes('That the date’s fills brought in, repeated ones included.'),
    withoutCost: Type.Number(),
    pullCost: Type.Number(),
    fillCost: Type.Number(),
    saved: Type.Number({ description: '`withoutCost − pullCost − fillCost`' }),
    savedByFill: Type.Optional(
      Type.Number({
        description: 'The fills’ part: one crossing by day spared for each filled byte asked for, less `fillCost`.',
      }),
    ),
  },
  { description: 'At the region’s tariff; null without one.' },
);

/** docs/reports.md has the formula and the source of each number. */
export const ScoreSchema = documentSchema<FillScore>()(
  Type.Object({
    scoredAt: Timestamp,
    servedBytes: bytes('That viewers got.'),
    hitBytes: bytes('Of these, from the appliances’ own storage.'),
    byteHitRatio: Type.Number(),
    forecastBytes: bytes(),
    actualBytes: bytes(),
    wape: nullable(Type.Number()),
    bias: Type.Optional(nullable(Type.Number({ description: '(forecast − actual) / actual' }))),
    wastedBytes: bytes('Pushed bytes of assets that nobody asked for at all.'),
    use: Type.Optional(Use),
    misses: Type.Optional(Misses),
    answers: Type.Optional(
      Type.Array(Type.Object({ outcome: Type.String(), requests: Type.Number(), bytes: bytes() }), {
        description: 'Answers by outcome: hits by tier, pulls by source, refusals by reason.',
      }),
    ),
    regret: Type.Optional(Regret),
    accuracy: Type.Optional(Type.Array(Accuracy, { description: 'By how much titles were watched before.' })),
    calibration: Type.Optional(Type.Array(Calibration)),
    savings: Type.Optional(nullable(Savings)),
  }),
);
