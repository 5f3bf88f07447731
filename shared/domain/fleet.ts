/** Regions and appliances: what the operator configured (documents) and what the fleet says of itself (status). */

/** A nightly span on the region's own clock; `end` earlier than `start` means that it crosses midnight. */
export interface FillWindow {
  /** `HH:MM` on the region's clock. */
  readonly start: string;
  readonly end: string;
}

export interface FillBudget {
  /** Bytes a night may bring into the region, over all its appliances. */
  readonly bytesPerNight: number;
  /** Rate that all pushes into the region share. */
  readonly rateBps: number;
  /** What a fill has each appliance give to others, and take from them; null or absent: ten times `rateBps`. */
  readonly peerRateBps?: number | null;
}

const peerRateShare = 10;

/**
 * Ten times the region's rate: further copies keep up with what crosses, whatever the region's size, and a region with a thin line into
 * it is no faster inside than viewers can bear.
 */
export const peerRateOf = ({ rateBps, peerRateBps }: FillBudget): number => peerRateBps ?? rateBps * peerRateShare;

/** What a byte into the region costs. */
export interface Tariff {
  /** ISO 4217, e.g. `EUR`. */
  readonly currency: string;
  /** Price of 10^9 bytes of transit. */
  readonly perGb: number;
  /** The same inside the fill window, where nights are cheaper; absent: `perGb`. */
  readonly nightPerGb?: number;
}

/** What may be brought into a region outside of its nights, before anybody asks, because demand there rises. */
export interface TopUpBudget {
  /** Bytes a UTC day, over all its appliances. */
  readonly bytesPerDay: number;
  /** Rate that they share. */
  readonly rateBps: number;
}

export interface GeoPoint {
  readonly latitude: number;
  readonly longitude: number;
}

/** Where a region's viewers are. */
export interface Coverage {
  /** CIDR networks, IPv4 or IPv6; the longest prefix that holds the viewer's address wins. */
  readonly networks: readonly string[];
  readonly location: GeoPoint | null;
}

/** `fleet/regions/<id>.json` */
export interface Region {
  readonly id: string;
  readonly name: string;
  /** IANA name, e.g. `Europe/Berlin`. */
  readonly timeZone: string;
  readonly window: FillWindow;
  readonly budget: FillBudget;
  readonly coverage: Coverage;
  /** Absent or null: reports tell bytes, no money. */
  readonly tariff?: Tariff | null;
  /** False stops the nightly schedule; pull and manual fills go on. */
  readonly fillEnabled: boolean;
  /** Null or absent: nothing is pushed outside of the nightly plan. */
  readonly topUp?: TopUpBudget | null;
  /** Share of each disk that plans leave to what viewers pull; null or absent: decided from the region's own log. */
  readonly pulledShare?: number | null;
  readonly createdAt: string;
  readonly updatedAt: string;
}

export const applianceRoles = ['edge', 'shield'] as const;
export type ApplianceRole = (typeof applianceRoles)[number];

/** What the operator wants of an appliance: `active` serves, `draining` gets no new viewers or fills, `disabled` nothing. */
export const applianceModes = ['active', 'draining', 'disabled'] as const;
export type ApplianceMode = (typeof applianceModes)[number];

/** `fleet/appliances/<id>.json` */
export interface Appliance {
  readonly id: string;
  readonly regionId: string;
  readonly role: ApplianceRole;
  readonly mode: ApplianceMode;
  /** Base URL that viewers use, without trailing slash. */
  readonly publicUrl: string;
  /** Base URL that control, fill workers and other appliances use. */
  readonly internalUrl: string;
  /** Disk that may be used for objects; a hard limit. */
  readonly capacityBytes: number;
  /** Relative share of the region's load, > 0; 1 is normal. */
  readonly weight: number;
  readonly createdAt: string;
  readonly updatedAt: string;
}

