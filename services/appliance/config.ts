import type { SettingName } from '../../shared/platform/settings.ts';

/** What an appliance reads besides the settings of every process and of the object store. */
export const applianceSettings = [
  'applianceId',
  'applianceCredential',
  'applianceDir',
  'memoryTierBytes',
  'upstreamTimeoutMs',
  'controlUrl',
  'trustProxy',
  'cookieOrigins',
  'metricsFrom',
  'tlsCertificate',
  'tlsKey',
  'tlsPort',
  'connectionsPerIp',
  'requestsPerIp',
  'requestsPerSession',
  'answerMemoryBytes',
  'slowestReaderBytesPerSecond',
  'limitsExempt',
  'scrubBytesPerSecond',
  'sendfile',
] as const satisfies readonly SettingName[];

/** Media requests answered at once; each holds a slice or two while its client reads. */
export const maxOpenRequests = 4_000;

/** A connection that moves no byte for so long is dropped, with the slice that it holds. */
export const idleConnectionMs = 60_000;

/** So long a reader may take nothing of an answer that waits for it, or less than the slowest rate. */
export const slowReaderGraceMs = 30_000;

/** Stored bytes are read and checked in portions of so much time. */
export const scrubEveryMs = 10_000;

/** A head that takes longer to come is no player's. */
export const headersMs = 10_000;
export const maxHeaders = 100;
/** How often it is looked for such heads. */
export const headsCheckedEveryMs = 2_000;

/** Connections at once, over all callers. */
export const maxConnections = 20_000;

/** A connection without a request is kept for so long: players ask again every few seconds. */
export const keepAliveMs = 75_000;

/** Until control has said how much disk may be used, nothing is written and nothing must be evicted either. */
export const unknownCapacityBytes = Number.MAX_SAFE_INTEGER;
