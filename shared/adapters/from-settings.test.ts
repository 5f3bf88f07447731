import { describe, expect, it } from 'vitest';
import { SettingsError } from '../platform/settings.ts';
import { openObjectStore, redisUrl } from './from-settings.ts';
import { redisOptionsOf } from './redis/connection.ts';

describe('redisUrl', () => {
  const password = 'p@ss/word:1';
  it.each(['redis://cache:6380/2', '/run/redis.sock', 'redis+unix:///run/redis.sock?db=3'])(
    'gives %s its password, whatever characters it has',
    (url) => {
      const without = redisOptionsOf(redisUrl({ redisUrl: url, redisPassword: '' }));
      expect(redisOptionsOf(redisUrl({ redisUrl: url, redisPassword: password }))).toEqual({ ...without, password });
    },
  );
});

describe('openObjectStore', () => {
  const rest = { s3Region: 'r', s3AccessKeyId: 'a', s3SecretAccessKey: 's', s3PathStyle: true };
  it.each(['', 'folder:', 'bucket', 's3:nightfill', 's3:http://host', 'ftp://host/bucket'])(
    'refuses the address "%s" and says how to write one',
    async (storeUrl) => {
      const opening = openObjectStore({ storeUrl, ...rest });
      await expect(opening).rejects.toThrow(SettingsError);
      await expect(opening).rejects.toThrow(/folder:<path> or s3:<endpoint>\/<bucket>/);
    },
  );
});
