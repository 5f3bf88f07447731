import { Type } from 'typebox';
import { regionReasons } from '../../../shared/domain/routing/select-region.ts';
import { Id, Timestamp } from './common.ts';
import { documentSchema } from './document-schema.ts';

/** A day longer than the longest film festival; after it a player asks anew. */
const maxTtlS = 7 * 86_400;

export const PlaybackRequest = Type.Object(
  {
    assetId: Id('the asset'),
    region: Type.Optional(Id('the viewer’s region; chosen by address when absent')),
    ip: Type.Optional(
      Type.String({ maxLength: 100, description: 'The viewer’s IP address; by default the address of this request.' }),
    ),
    ttlS: Type.Optional(
      Type.Integer({ minimum: 1, maximum: maxTtlS, description: 'How long the URL works, seconds.' }),
    ),
  },
  { additionalProperties: false },
);

export interface Playback {
  readonly assetId: string;
  readonly version: string;
  readonly hls: string;
  readonly dash: string;
  readonly region: { readonly id: string; readonly reason: (typeof regionReasons)[number]; readonly detail: string };
  readonly appliances: readonly { readonly id: string; readonly region: string; readonly reason: string }[];
  readonly expiresAt: string;
}

export const PlaybackSchema = documentSchema<Playback>()(
  Type.Object({
    assetId: Type.String(),
    version: Type.String(),
    hls: Type.String({ description: 'Signed URL of the HLS playlist, on the first appliance.' }),
    dash: Type.String({ description: 'Signed URL of the DASH manifest, on the first appliance.' }),
    region: Type.Object({
      id: Type.String(),
      reason: Type.Enum([...regionReasons]),
      detail: Type.String({ description: 'The whole decision in one sentence.' }),
    }),
    appliances: Type.Array(Type.Object({ id: Type.String(), region: Type.String(), reason: Type.String() }), {
      description: 'That can serve it, best first.',
    }),
    expiresAt: Timestamp,
  }),
);
