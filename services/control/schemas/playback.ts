import { Type } from 'typebox';
import { type Encryption, encryptions } from '../../../shared/domain/encryption.ts';
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
  readonly state: 'published' | 'growing';
  readonly session: string;
  readonly hls: string;
  readonly dash: string | null;
  readonly encryption: Encryption;
  readonly clearKey: string | null;
  readonly region: { readonly id: string; readonly reason: (typeof regionReasons)[number]; readonly detail: string };
  readonly appliances: readonly { readonly id: string; readonly region: string; readonly reason: string }[];
  readonly expiresAt: string;
}

export const PlaybackSchema = documentSchema<Playback>()(
  Type.Object({
    assetId: Type.String(),
    version: Type.String(),
    state: Type.Unsafe<Playback['state']>(
      Type.Enum(['published', 'growing'], {
        description:
          '`growing`: the beginning plays, the rest is being encoded; the same URL plays all of it in the end.',
      }),
    ),
    session: Type.String({ description: 'Names this playback; POST /v1/revocations ends it.' }),
    hls: Type.String({ description: 'Signed URL of the HLS playlist, on the first appliance.' }),
    dash: Type.Union([Type.String(), Type.Null()], {
      description:
        'Signed URL of the DASH manifest, on the first appliance; null where there is none (AES-128), or not yet.',
    }),
    encryption: Type.Unsafe<Encryption>(Type.Enum([...encryptions])),
    clearKey: Type.Union([Type.String(), Type.Null()], {
      description: 'Where players ask ClearKey licences (CBCS), by POST; null where none are needed.',
    }),
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
