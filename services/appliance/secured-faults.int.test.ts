/** The faults of `faults.int.test.ts` that travel otherwise over TLS or S3, and those that only these have. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { makeS3ObjectStore } from '../../shared/adapters/s3/s3-object-store.ts';
import { openSliceCache } from '../../shared/adapters/slice-cache/slice-cache.ts';
import { sliceSizeBytes } from '../../shared/domain/manifest.ts';
import type { SigningKey } from '../../shared/tokens/keys.ts';
import { type BadUpstream, faults, startBadUpstream } from './testing/bad-upstream.ts';
import { firstCertificate, secondCertificate } from './testing/certificates.ts';
import {
  type ControlStandIn,
  makeKey,
  makeTitle,
  type RunningAppliance,
  type StartOptions,
  send,
  signedPath,
  startAppliance,
  startControl,
} from './testing/fleet.ts';

const segments = Array.from({ length: 40 }, (_, i) => `video-720p/seg-${i}.m4s`);
const large = 'video-720p/large.m4s';
const film = makeTitle('film', [
  ...segments.map((path) => ({ path, sizeBytes: 60_000 })),
  { path: large, sizeBytes: sliceSizeBytes + 5_000 },
]);
const tried = [
  'says nothing at all',
  'stops within the body',
  'breaks off within the body',
  'ends early without a length',
  'announces less than there is',
  'announces more than there is',
  'sends other bytes',
  'answers 500',
  'sends the whole for a range, and a part for the whole',
  'does not speak HTTP',
] as const;

let dir: string;
let control: ControlStandIn;
let key: SigningKey;
const running: { stop(): Promise<void> }[] = [];
let next = 0;
const segment = () => segments[next++ % segments.length] ?? '';

async function start(id: string, options: Partial<StartOptions>): Promise<RunningAppliance> {
  const openCache = (at: string) => openSliceCache({ dir: at, capacityBytes: 1e9, memoryBytes: 16e6 });
  const common = { id, dir: join(dir, id), control, key, openCache, upstreamTimeoutMs: 700 };
  const appliance = await startAppliance({ ...common, trusted: firstCertificate.cert, ...options });
  running.push(appliance);
  await vi.waitFor(async () => expect((await send(appliance.port, '/readyz')).status).toBe(200), { timeout: 10_000 });
  return appliance;
}
async function startBad(certificate = firstCertificate, isSecure = true): Promise<BadUpstream> {
  const upstream = await startBadUpstream(film, isSecure ? certificate : undefined);
  running.push({ stop: () => upstream.close() });
  return upstream;
}
const storeAt = (endpoint: string) => {
  const access = { region: 'us-east-1', bucket: 'bad', accessKeyId: 'id', secretAccessKey: 'secret' };
  const store = makeS3ObjectStore({ endpoint, ...access });
  running.push({ stop: () => store.close() });
  return store;
};
async function get({ port }: RunningAppliance, path: string, range?: string) {
  const headers: Record<string, string> = range === undefined ? {} : { range };
  const { status, body, headers: got } = await send(port, await signedPath(key, film, path), { headers });
  return { status, body, retryAfter: Number(got['retry-after']) };
}
const bytesOf = (path: string): Buffer => film.files.get(path) ?? Buffer.from('none');

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'nightfill-secured-'));
  control = await startControl();
  key = await makeKey();
});
afterAll(async () => {
  for (const one of running.reverse()) await one.stop();
  await control?.goAway();
  await rm(dir, { recursive: true, force: true });
});

describe.each(['a shield over TLS', 'an S3 endpoint'] as const)('%s', (kind) => {
  let bad: BadUpstream;
  let alone: RunningAppliance;
  beforeAll(async () => {
    bad = await startBad(firstCertificate, kind === 'a shield over TLS');
    const options =
      kind === 'a shield over TLS' ? { upstreams: [bad.asUpstream('shield')] } : { store: storeAt(bad.url) };
    alone = await start(kind.replace(/\W/g, '-'), options);
    expect((await get(alone, 'master.m3u8')).status).toBe(200);
  });

  it.each(tried)('that %s costs no wrong byte, and nothing that lasts', async (name) => {
    const [path, other] = [segment(), segment()];
    bad.behave(faults[name]);
    const range = `bytes=${sliceSizeBytes + 10}-${sliceSizeBytes + 999}`;
    const partOfLarge = bytesOf(large).subarray(sliceSizeBytes + 10, sliceSizeBytes + 1_000);
    const wanted = [
      { path, right: bytesOf(path), ask: () => get(alone, path) },
      { path: other, right: bytesOf(other), ask: () => get(alone, other) },
      { path: large, right: partOfLarge, ask: () => get(alone, large, range) },
    ];
    const verdicts = await Promise.all(
      wanted.map(async ({ ask, right }) => {
        const { status, body, retryAfter } = await ask();
        // S3 may say 206 for a whole object; what counts is that its bytes are the right ones.
        return status < 300 ? body.equals(right) : [502, 504].includes(status) && retryAfter > 0;
      }),
    );
    expect(verdicts).toEqual([true, true, true]);
    await expect.poll(() => bad.open, { timeout: 10_000 }).toBe(0);
    bad.behave(null);
    for (const { ask, right } of wanted)
      await vi.waitFor(async () => expect((await ask()).body.equals(right)).toBe(true), {
        timeout: 20_000,
        interval: 100,
      });
    for (const { path: kept } of wanted) await alone.cache.remove(`film/v1/${kept}`);
  });
});

describe('a certificate that nobody vouches for', () => {
  it('is no upstream: another is asked, or the answer is a clean error', async () => {
    const stranger = await startBad(secondCertificate);
    const good = await startBad(firstCertificate);
    const alone = await start('deceived', { upstreams: [stranger.asUpstream('shield', 'stranger')] });
    const refused = await get(alone, segment());
    expect([refused.status, refused.retryAfter > 0]).toEqual([502, true]);
    const both = [stranger.asUpstream('shield', 'stranger'), good.asUpstream('shield', 'good')];
    const lucky = await start('wary', { upstreams: both });
    const path = segment();
    expect((await get(lucky, path)).body.equals(bytesOf(path))).toBe(true);
    expect(stranger.asked(path)).toBe(0);
  });

  it('is no object store either', async () => {
    const stranger = await startBad(secondCertificate);
    const alone = await start('storeless', { store: storeAt(stranger.url) });
    const path = segment();
    expect([502, 504]).toContain((await get(alone, path)).status);
    expect(stranger.asked(path)).toBe(0);
  });
});
