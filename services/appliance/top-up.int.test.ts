import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { makeFolderObjectStore } from '../../shared/adapters/folder/folder-object-store.ts';
import { openSliceCache } from '../../shared/adapters/slice-cache/slice-cache.ts';
import type { Upstream } from '../../shared/domain/fleet.ts';
import { rankAppliances } from '../../shared/domain/routing/rendezvous.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import type { ObjectStore } from '../../shared/ports/object-store.ts';
import {
  type ControlStandIn,
  makeKey,
  makeTitle,
  publish,
  type RunningAppliance,
  startAppliance,
  startControl,
  type Title,
} from './testing/fleet.ts';

/** A clock that can be put forward, and whose sleepers never wait long. */
const offset = { ms: 0 };
const clock: Clock = {
  now: () => Date.now() + offset.ms,
  sleep: (ms, signal) => delay(Math.min(ms, 50), undefined, signal ? { signal } : {}),
};
const hourMs = 3_600_000;
const files = (count: number) => Array.from({ length: count }, (_, i) => ({ path: `s/${i}.m4s`, sizeBytes: 100 }));

let dir: string;
let store: ObjectStore;
let control: ControlStandIn;
const running: RunningAppliance[] = [];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'nightfill-top-up-'));
  store = makeFolderObjectStore({ root: join(dir, 'store') });
  control = await startControl();
  // Ten in the morning (UTC): experience counts a little less after midnight, and budgets begin anew.
  offset.ms = 34 * hourMs - (Date.now() % (24 * hourMs));
});
afterEach(async () => {
  for (const appliance of running.splice(0)) await appliance.stop();
  await control.goAway();
  await store.close();
  await rm(dir, { recursive: true, force: true });
});

const keysOf = ({ assetId, version, manifest }: Title) =>
  manifest.files.map(({ path }) => `${assetId}/${version}/${path}`);
const has = ({ cache }: RunningAppliance, title: Title) => keysOf(title).every((key) => cache.has(key, 0));
const patient = { timeout: 20_000, interval: 50 };

/** A round of values has been made since: they are saved after each. */
async function nextRound(id: string, change: () => void): Promise<void> {
  const savedMs = async () => (await stat(join(dir, id, 'cache', 'foresight')).catch(() => null))?.mtimeMs ?? 0;
  const before = await savedMs();
  change();
  await vi.waitFor(async () => expect(await savedMs()).toBeGreaterThan(before), patient);
}

/** Other regions ask for each file of the title so often; resolves when the appliance knows. */
async function riseElsewhere(
  appliance: RunningAppliance,
  titles: readonly (readonly [Title, number])[],
  expected: readonly Title[] = titles.map(([title]) => title),
) {
  control.elsewhere.push(
    ...titles.map(([{ assetId, version, manifest }, requests]) => ({
      assetId,
      version,
      bytes: manifest.sizeBytes * requests,
    })),
  );
  const questions = control.questions;
  const manifests = expected.map(({ assetId, version }) => `${assetId}/${version}/asset.json`);
  await vi.waitFor(() => expect(manifests.every((key) => appliance.cache.has(key, 0))).toBe(true), patient);
  // The last title's slices are told right behind its manifest; the next question comes after them.
  await vi.waitFor(() => expect(control.questions).toBeGreaterThan(questions + 1), patient);
}

/** Viewers here ask for all files of the title. */
function watchHere({ cache }: RunningAppliance, title: Title, times = 1): void {
  for (const { path, sizeBytes } of title.manifest.files)
    cache.demand.missed(`${title.assetId}/${title.version}/${path}`, { index: 0, sizeBytes }, sizeBytes * times);
}

async function start(
  id: string,
  topUp?: { readonly bytesPerDay: number; readonly rateBps: number },
  upstreams: readonly Upstream[] = [],
): Promise<RunningAppliance> {
  const appliance = await startAppliance({
    id,
    dir: join(dir, id),
    control,
    key: await makeKey(),
    store,
    clock,
    upstreams,
    ...(topUp ? { topUp } : {}),
    openCache: (cacheDir) => openSliceCache({ dir: cacheDir, capacityBytes: 1e9, memoryBytes: 1e6, clock }),
  });
  running.push(appliance);
  return appliance;
}

describe('top-ups', () => {
  it('bring what rises in other regions within the hour, once experience says that it will be asked for', async () => {
    const known = makeTitle('known', files(10));
    const earlier = makeTitle('earlier', files(1_500));
    const rising = Array.from({ length: 9 }, (_, i) => makeTitle(`rising-${i}`, files(5)));
    for (const title of [earlier, ...rising]) await publish(store, title);
    const appliance = await start('edge-1', { bytesPerDay: 1_500, rateBps: 1e8 });

    await nextRound('edge-1', () => watchHere(appliance, known, 500));
    await riseElsewhere(appliance, [[earlier, 5]]);
    await nextRound('edge-1', () => {
      offset.ms += hourMs;
    });
    expect(has(appliance, earlier)).toBe(false);
    watchHere(appliance, earlier);
    await riseElsewhere(
      appliance,
      rising.map((title, i) => [title, 2 * 1.4 ** i]),
    );
    await nextRound('edge-1', () => {
      offset.ms += hourMs;
    });
    await vi.waitFor(() => expect(rising.some((title) => has(appliance, title))).toBe(true), patient);

    await vi.waitFor(() => expect(control.statuses.at(-1)?.topUpBytes).toBeGreaterThan(0), patient);
    const brought = control.statuses.at(-1)?.topUpBytes ?? 0;
    expect(brought).toBeLessThanOrEqual(1_500);
    const counted = () =>
      control.batches.flatMap(({ topUps = [] }) => topUps).reduce((sum, { bytes }) => sum + bytes, 0);
    await vi.waitFor(() => expect(counted()).toBe(control.statuses.at(-1)?.topUpBytes), patient);
    expect(control.batches.flatMap(({ rows }) => rows)).toEqual([]);
  }, 60_000);

  it('concern only what the appliance owns in its region', async () => {
    const titles = Array.from({ length: 8 }, (_, i) => makeTitle(`title-${i}`, files(1)));
    for (const title of titles) await publish(store, title);
    const peer = {
      kind: 'peer',
      applianceId: 'edge-2',
      url: 'http://127.0.0.1:9',
      credential: 'x',
      weight: 1,
    } as const;
    const appliance = await start('edge-1', { bytesPerDay: 1e6, rateBps: 1e8 }, [peer]);
    const region = [
      { id: 'edge-1', weight: 1 },
      { id: 'edge-2', weight: 1 },
    ];
    const own = titles.filter(({ assetId }) => rankAppliances(assetId, region)[0]?.id === 'edge-1');
    expect([0, titles.length]).not.toContain(own.length);
    await riseElsewhere(
      appliance,
      titles.map((title) => [title, 5]),
      own,
    );
    expect([...appliance.cache.inventory()].map(({ key }) => key.split('/')[0])).toEqual(
      own.map(({ assetId }) => assetId),
    );
  });

  it('are neither asked for nor made where the region does not allow them', async () => {
    await start('edge-1');
    await vi.waitFor(() => expect(control.statuses.length).toBeGreaterThan(3), patient);
    expect(control.questions).toBe(0);
    expect(control.statuses.at(-1)).not.toHaveProperty('topUpBytes');
  });
});
