/**
 * Makes the secrets of a composed installation once: one folder a reader, one file a secret, so that each container can
 * be given its own folder and nothing else. Files that are there stay as they are.
 *
 *     node scripts/compose/make-secrets.ts FOLDER APPLIANCE…
 */
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { applianceCredential } from '../../shared/tokens/credentials.ts';
import { generateTokenKey } from '../../shared/tokens/keys.ts';

const [folder, ...applianceIds] = process.argv.slice(2);
if (!folder) {
  process.stderr.write('usage: make-secrets.ts FOLDER APPLIANCE…\n');
  process.exit(2);
}

/** The file's content; `make` gives it when the file is not there yet. */
async function once(path: string, make: () => string | Promise<string>): Promise<string> {
  const file = join(folder ?? '', path);
  await mkdir(dirname(file), { recursive: true });
  try {
    await writeFile(file, await make(), { flag: 'wx', mode: 0o444 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  return readFile(file, 'utf8');
}

const random = () => randomBytes(32).toString('base64url');

await once('api/api-key', random);
await once('control/token-keys', async () => JSON.stringify({ keys: [await generateTokenKey()] }));
const fleetSecret = await once('fleet/fleet-secret', random);
for (const id of applianceIds) await once(`appliance-${id}/credential`, () => applianceCredential(fleetSecret, id));

const redisPassword = await once('redis-client/password', random);
await once('redis-server/redis.conf', () =>
  [
    `requirepass ${redisPassword}`,
    'appendonly yes',
    'appendfsync everysec',
    'save ""',
    'maxmemory-policy noeviction',
    '',
  ].join('\n'),
);

const accessKey = await once('store-client/access-key', () => `NF${randomBytes(9).toString('hex').toUpperCase()}`);
const secretKey = await once('store-client/secret-key', random);
await once('store-server/s3.json', () =>
  JSON.stringify({
    identities: [
      {
        name: 'nightfill',
        credentials: [{ accessKey, secretKey }],
        actions: ['Admin', 'Read', 'Write', 'List', 'Tagging'],
      },
    ],
  }),
);
