import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readSettings, SettingsError, settings, unknownSettings } from './settings.ts';

const key = 'a-key-of-more-than-thirty-two-characters';

describe('readSettings', () => {
  it('gives the documented defaults for what is not set or set to nothing', () => {
    const read = readSettings({ NIGHTFILL_PORT: '' }, ['port', 'memoryTierBytes', 'segmentMs', 's3PathStyle']);
    expect(read).toEqual({ port: 8080, memoryTierBytes: 256 * 2 ** 20, segmentMs: 6_000, s3PathStyle: true });
  });

  it('names every mistake at once, with the variable and the mend', () => {
    const env = {
      NIGHTFILL_PORT: '99999',
      NIGHTFILL_MEMORY_TIER: 'lots',
      NIGHTFILL_SEGMENT: '6',
      NIGHTFILL_LOG_LEVEL: 'loud',
    };
    const read = () => readSettings(env, ['port', 'memoryTierBytes', 'segmentMs', 'logLevel', 'applianceId']);
    expect(read).toThrow(SettingsError);
    try {
      read();
    } catch (error) {
      const mistakes = (error as SettingsError).mistakes;
      expect(mistakes).toHaveLength(5);
      expect(mistakes.join('\n')).toContain('NIGHTFILL_PORT must be a whole number from 0 to 65535');
      expect(mistakes.join('\n')).toContain('NIGHTFILL_APPLIANCE_ID must be set');
    }
  });

  it('never repeats a secret in its message', () => {
    expect(() => readSettings({ NIGHTFILL_FLEET_SECRET: 'hunter2' }, ['fleetSecret'])).toThrow(
      /at least 32 characters/,
    );
    expect(() => readSettings({ NIGHTFILL_FLEET_SECRET: 'hunter2' }, ['fleetSecret'])).not.toThrow(/hunter2/);
  });

  it('takes a secret from a file and drops the last line break', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'nightfill-settings-'));
    try {
      await writeFile(join(dir, 'secret'), `${key}\n`);
      expect(readSettings({ NIGHTFILL_FLEET_SECRET_FILE: join(dir, 'secret') }, ['fleetSecret']).fleetSecret).toBe(key);
      expect(() => readSettings({ NIGHTFILL_FLEET_SECRET_FILE: join(dir, 'none') }, ['fleetSecret'])).toThrow(
        /cannot be read/,
      );
    } finally {
      await rm(dir, { recursive: true });
    }
  });

  it('notices variables that nobody reads, but not those of the test suite', () => {
    const env = {
      NIGHTFILL_PROT: '1',
      NIGHTFILL_PORT: '1',
      NIGHTFILL_TEST_S3_URL: 'x',
      NIGHTFILL_API_KEY_FILE: 'f',
      PATH: '/',
    };
    expect(unknownSettings(env)).toEqual(['NIGHTFILL_PROT']);
  });

  it('has one variable for each setting', () => {
    const names = Object.values(settings).map((setting) => setting.env);
    expect(new Set(names).size).toBe(names.length);
  });
});
