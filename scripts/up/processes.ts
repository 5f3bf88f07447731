/** Which processes make up Nightfill on one machine, and the environment of each. */
import { join } from 'node:path';
import { settings } from '../../shared/platform/settings.ts';
import { applianceCredential } from '../../shared/tokens/credentials.ts';
import type { ChildSpec } from './child.ts';
import type { DataDir, Secrets } from './data-dir.ts';
import type { ApplianceSpec } from './demo-fleet.ts';
import { frugal } from './frugal.ts';

export interface Installation {
  readonly data: DataDir;
  readonly secrets: Secrets;
  readonly host: string;
  readonly publicUrl: string;
  readonly redisUrl: string;
  readonly ports: ReadonlyMap<string, number>;
  readonly appliances: readonly ApplianceSpec[];
}

/** Inner processes that need a port, in the order of choosing. */
export const portNames = (appliances: readonly ApplianceSpec[]): string[] => [
  'control',
  'ingest',
  'redis',
  'transcode',
  'forecast',
  'fill',
  ...appliances.map(({ id }) => id),
];

const root = join(import.meta.dirname, '..', '..');

/** Started group after group, stopped in the opposite order; those of one group do not need each other to start. */
export function processGroups(it: Installation, port: number): readonly (readonly ChildSpec[])[] {
  const portOf = (name: string): number => {
    const found = it.ports.get(name);
    if (found === undefined) throw new Error(`no port for ${name}`);
    return found;
  };
  const url = (name: string) => `http://127.0.0.1:${portOf(name)}`;

  const redis = { NIGHTFILL_REDIS_URL: it.redisUrl, NIGHTFILL_REDIS_PASSWORD: it.secrets.redisPassword };
  const store = { NIGHTFILL_STORE_URL: `folder:${it.data.path('store')}` };
  const apiKey = { NIGHTFILL_API_KEY: it.secrets.apiKey };
  const fleet = { NIGHTFILL_FLEET_SECRET: it.secrets.fleetSecret };
  const content = { NIGHTFILL_CONTENT_SECRET: it.secrets.contentSecret };
  const webhookUrl = passed('NIGHTFILL_WEBHOOK_URL');
  const webhooks = { ...webhookUrl, ...passed('NIGHTFILL_WEBHOOK_SECRET'), ...passed('NIGHTFILL_WEBHOOK_SECRET_FILE') };
  const tokenKeys = { NIGHTFILL_TOKEN_KEYS: JSON.stringify(it.secrets.tokenKeys) };

  const spec = (
    name: string,
    main: string,
    listen: { readonly host: string; readonly port: number },
    env: Readonly<Record<string, string>>,
  ): ChildSpec => ({
    name,
    main: join(root, main),
    logFile: it.data.path('log', `${name}.log`),
    env: {
      ...tuning(),
      // what Node compiled at the first start is read at the next
      NODE_COMPILE_CACHE: it.data.path('compile-cache'),
      NIGHTFILL_SCRATCH_DIR: it.data.path('scratch', name),
      NIGHTFILL_HOST: listen.host,
      NIGHTFILL_PORT: String(listen.port),
      ...env,
    },
  });
  const inner = (name: string, main: string, env: Readonly<Record<string, string>>) =>
    spec(name, main, { host: '127.0.0.1', port: portOf(name) }, env);

  return [
    [
      inner('control', 'services/control/main.ts', {
        ...redis,
        ...store,
        ...apiKey,
        ...fleet,
        ...content,
        ...tokenKeys,
        // The console is the proxy in front of it, and tells where viewers are.
        NIGHTFILL_TRUST_PROXY: '127.0.0.1',
      }),
    ],
    [
      inner('ingest', 'services/ingest/main.ts', { ...frugal, ...redis, ...store, ...apiKey, ...webhooks }),
      inner('transcode', 'workers/transcode/main.ts', { ...redis, ...store, ...content, ...webhookUrl }),
      inner('forecast', 'workers/forecast/main.ts', { ...redis, ...store, ...fleet }),
      inner('fill', 'workers/fill/main.ts', { ...redis, ...store, ...fleet }),
      ...it.appliances.map((appliance) =>
        spec(
          appliance.id,
          'services/appliance/main.ts',
          { host: it.host, port: portOf(appliance.id) },
          {
            NIGHTFILL_APPLIANCE_ID: appliance.id,
            NIGHTFILL_APPLIANCE_CREDENTIAL: applianceCredential(it.secrets.fleetSecret, appliance.id),
            NIGHTFILL_APPLIANCE_DIR: it.data.path('appliances', appliance.id),
            NIGHTFILL_CONTROL_URL: url('control'),
            NIGHTFILL_MEMORY_TIER: process.env.NIGHTFILL_MEMORY_TIER ?? '64MiB',
            ...(appliance.role === 'shield' ? store : {}),
          },
        ),
      ),
    ],
    [
      spec(
        'console',
        'services/console/main.ts',
        { host: it.host, port },
        {
          ...apiKey,
          NIGHTFILL_CONTROL_URL: url('control'),
          NIGHTFILL_INGEST_URL: url('ingest'),
          NIGHTFILL_PUBLIC_URL: it.publicUrl,
          NIGHTFILL_OPEN_WATCH_PAGE: process.env.NIGHTFILL_OPEN_WATCH_PAGE ?? 'true',
        },
      ),
    ],
  ];
}

/** A setting that `tuning` keeps from most processes, for one that needs it. */
function passed(name: string): Record<string, string> {
  const value = process.env[name];
  return value ? { [name]: value } : {};
}

/** What wires processes together is decided here, and a secret goes to those alone that need it. */
const decidedHere: ReadonlySet<string> = new Set(
  Object.values(settings)
    .filter(({ env, secret }) => secret || /_(URL|API|APPLIANCE_ID|APPLIANCE_DIR)$/.test(env))
    .flatMap(({ env }) => [env, `${env}_FILE`]),
);

/** What children inherit: the machine's own variables, and settings that tune rather than wire. */
function tuning(): Record<string, string> {
  const inherited = /^(PATH|HOME|LANG|LC_.*|TZ|TMPDIR|NODE_EXTRA_CA_CERTS|NIGHTFILL_(?!TEST_).*)$/;
  return Object.fromEntries(
    Object.entries(process.env).filter(
      (entry): entry is [string, string] => inherited.test(entry[0]) && !decidedHere.has(entry[0]) && !!entry[1],
    ),
  );
}
