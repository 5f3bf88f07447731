import { type Static, Type } from 'typebox';
import {
  type ApplianceStatus,
  type ApplianceView,
  applianceModes,
  applianceRoles,
  type Region,
} from '../../../shared/domain/fleet.ts';
import { Id, Timestamp } from './common.ts';
import { documentSchema, nullable } from './document-schema.ts';

// Forms that people get wrong (times, zones, networks, URLs) are checked by fleet/*-rules.ts, whose messages name the mend.

const time = (description: string) => Type.String({ description, examples: ['02:00'] });
export const WindowSchema = Type.Object(
  { start: time('`HH:MM` on the region’s clock.'), end: time('`HH:MM`; earlier than `start`: the next morning.') },
  { additionalProperties: false, description: 'The nightly span in which fills may run.' },
);
export const BudgetSchema = Type.Object(
  {
    bytesPerNight: Type.Number({ description: 'Bytes a night may bring into the region; > 0.' }),
    rateBps: Type.Number({ description: 'Bits a second that all pushes into the region share; > 0.' }),
    peerRateBps: Type.Optional(
      nullable(
        Type.Number({
          description:
            'Bits a second that fills have each appliance give to others, and take from them; > 0. Null: ten times `rateBps`.',
        }),
      ),
    ),
  },
  { additionalProperties: false },
);
export const TopUpSchema = Type.Object(
  {
    bytesPerDay: Type.Number({ description: 'Bytes a UTC day, over all appliances of the region; > 0.' }),
    rateBps: Type.Number({ description: 'Bits a second that they share; > 0.' }),
  },
  {
    additionalProperties: false,
    description: 'What may be brought outside of the nightly plan when demand rises; null: nothing.',
  },
);
const LocationSchema = Type.Object(
  { latitude: Type.Number({ minimum: -90, maximum: 90 }), longitude: Type.Number({ minimum: -180, maximum: 180 }) },
  { additionalProperties: false },
);
export const TariffSchema = Type.Object(
  {
    currency: Type.String({ description: 'ISO 4217.', examples: ['EUR'] }),
    perGb: Type.Number({ description: 'Price of 10^9 bytes of transit into the region; ≥ 0.' }),
    nightPerGb: Type.Optional(Type.Number({ description: 'The same inside the fill window, where it differs; ≥ 0.' })),
  },
  { additionalProperties: false, description: 'What a byte into the region costs; reports tell money by it.' },
);
const networks = Type.Array(Type.String(), {
  maxItems: 20_000,
  description: 'CIDR networks of its viewers; the longest prefix wins.',
  examples: [['192.0.2.0/24', '2001:db8::/32']],
});
const CoverageSchema = Type.Object(
  { networks, location: nullable(LocationSchema) },
  { additionalProperties: false, description: 'Where the region’s viewers are.' },
);

const PulledShare = nullable(
  Type.Number({
    description:
      'Share of each disk that plans leave to what viewers pull, 0 to 0.95; null: decided each week from the region’s own log.',
    examples: [0.2],
  }),
);

const regionFields = {
  name: Type.String({ minLength: 1, maxLength: 200 }),
  timeZone: Type.String({ description: 'IANA name.', examples: ['Europe/Berlin'] }),
  fillEnabled: Type.Boolean({ description: 'False stops the nightly schedule; pull and manual fills go on.' }),
};

const RegionFields = Type.Object({
  id: Id('the region'),
  ...regionFields,
  window: WindowSchema,
  budget: BudgetSchema,
  coverage: CoverageSchema,
  tariff: Type.Optional(nullable(TariffSchema)),
  topUp: Type.Optional(nullable(TopUpSchema)),
  pulledShare: Type.Optional(PulledShare),
  createdAt: Timestamp,
  updatedAt: Timestamp,
});
/** Fails to compile when the two drift. */
documentSchema<Region>()(RegionFields);

export interface RegionAnswer extends Region {
  readonly nextWindow: { readonly startsAt: string; readonly endsAt: string; readonly date: string };
}
export const RegionSchema = documentSchema<RegionAnswer>()(
  Type.Object({
    ...RegionFields.properties,
    nextWindow: Type.Object(
      { startsAt: Timestamp, endsAt: Timestamp, date: Type.String({ description: 'The day it prepares.' }) },
      { description: 'The fill window that is open now, or the next to open.' },
    ),
  }),
);

