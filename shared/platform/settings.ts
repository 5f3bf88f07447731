/**
 * The one table of settings. Every process reads its part once at start; `docs/configuration.md` is made from it and a
 * test holds the two together.
 */
import { readFileSync } from 'node:fs';
import {
  boolean,
  durationMs,
  integer,
  list,
  oneOf,
  type Setting,
  secret,
  sizeBytes,
  text,
  url,
} from './setting-kinds.ts';

export const settings = {
  // every process
  host: text('NIGHTFILL_HOST', { doc: 'Address to listen on.', fallback: '127.0.0.1' }),
  port: integer(
    'NIGHTFILL_PORT',
    { min: 0, max: 65_535, unit: 'TCP port' },
    { doc: 'Port to listen on; workers answer only health and metrics there. 0 takes a free one.', fallback: '8080' },
  ),
  logLevel: oneOf('NIGHTFILL_LOG_LEVEL', ['trace', 'debug', 'info', 'warn', 'error', 'silent'], {
    doc: 'Least severe log line that is written.',
    fallback: 'info',
  }),
  shutdownGraceMs: durationMs('NIGHTFILL_SHUTDOWN_GRACE', {
    doc: 'How long a stopping process waits for open requests and jobs before it drops them.',
    fallback: '10s',
  }),

  // what the parts share
  redisUrl: text('NIGHTFILL_REDIS_URL', {
    doc: 'Redis: `redis://host:6379`, `rediss://…`, or the path of a unix socket. A password belongs into NIGHTFILL_REDIS_PASSWORD.',
    fallback: 'redis://127.0.0.1:6379',
  }),
  redisPassword: secret('NIGHTFILL_REDIS_PASSWORD', { doc: 'Password of Redis.', fallback: '', minLength: 1 }),
  storeUrl: text('NIGHTFILL_STORE_URL', {
    doc: 'Object store: `folder:<path>`, or `s3:<endpoint>/<bucket>`, e.g. `s3:http://garage:3900/nightfill`. An appliance with one becomes able to pull from the origin.',
    fallback: '',
  }),
  s3Region: text('NIGHTFILL_S3_REGION', { doc: 'Region of the bucket.', fallback: 'us-east-1' }),
  s3AccessKeyId: secret('NIGHTFILL_S3_ACCESS_KEY_ID', { doc: 'Access key of the bucket.', fallback: '', minLength: 1 }),
  s3SecretAccessKey: secret('NIGHTFILL_S3_SECRET_ACCESS_KEY', {
    doc: 'Secret key of the bucket.',
    fallback: '',
    minLength: 1,
  }),
  s3PathStyle: boolean('NIGHTFILL_S3_PATH_STYLE', {
    doc: 'Bucket in the path instead of the host name, as most self-hosted stores need it.',
    fallback: 'true',
  }),
  fleetSecret: secret('NIGHTFILL_FLEET_SECRET', {
    doc: 'Secret that all appliance credentials are derived from; known to control and workers, never to an appliance.',
    minLength: 32,
  }),
  contentSecret: secret('NIGHTFILL_CONTENT_SECRET', {
    doc: 'Secret that the keys of encrypted media are derived from; known to control and transcode workers, never to an appliance. Several with commas between them: the first is for new media, the others for what was made by them. Empty: nothing can be encrypted.',
    fallback: '',
    minLength: 32,
  }),
  apiKey: secret('NIGHTFILL_API_KEY', { doc: 'Bearer key of the public API.', minLength: 16 }),
  tokenKeys: secret('NIGHTFILL_TOKEN_KEYS', {
    doc: 'JSON Web Key Set of the keys that sign playback tokens; the first signs, all are accepted.',
    minLength: 2,
  }),

  // ingest
  maxUploadBytes: sizeBytes('NIGHTFILL_MAX_UPLOAD', { doc: 'Largest upload that is taken.', fallback: '50GiB' }),
  uploadExpiryMs: durationMs('NIGHTFILL_UPLOAD_EXPIRY', {
    doc: 'An upload that is not finished after so long is deleted.',
    fallback: '24h',
  }),
  maxDurationMs: durationMs('NIGHTFILL_MAX_DURATION', { doc: 'Longest video that is taken.', fallback: '24h' }),
  maxOpenUploads: integer(
    'NIGHTFILL_MAX_OPEN_UPLOADS',
    { min: 1, max: 100_000, unit: 'uploads' },
    {
      doc: 'Uploads and imports that may be under way at once; resumable ones count until they expire.',
      fallback: '100',
    },
  ),
  uploadQuotaBytes: sizeBytes('NIGHTFILL_UPLOAD_QUOTA', {
    doc: 'Bytes of all uploads together whose assets were not deleted; 0: no limit.',
    fallback: '0',
  }),
  deleteDelayMs: durationMs('NIGHTFILL_DELETE_DELAY', {
    doc: 'How long a deleted asset can be restored before its objects go; `0s`: not at all.',
    fallback: '24h',
  }),
  importNetworks: list('NIGHTFILL_IMPORT_NETWORKS', {
    doc: 'Networks (comma separated) that imports from a URL may reach besides the public Internet, e.g. `10.1.0.0/16`; empty: none.',
    fallback: '',
  }),
  importTimeoutMs: durationMs('NIGHTFILL_IMPORT_TIMEOUT', {
    doc: 'How long a server that is imported from may be silent.',
    fallback: '30s',
  }),
  webhookUrl: url('NIGHTFILL_WEBHOOK_URL', ['http', 'https'], {
    doc: 'Where every state change of an asset is told, by ingest and transcode; empty: nowhere.',
    fallback: '',
  }),
  webhookSecret: secret('NIGHTFILL_WEBHOOK_SECRET', {
    doc: 'Signs webhooks (HMAC-SHA-256), so that the receiver can tell them from others’.',
    fallback: '',
    minLength: 16,
  }),
  scratchDir: text('NIGHTFILL_SCRATCH_DIR', {
    doc: 'Folder for work in progress of ingest and transcode; emptied of leftovers at start.',
    fallback: 'var/scratch',
  }),

  // transcode
  segmentMs: durationMs('NIGHTFILL_SEGMENT', { doc: 'Target duration of a segment.', fallback: '6s' }),
  chunkMs: durationMs('NIGHTFILL_CHUNK', {
    doc: 'Length of the chunks by which several workers encode a long source at once, rounded to whole segments; the same for all workers, as it changes the bytes. Sources shorter than one and a half chunks are encoded in one go; 0s: all are.',
    fallback: '60s',
  }),
  earlyPlay: boolean('NIGHTFILL_EARLY_PLAY', {
    doc: 'Whether long sources can be played while the rest of them is encoded, where the upload does not say.',
    fallback: 'true',
  }),
  encodeRuns: integer(
    'NIGHTFILL_ENCODE_RUNS',
    { min: 1, max: 16, unit: 'processes' },
    {
      doc: 'Runs of ffmpeg at once for one asset, each on about one core; a ladder has five renditions to share among them. Does not change the bytes.',
      fallback: '2',
    },
  ),
  transcodeConcurrency: integer(
    'NIGHTFILL_TRANSCODE_CONCURRENCY',
    { min: 1, max: 64, unit: 'jobs' },
    { doc: 'Transcodes at once in one worker.', fallback: '1' },
  ),
  keepSource: boolean('NIGHTFILL_KEEP_SOURCE', {
    doc: 'Whether an upload stays in the object store after its publication, for a later transcode with another recipe.',
    fallback: 'false',
  }),

  // control and console
  controlUrl: url('NIGHTFILL_CONTROL_URL', ['http', 'https'], {
    doc: 'Base URL of control, for the console and for appliances.',
    fallback: 'http://127.0.0.1:8081',
  }),
  ingestUrl: url('NIGHTFILL_INGEST_URL', ['http', 'https'], {
    doc: 'Base URL of ingest, for the console.',
    fallback: 'http://127.0.0.1:8082',
  }),
  publicUrl: url('NIGHTFILL_PUBLIC_URL', ['http', 'https'], {
    doc: 'Base URL under which people reach the console; empty: as the request says.',
    fallback: '',
  }),
  defaultRegion: text('NIGHTFILL_DEFAULT_REGION', {
    doc: 'Region of viewers whom neither coverage nor distance places; empty: the first by id.',
    fallback: '',
  }),
  playbackTtlMs: durationMs('NIGHTFILL_PLAYBACK_TTL', {
    doc: 'How long a playback URL works when the caller does not say.',
    fallback: '6h',
  }),
  openWatchPage: boolean('NIGHTFILL_OPEN_WATCH_PAGE', {
    doc: 'Whether /watch/<asset> plays for everybody who can reach the console; otherwise it needs the API key.',
    fallback: 'false',
  }),
  trustProxy: list('NIGHTFILL_TRUST_PROXY', {
    doc: 'Networks of proxies whose X-Forwarded-For and -Proto are believed; empty: none.',
    fallback: '',
  }),

  metricsFrom: list('NIGHTFILL_METRICS_FROM', {
    doc: 'Addresses and networks (or `loopback`) that may read `/metrics` of appliances and the console, which the world can reach. A proxy on the same machine must be in NIGHTFILL_TRUST_PROXY, or all its callers count as loopback.',
    fallback: 'loopback',
  }),

  // appliance
  applianceId: text('NIGHTFILL_APPLIANCE_ID', { doc: 'Id under which control knows this appliance.' }),
  applianceCredential: secret('NIGHTFILL_APPLIANCE_CREDENTIAL', {
    doc: 'Credential of this appliance, as `nightfill appliances add` prints it.',
    minLength: 32,
  }),
  applianceDir: text('NIGHTFILL_APPLIANCE_DIR', { doc: 'Folder of stored objects.', fallback: 'var/appliance' }),
  memoryTierBytes: sizeBytes('NIGHTFILL_MEMORY_TIER', {
    doc: 'Memory for hot slices, besides what the process itself takes.',
    fallback: '256MiB',
  }),
  upstreamTimeoutMs: durationMs('NIGHTFILL_UPSTREAM_TIMEOUT', {
    doc: 'How long an upstream may be silent during a pull before the next one is asked.',
    fallback: '5s',
  }),

  cookieOrigins: list('NIGHTFILL_COOKIE_ORIGINS', {
    doc: 'Origins (`https://player.example`, comma separated) of pages whose players carry the token as a cookie; empty: none. A token in the address works from everywhere.',
    fallback: '',
  }),
  tlsCertificate: text('NIGHTFILL_TLS_CERTIFICATE', {
    doc: 'PEM file of the certificate and its chain, for TLS with HTTP/2; empty: no TLS. Read again when it changes and on SIGHUP.',
    fallback: '',
  }),
  tlsKey: text('NIGHTFILL_TLS_KEY', { doc: 'PEM file of the private key of that certificate.', fallback: '' }),
  tlsPort: integer(
    'NIGHTFILL_TLS_PORT',
    { min: 0, max: 65_535, unit: 'TCP port' },
    { doc: 'Port for TLS, beside the plain one. 0 takes a free one.', fallback: '8443' },
  ),

  connectionsPerIp: integer(
    'NIGHTFILL_CONNECTIONS_PER_IP',
    { min: 1, max: 1_000_000, unit: 'connections' },
    { doc: 'Connections at once from one address; many homes may share one.', fallback: '4096' },
  ),
  requestsPerIp: integer(
    'NIGHTFILL_REQUESTS_PER_IP',
    { min: 0, max: 1_000_000, unit: 'requests a second' },
    { doc: 'Media requests from one address, with ten seconds of them as burst. 0: without limit.', fallback: '5000' },
  ),
  requestsPerSession: integer(
    'NIGHTFILL_REQUESTS_PER_SESSION',
    { min: 0, max: 1_000_000, unit: 'requests a second' },
    {
      doc: 'Media requests with one playback token, with ten seconds of them as burst. 0: without limit.',
      fallback: '500',
    },
  ),
  answerMemoryBytes: sizeBytes('NIGHTFILL_ANSWER_MEMORY', {
    doc: 'Memory that answers on their way to slow readers may hold; above it new requests get 503.',
    fallback: '1GiB',
  }),
  slowestReaderBytesPerSecond: sizeBytes('NIGHTFILL_SLOWEST_READER', {
    doc: 'Bytes a second below which the reader of an answer is cut after half a minute, or after five seconds where the appliance is short of memory or places for answers. 0: never.',
    fallback: '4KiB',
  }),
  limitsExempt: list('NIGHTFILL_LIMITS_EXEMPT', {
    doc: 'Addresses and networks (or `loopback`) that the limits of connections and requests do not count for.',
    fallback: '',
  }),

  scrubBytesPerSecond: sizeBytes('NIGHTFILL_SCRUB_RATE', {
    doc: 'Stored bytes that an appliance reads and checks each second, to find what the disk lost. 0: never.',
    fallback: '4MiB',
  }),

  sendfile: boolean('NIGHTFILL_SENDFILE', {
    doc: 'Whether an appliance lets the kernel send what lies on its disk, and put what fills push where it is to lie, over plain HTTP on Linux. Otherwise both are read and written.',
    fallback: 'true',
  }),

  // forecast and fill
  planLeadMs: durationMs('NIGHTFILL_PLAN_LEAD', {
    doc: 'How long before a fill window opens its plan is frozen.',
    fallback: '10m',
  }),
  historyDays: integer(
    'NIGHTFILL_HISTORY_DAYS',
    { min: 1, max: 400, unit: 'days' },
    { doc: 'Days of demand that the forecast looks at.', fallback: '56' },
  ),
  fillConcurrency: integer(
    'NIGHTFILL_FILL_CONCURRENCY',
    { min: 1, max: 64, unit: 'pushes' },
    {
      doc: 'Objects of one batch on their way to an appliance at once; two batches of each appliance are under way.',
      fallback: '4',
    },
  ),

  // command line
  api: url('NIGHTFILL_API', ['http', 'https'], {
    doc: 'Base URL of the public API for the command line; empty: the installation in this folder.',
    fallback: '',
  }),
} satisfies Record<string, Setting<unknown>>;

