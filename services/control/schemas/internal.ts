import { Type } from 'typebox';
import {
  type ByteCause,
  byteCauses,
  type Outcome,
  outcomes,
  positionBins,
  type TelemetryBatch,
} from '../../../shared/domain/demand.ts';
import { renditionClassPattern } from '../../../shared/domain/rendition-class.ts';
import { documentSchema } from './document-schema.ts';
import { StatusSchema } from './fleet.ts';

export const Heartbeat = StatusSchema;

const idText = Type.String({ minLength: 1, maxLength: 63, pattern: '^[a-z0-9][a-z0-9-]*$' });
export const ContentKeysRequestSchema = Type.Object({ applianceId: idText, assetId: idText, version: idText });

export const DemandElsewhereRequest = Type.Object({
  applianceId: idText,
  /** Unix milliseconds of the end of what is known already. */
  afterMs: Type.Number({ minimum: 0 }),
});

const total = Type.Integer({ minimum: 0 });
const binsMs = Type.Array(total, { minItems: positionBins, maxItems: positionBins });

export const TelemetrySchema = documentSchema<TelemetryBatch>()(
  Type.Object({
    batchId: Type.String({ minLength: 1, maxLength: 100, pattern: '^[\\w.-]+$' }),
    applianceId: idText,
    rows: Type.Array(
      Type.Object({
        assetId: idText,
        day: Type.String({ pattern: '^\\d{4}-\\d{2}-\\d{2}$' }),
        hour: Type.Integer({ minimum: 0, maximum: 23 }),
        outcome: Type.Unsafe<Outcome>(Type.Enum([...outcomes])),
        requests: total,
        views: total,
        bytes: total,
        cause: Type.Optional(Type.Unsafe<ByteCause>(Type.Enum([...byteCauses]))),
        firstUseBytes: Type.Optional(total),
      }),
      { maxItems: 50_000 },
    ),
    watched: Type.Optional(
      Type.Array(
        Type.Object({
          day: Type.String({ pattern: '^\\d{4}-\\d{2}-\\d{2}$' }),
          binsMs,
          mixMs: Type.Record(Type.String({ pattern: renditionClassPattern }), total, {
            additionalProperties: false,
            maxProperties: 64,
          }),
          assets: Type.Array(Type.Object({ assetId: idText, binsMs }), { maxItems: 1_000 }),
        }),
        { maxItems: 8 },
      ),
    ),
    crossed: Type.Optional(
      Type.Array(
        Type.Object({
          day: Type.String({ pattern: '^\\d{4}-\\d{2}-\\d{2}$' }),
          hour: Type.Integer({ minimum: 0, maximum: 23 }),
          requests: total,
          bytes: total,
        }),
        { maxItems: 1_000 },
      ),
    ),
    topUps: Type.Optional(
      Type.Array(
        Type.Object({
          day: Type.String({ pattern: '^\\d{4}-\\d{2}-\\d{2}$' }),
          hour: Type.Integer({ minimum: 0, maximum: 23 }),
          slices: total,
          bytes: total,
        }),
        { maxItems: 1_000 },
      ),
    ),
  }),
);
