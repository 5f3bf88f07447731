import { tmpdir } from 'node:os';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { demoAppliances } from './demo-fleet.ts';
import { portNames, processGroups } from './processes.ts';

afterEach(() => vi.unstubAllEnvs());

const groups = () =>
  processGroups(
    {
      data: {
        root: tmpdir(),
        path: (...parts) => parts.join('/'),
        lock: async () => {},
        unlock: async () => {},
        secrets: async () => secrets,
        ports: async () => new Map(),
        writeAccess: async () => {},
      },
      secrets,
      host: '127.0.0.1',
      publicUrl: 'http://127.0.0.1:8080',
      redisUrl: 'redis://127.0.0.1:1',
      ports: new Map(portNames(demoAppliances).map((name, i) => [name, 9_000 + i])),
      appliances: demoAppliances,
    },
    8_080,
  ).flat();
const secrets = {
  apiKey: 'a'.repeat(20),
  fleetSecret: 'f'.repeat(40),
  contentSecret: 'c'.repeat(40),
  redisPassword: 'r',
  tokenKeys: { keys: [] },
};

describe('the processes of one machine', () => {
  it('hand tuning of the environment on, and neither its wiring nor its secrets', () => {
    vi.stubEnv('NIGHTFILL_LOG_LEVEL', 'debug');
    vi.stubEnv('NIGHTFILL_STORE_URL', 's3:http://elsewhere/bucket');
    vi.stubEnv('NIGHTFILL_API_KEY', 'key-of-the-operators-shell');
    vi.stubEnv('NIGHTFILL_FLEET_SECRET_FILE', '/run/secrets/fleet');
    const edge = groups().find(({ name }) => name === 'berlin-1');
    expect(edge?.env).toMatchObject({ NIGHTFILL_LOG_LEVEL: 'debug', NIGHTFILL_APPLIANCE_ID: 'berlin-1' });
    for (const name of ['NIGHTFILL_STORE_URL', 'NIGHTFILL_API_KEY', 'NIGHTFILL_FLEET_SECRET_FILE'])
      expect(edge?.env).not.toHaveProperty(name);
    expect(groups().find(({ name }) => name === 'ingest')?.env.NIGHTFILL_API_KEY).toBe(secrets.apiKey);
  });

  it('tell no appliance the fleet’s secret or the store, except that a shield reads the store', () => {
    for (const { name, env } of groups().filter(({ env: { NIGHTFILL_APPLIANCE_ID: id } }) => id !== undefined)) {
      expect(env).not.toHaveProperty('NIGHTFILL_FLEET_SECRET');
      expect('NIGHTFILL_STORE_URL' in env).toBe(name === 'shield-1');
    }
  });
});