export type Settings = {
  readonly [K in keyof typeof settings]: (typeof settings)[K] extends Setting<infer T> ? T : never;
};
export type SettingName = keyof Settings;

/** Every mistake in the configuration at once, each with the variable's name and what it should be. */
export class SettingsError extends Error {
  readonly mistakes: readonly string[];

  constructor(mistakes: readonly string[]) {
    super(`configuration: ${mistakes.join('; ')}`);
    this.name = 'SettingsError';
    this.mistakes = mistakes;
  }
}

/**
 * Reads the named settings from an environment.
 *
 * A secret may come from a file named by `<VARIABLE>_FILE`, whose trailing line break is dropped. A variable that is
 * set to the empty text counts as not set.
 *
 * @throws SettingsError with all mistakes, never just the first.
 */
export function readSettings<const N extends SettingName>(
  env: Readonly<Record<string, string | undefined>>,
  names: readonly N[],
): Pick<Settings, N> {
  const values: Record<string, unknown> = {};
  const mistakes: string[] = [];
  for (const name of names) {
    const setting: Setting<unknown> = settings[name];
    try {
      const given = env[setting.env] || (setting.secret ? readSecretFile(env[`${setting.env}_FILE`]) : undefined);
      if (given === undefined && setting.fallback === undefined) throw new Error(`must be set (${setting.range})`);
      values[name] = given === undefined ? setting.fallback : setting.parse(given);
    } catch (error) {
      mistakes.push(`${setting.env} ${(error as Error).message}`);
    }
  }
  if (mistakes.length > 0) throw new SettingsError(mistakes);
  return values as Pick<Settings, N>;
}

function readSecretFile(path: string | undefined): string | undefined {
  if (!path) return undefined;
  try {
    return readFileSync(path, 'utf8').replace(/\r?\n$/, '');
  } catch (error) {
    throw new Error(`_FILE cannot be read: ${(error as Error).message}`);
  }
}

/** NIGHTFILL_ variables that no process reads: usually a spelling mistake, worth a warning. */
export function unknownSettings(env: Readonly<Record<string, string | undefined>>): string[] {
  const known = new Set<string>();
  for (const setting of Object.values(settings)) {
    known.add(setting.env);
    if (setting.secret) known.add(`${setting.env}_FILE`);
  }
  return Object.keys(env).filter((key) => /^NIGHTFILL_(?!TEST_)/.test(key) && !known.has(key));
}