/** What an appliance tells control every few seconds. */
export interface ApplianceStatus {
  readonly applianceId: string;
  readonly reportedAt: string;
  readonly startedAt: string;
  readonly softwareVersion: string;
  readonly storedBytes: number;
  readonly storedObjects: number;
  readonly pinnedBytes: number;
  readonly memoryTierBytes: number;
  readonly servedBps: number;
  readonly openConnections: number;
  /** Brought today (UTC) by top-ups; absent where there is none. */
  readonly topUpBytes?: number;
  /** Upstreams that it leaves alone now because they kept failing; absent where there are none. */
  readonly restingUpstreams?: readonly string[];
  /** What its disk refused lately, in words, e.g. `its disk has become read-only`; absent for nothing. */
  readonly diskTrouble?: string;
  /** Set when the appliance itself knows that it should not get viewers, e.g. `disk-full`, `shutting-down`. */
  readonly unfitReason: string | null;
}

export type ApplianceHealth = 'healthy' | 'unfit' | 'silent' | 'never-seen';

/** An appliance with what is known of its health now. */
export interface ApplianceView extends Appliance {
  readonly health: ApplianceHealth;
  readonly status: ApplianceStatus | null;
}

/** Heartbeats come every `heartbeatIntervalMs`; after this silence an appliance gets no viewers. */
export const heartbeatIntervalMs = 2_000;
export const silentAfterMs = 7_000;

/** Health from the last heartbeat. `nowMs` is Unix milliseconds. */
export function healthOf(status: ApplianceStatus | null, nowMs: number): ApplianceHealth {
  if (!status) return 'never-seen';
  if (nowMs - Date.parse(status.reportedAt) > silentAfterMs) return 'silent';
  return status.unfitReason ? 'unfit' : 'healthy';
}

/** True when an appliance may be given viewers. */
export const mayServe = (appliance: ApplianceView): boolean =>
  appliance.mode === 'active' && appliance.health === 'healthy';

/** A symmetric or public key with which playback tokens are checked (RFC 7517). */
export interface TokenKey {
  readonly kid: string;
  readonly alg: 'HS256' | 'ES256';
  readonly kty: 'oct' | 'EC';
  /** `oct`: the secret, base64url. */
  readonly k?: string;
  /** `EC`: curve and public point, base64url. */
  readonly crv?: 'P-256';
  readonly x?: string;
  readonly y?: string;
}

/** A playback session that is refused from now on, though its token has not expired. */
export interface Revocation {
  /** The session: `jti` of its tokens. */
  readonly id: string;
  /** Said by who revoked it. */
  readonly reason: string | null;
  /** ISO 8601, UTC. */
  readonly createdAt: string;
  /** By then every token of the session has expired, and the revocation is forgotten. */
  readonly expiresAt: string;
}

/** As ids of sessions are written in tokens, addresses and file names. */
export const sessionPattern = /^[A-Za-z0-9_-]{1,100}$/;

/** What control tells an appliance in the answer to a heartbeat; kept on its disk for when control is away. */
export interface ApplianceOrders {
  readonly applianceId: string;
  readonly regionId: string;
  readonly role: ApplianceRole;
  readonly mode: ApplianceMode;
  readonly capacityBytes: number;
  /** All keys whose tokens are accepted now; several while keys rotate. */
  readonly tokenKeys: readonly TokenKey[];
  /** Sessions (`jti` of playback tokens) that are refused although their tokens have not expired yet; absent: none. */
  readonly revokedSessions?: readonly string[];
  /** Assets that are deleted and may come back: held, and answered with 410; absent: none. */
  readonly hiddenAssets?: readonly string[];
  /** Its own share in what the region may be topped up with; absent: none. */
  readonly topUp?: TopUpBudget;
  /** Its own relative share of the region's load; absent: 1. */
  readonly weight?: number;
  /** What other appliances must present to pull from this one. */
  readonly pullCredential: string;
  /** In the order to ask: the region's healthy peers, then shields. The object store follows where the appliance has one. */
  readonly upstreams: readonly Upstream[];
}

export interface Upstream {
  readonly kind: 'peer' | 'shield';
  readonly applianceId: string;
  /** Its internal base URL. */
  readonly url: string;
  /** What it asks of pullers. */
  readonly credential: string;
  readonly weight: number;
}
