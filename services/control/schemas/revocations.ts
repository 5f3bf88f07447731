import { Type } from 'typebox';
import type { Revocation } from '../../../shared/domain/fleet.ts';
import { Timestamp } from './common.ts';
import { documentSchema } from './document-schema.ts';

const session = Type.String({ maxLength: 200, description: 'The session: `session` of the answer that gave its URL.' });

export interface NewRevocation {
  readonly session?: string;
  readonly url?: string;
  readonly reason?: string;
}

export const NewRevocationSchema = Type.Object(
  {
    session: Type.Optional(session),
    url: Type.Optional(
      Type.String({ maxLength: 8_000, description: 'A playback URL of the session, in place of `session`.' }),
    ),
    reason: Type.Optional(Type.String({ maxLength: 500, description: 'For those who read the list later.' })),
  },
  { additionalProperties: false },
);

const revocation = {
  id: session,
  reason: Type.Union([Type.String(), Type.Null()]),
  createdAt: Timestamp,
  expiresAt: Timestamp,
};

export const RevocationSchema = documentSchema<Revocation>()(Type.Object(revocation));

export interface RevocationAnswer extends Revocation {
  readonly told: readonly string[];
  readonly notReached: readonly string[];
}

export const RevocationAnswerSchema = documentSchema<RevocationAnswer>()(
  Type.Object({
    ...revocation,
    told: Type.Array(Type.String(), { description: 'Appliances that refuse the session now.' }),
    notReached: Type.Array(Type.String(), {
      description: 'Appliances that hear of it with their next heartbeat, every two seconds while they reach control.',
    }),
  }),
);

export const RevocationParams = Type.Object({ session });
