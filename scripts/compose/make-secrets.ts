/**
 * Makes the secrets of a composed installation once: one folder a reader, one file a secret, so that each container can
 * be given its own folder and nothing else. Files that are there stay as they are.
 *
 *     node scripts/compose/make-secrets.ts FOLDER APPLIANCE…
 */
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { applianceCredential } from '../../shared/tokens/credentials.ts';
import { generateTokenKey } from '../../shared/tokens/keys.ts';

const [folder, ...applianceIds] = process.argv.slice(2);
if (!folder) {
  process.stderr.write('usage: make-secrets.ts FOLDER APPLIANCE…\n');
  process.exit(2);
}

/** The file's content; `make` gives it when the file is not there yet. A run that is cut short leaves no half secret. */
async function once(path: string, make: () => string | Promise<string>): Promise<string> {
  const file = join(folder ?? '', path);
  const found = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  if (found !== null) return found;
  await mkdir(dirname(file), { recursive: true });
  const text = await make();
  await rm(`${file}.new`, { force: true });
  await writeFile(`${file}.new`, text, { mode: 0o444 });
  await rename(`${file}.new`, file);
  return text;
}

const random = () => randomBytes(32).toString('base64url');

await once('api/api-key', random);
await once('control/token-keys', async () => JSON.stringify({ keys: [await generateTokenKey()] }));
const fleetSecret = await once('fleet/fleet-secret', random);
await once('content/content-secret', random);
await once('webhook/webhook-secret', random);
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