const CoverageInput = Type.Partial(CoverageSchema, { additionalProperties: false });
export const NewRegion = Type.Object(
  {
    id: Id('the region'),
    timeZone: regionFields.timeZone,
    window: WindowSchema,
    budget: BudgetSchema,
    name: Type.Optional(regionFields.name),
    coverage: Type.Optional(CoverageInput),
    tariff: Type.Optional(nullable(TariffSchema)),
    fillEnabled: Type.Optional(regionFields.fillEnabled),
    topUp: Type.Optional(nullable(TopUpSchema)),
    pulledShare: Type.Optional(PulledShare),
  },
  { additionalProperties: false },
);
export type NewRegion = Static<typeof NewRegion>;

export const RegionPatch = Type.Object(
  {
    name: Type.Optional(regionFields.name),
    timeZone: Type.Optional(regionFields.timeZone),
    window: Type.Optional(Type.Partial(WindowSchema, { additionalProperties: false })),
    budget: Type.Optional(Type.Partial(BudgetSchema, { additionalProperties: false })),
    coverage: Type.Optional(CoverageInput),
    tariff: Type.Optional(nullable(TariffSchema)),
    fillEnabled: Type.Optional(regionFields.fillEnabled),
    topUp: Type.Optional(nullable(TopUpSchema)),
    pulledShare: Type.Optional(PulledShare),
  },
  { additionalProperties: false, minProperties: 1 },
);
export type RegionPatch = Static<typeof RegionPatch>;

const count = (description: string) => Type.Number({ minimum: 0, description });
const StatusFields = Type.Object({
  applianceId: Type.String(),
  reportedAt: Timestamp,
  startedAt: Timestamp,
  softwareVersion: Type.String({ maxLength: 100 }),
  storedBytes: count('Bytes held on disk.'),
  storedObjects: count('Objects held, wholly or in part.'),
  pinnedBytes: count('Bytes that a fill brought and the plan keeps.'),
  memoryTierBytes: count('Bytes held in memory as well.'),
  servedBps: count('Bits a second served to viewers.'),
  openConnections: count('Open connections.'),
  topUpBytes: Type.Optional(count('Bytes brought today (UTC) by top-ups.')),
  restingUpstreams: Type.Optional(
    Type.Array(Type.String({ maxLength: 100 }), {
      maxItems: 300,
      description: 'Upstreams that it leaves alone now because they kept failing.',
    }),
  ),
  diskTrouble: Type.Optional(
    Type.String({ maxLength: 500, description: 'What its disk refused within the last ten minutes, in words.' }),
  ),
  unfitReason: nullable(Type.String({ maxLength: 500 })),
});
export const StatusSchema = documentSchema<ApplianceStatus>()(StatusFields);

const applianceFields = {
  regionId: Id('its region'),
  role: Type.Enum([...applianceRoles]),
  mode: Type.Enum([...applianceModes], {
    description: '`active` serves, `draining` gets no new viewers or fills, `disabled` does nothing.',
  }),
  publicUrl: Type.String({ description: 'Base URL that viewers use.', examples: ['https://edge-1.example.net'] }),
  internalUrl: Type.String({ description: 'Base URL that control, fill workers and other appliances use.' }),
  capacityBytes: Type.Number({ description: 'Disk for objects, a hard limit; > 0.' }),
  weight: Type.Number({ description: 'Relative share of the region’s load; > 0, 1 is normal.' }),
};

const ApplianceFields = {
  id: Id('the appliance'),
  ...applianceFields,
  createdAt: Timestamp,
  updatedAt: Timestamp,
  health: Type.Enum(['healthy', 'unfit', 'silent', 'never-seen'] as const),
  status: nullable(StatusFields),
};
export const ApplianceSchema = documentSchema<ApplianceView>()(Type.Object(ApplianceFields));

export interface CreatedAppliance extends ApplianceView {
  readonly credential: string;
}
export const CreatedApplianceSchema = documentSchema<CreatedAppliance>()(
  Type.Object({
    ...ApplianceFields,
    credential: Type.String({
      description: 'NIGHTFILL_APPLIANCE_CREDENTIAL of that appliance. Shown in this answer only.',
    }),
  }),
);

export const NewAppliance = Type.Object(
  {
    id: Id('the appliance'),
    regionId: applianceFields.regionId,
    publicUrl: applianceFields.publicUrl,
    capacityBytes: applianceFields.capacityBytes,
    internalUrl: Type.Optional(
      Type.String({ description: 'Base URL that control and other appliances use; `publicUrl` by default.' }),
    ),
    role: Type.Optional(applianceFields.role),
    mode: Type.Optional(applianceFields.mode),
    weight: Type.Optional(applianceFields.weight),
  },
  { additionalProperties: false },
);
export type NewAppliance = Static<typeof NewAppliance>;

export const AppliancePatch = Type.Partial(Type.Object(applianceFields), {
  additionalProperties: false,
  minProperties: 1,
});
export type AppliancePatch = Static<typeof AppliancePatch>;
