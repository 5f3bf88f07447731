/** Opens what the settings name. Called by the `main.ts` of each process, which is where adapters are chosen. */

import type { Logger } from '../platform/logger.ts';
import { type Settings, SettingsError } from '../platform/settings.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import type { PartUploads } from '../ports/part-uploads.ts';
import { makeFolderObjectStore } from './folder/folder-object-store.ts';
import { makeFolderPartUploads } from './folder/folder-part-uploads.ts';
import { connectRedis, type RedisConnection } from './redis/connection.ts';
import { ensureBucket } from './s3/s3-bucket.ts';
import type { S3Options } from './s3/s3-client.ts';
import { makeS3ObjectStore } from './s3/s3-object-store.ts';
import { makeS3PartUploads } from './s3/s3-part-uploads.ts';

export const storeSettings = ['storeUrl', 's3Region', 's3AccessKeyId', 's3SecretAccessKey', 's3PathStyle'] as const;
export const redisSettings = ['redisUrl', 'redisPassword'] as const;

/**
 * The object store that `NIGHTFILL_STORE_URL` names; a bucket that is missing is made.
 *
 * @throws SettingsError when the address is of neither form, ObjectStoreError when the bucket cannot be had.
 */
export async function openObjectStore(settings: StoreSettings): Promise<ObjectStore> {
  const place = storePlace(settings);
  if ('root' in place) return makeFolderObjectStore(place);
  await ensureBucket(place);
  return makeS3ObjectStore(place);
}

/** Uploads in parts into the same object store, which must be open. */
export function openPartUploads(settings: StoreSettings): PartUploads {
  const place = storePlace(settings);
  return 'root' in place ? makeFolderPartUploads(place) : makeS3PartUploads(place);
}

type StoreSettings = Pick<Settings, (typeof storeSettings)[number]>;

function storePlace(settings: StoreSettings): { readonly root: string } | S3Options {
  const [kind, rest] = splitOnce(settings.storeUrl, ':');
  if (kind === 'folder' && rest) return { root: rest };
  const slash = rest.lastIndexOf('/');
  const endpoint = rest.slice(0, slash);
  const bucket = rest.slice(slash + 1);
  if (kind !== 's3' || !bucket || !/^https?:\/\/[^/]+/.test(endpoint))
    throw new SettingsError([
      `NIGHTFILL_STORE_URL must be folder:<path> or s3:<endpoint>/<bucket>, e.g. s3:http://127.0.0.1:8333/nightfill`,
    ]);
  return {
    endpoint,
    bucket,
    region: settings.s3Region,
    accessKeyId: settings.s3AccessKeyId,
    secretAccessKey: settings.s3SecretAccessKey,
    forcePathStyle: settings.s3PathStyle,
  };
}

/** Connects to Redis; an outage is logged once and mended by itself. */
export function openRedis(
  settings: Pick<Settings, (typeof redisSettings)[number]>,
  options: { readonly name: string; readonly logger: Logger },
): RedisConnection {
  return connectRedis({
    url: redisUrl(settings),
    name: options.name,
    onError: (error) => options.logger.warn({ err: error }, 'Redis is away'),
  });
}

/** The address with its password, for adapters that connect by themselves. */
export function redisUrl({ redisUrl: url, redisPassword }: Pick<Settings, (typeof redisSettings)[number]>): string {
  if (!redisPassword) return url;
  // A URL without a host cannot carry a password; the name is not used for a socket.
  const withPassword = URL.parse(url.replace(/^(redis\+unix:\/\/)?\//, 'redis+unix://localhost/'));
  if (!withPassword) return url;
  withPassword.password = encodeURIComponent(redisPassword);
  return withPassword.href;
}

function splitOnce(text: string, separator: string): [before: string, after: string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}
