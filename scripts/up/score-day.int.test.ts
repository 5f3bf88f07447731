/**
 * A night and the day after it, with everything real between plan and report: fill worker, two appliances, what viewers ask
 * of them, telemetry, demand log, scorer and verification. Only the day is moved: what is watched now counts for noon of
 * the day that the night prepared.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type ControlStandIn,
  fleetSecret,
  makeKey,
  type RunningAppliance,
  startAppliance,
  startControl,
} from '../../services/appliance/testing/fleet.ts';
import { makeApplianceHttpApi } from '../../shared/adapters/appliance-http/appliance-http.ts';
import { openSliceCache } from '../../shared/adapters/slice-cache/slice-cache.ts';
import type { FillPlan, FillReport } from '../../shared/domain/fill.ts';
import type { ApplianceApi } from '../../shared/ports/appliance-api.ts';
import type { JobContext } from '../../shared/ports/job-queue.ts';
import { type FillNight, makeFillNight, nightDate } from '../../shared/testing/fill-night.ts';
import { applianceCredential, pullCredential } from '../../shared/tokens/credentials.ts';
import type { SigningKey } from '../../shared/tokens/keys.ts';
import { signPlaybackToken } from '../../shared/tokens/playback.ts';
import { runFill } from '../../workers/fill/testing/run-fill.ts';
import { makeScoreRegion } from '../../workers/forecast/score-region.ts';
import { makeVerifyReport } from '../../workers/forecast/verify-report.ts';

const segment = 50_000;
const file = (assetId: string, index: number): string => `${assetId}/v1/video-360p/${index}.m4s`;

let dir: string;
let night: FillNight;
let api: ApplianceApi;
let control: ControlStandIn;
let key: SigningKey;
let edges: RunningAppliance[];
let stopped: boolean;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'nightfill-score-'));
  night = await makeFillNight();
  api = makeApplianceHttpApi({
    credentialOf: (id) => applianceCredential(fleetSecret, id),
    pullCredentialOf: (id) => pullCredential(fleetSecret, id),
  });
  control = await startControl();
  key = await makeKey();
  stopped = false;
  edges = [];
  for (const id of ['e0', 'e1']) {
    const openCache = (at: string) => openSliceCache({ dir: at, capacityBytes: 1e9, memoryBytes: 16e6 });
    const edge = await startAppliance({ id, dir: join(dir, id), control, key, openCache, store: night.ports.store });
    edges.push(edge);
    await expect.poll(async () => (await fetch(`${edge.url}/readyz`)).status, { timeout: 10_000 }).toBe(200);
  }
});
afterEach(async () => {
  await stopEdges();
  await control.goAway();
  await api.close();
  await night.dispose();
  await rm(dir, { recursive: true, force: true });
});

/** What was counted is sent with the last breath. */
async function stopEdges(): Promise<void> {
  if (!stopped) await Promise.all(edges.map((edge) => edge.stop()));
  stopped = true;
}

const edgeOf = (id: string): RunningAppliance => {
  const edge = edges.find((one) => one.id === id);
  if (!edge) throw new Error(`no edge ${id}`);
  return edge;
};
const targetOf = ({ id, url }: RunningAppliance) => ({ id, internalUrl: url });

async function watch(at: RunningAppliance, name: string): Promise<Response> {
  const [assetId = '', version = ''] = name.split('/');
  const token = await signPlaybackToken({ key, assetId, version, expiresAtS: Math.floor(Date.now() / 1_000) + 60 });
  const response = await fetch(`${at.url}/t/${token}/v/${name}`);
  await response.arrayBuffer();
  return response;
}

/** Plays so many segments of an asset there; returns their bytes. */
async function play(at: RunningAppliance, assetId: string, from: number, to: number): Promise<number> {
  for (let index = from; index < to; index += 1) expect((await watch(at, file(assetId, index))).status).toBe(200);
  return (to - from) * segment;
}

/** The one edge on which the plan puts the asset, and the other one. */
function placesOf(plan: FillPlan, assetId: string): readonly [RunningAppliance, RunningAppliance] {
  const places = plan.appliances.filter(({ fetch }) => [...fetch].some((one) => one.assetId === assetId));
  const [place] = places;
  if (!place || places.length !== 1) throw new Error(`${assetId} is on ${places.length} edges`);
  const id = place.applianceId;
  return [edgeOf(id), edgeOf(id === 'e0' ? 'e1' : 'e0')];
}

/** Moves the fill to the night and what was watched to noon. */
async function moveInTime(): Promise<void> {
  const { documents, demandLog } = night.kit;
  const report = await night.report();
  const shiftMs = Date.parse(`${nightDate}T00:30:00Z`) - Date.parse(report.startedAt);
  const shift = (at: string): string => new Date(Date.parse(at) + shiftMs).toISOString();
  const times = { startedAt: shift(report.startedAt), finishedAt: shift(report.finishedAt) };
  await documents.putReport({ ...report, ...times });
  await documents.putFill({ ...(await night.fill(report.fillId)), ...times });
  const atNoon = { day: nightDate, hour: 11 };
  for (const { rows, crossed = [], ...batch } of control.batches) {
    await demandLog.add('r', {
      ...batch,
      rows: rows.map((row) => ({ ...row, ...atNoon })),
      crossed: crossed.map((row) => ({ ...row, ...atNoon })),
    });
  }
}

describe('the score of a day', () => {
  it('finds each byte that was served or missed in its class, and every number again', async () => {
    const titles = ['a', 'b', 'c', 'd', 'e', 'f'];
    for (const id of titles) await night.publish(id, new Array<number>(10).fill(segment));
    // Enough for the first, which crosses once for its two copies, and three more.
    const fill = await night.freezeFor(edges.map(targetOf), { budget: { bytesPerNight: 4.2 * 10 * segment } });
    const plan = await night.kit.documents.getPlan('r', nightDate);
    if (!plan) throw new Error('no plan');
    const leftOut = [...plan.rejected].find(({ files }) => files === 13)?.assetId ?? '';
    expect(leftOut).not.toBe('');
    const [home, away] = placesOf(plan, 'b');
    const part = plan.appliances.find(({ applianceId }) => applianceId === home.id);
    const orders = { pinned: Array.from(part?.fetch ?? [], (one) => one.key), evict: [] };

    // The plan is known, the bytes are not here yet.
    await api.applyPlan(targetOf(home), orders);
    const late = await play(home, 'b', 0, 2);
    expect((await runFill(night, fill.id, { api })).state).toBe('completed');

    const filled = await play(home, 'b', 2, 6);
    const again = await play(home, 'b', 2, 3);
    const health = await play(away, 'b', 0, 3);
    const neverPlanned = await play(home, leftOut, 0, 2);
    await night.publish('new', new Array<number>(5).fill(segment));
    const neverForecast = await play(home, 'new', 0, 4);
    const pulled = await play(home, 'new', 0, 1);
    // A viewer may have the last byte before the disk has it.
    for (const index of [1, 2])
      await expect.poll(() => api.heldBytes(targetOf(home), file('new', index))).toBe(segment);
    await api.applyPlan(targetOf(home), { ...orders, evict: [file('new', 1)] });
    await api.remove(targetOf(home), file('new', 2));
    const evicted = await play(home, 'new', 1, 2);
    const purged = await play(home, 'new', 2, 3);
    expect((await fetch(`${home.url}/t/no.good.token/v/${file('b', 0)}`)).status).toBe(401);
    await stopEdges();
    await moveInTime();

    const clock = { now: () => Date.parse('2026-11-22T06:00:00Z'), sleep: async () => {} };
    const region = await night.kit.fleet.getRegion('r');
    if (!region) throw new Error('no region');
    await night.kit.fleet.putRegion({ ...region, tariff: { currency: 'EUR', perGb: 1_000, nightPerGb: 100 } });
    const score = makeScoreRegion({ ...night.kit, clock });
    const job: JobContext<'score-region'> = {
      id: 'score',
      payload: { regionId: 'r' },
      attempt: 1,
      lastAttempt: true,
      begun: 1,
      signal: new AbortController().signal,
      progress: async () => {},
      children: async () => [],
    };
    expect(await score(job)).toEqual({ scored: true });
    const report: FillReport = await night.report();
    const { use, misses, regret, savings, accuracy, calibration } = report.score ?? {};

    const missed = late + health + neverPlanned + neverForecast + evicted + purged;
    expect(misses).toMatchObject({
      missedBytes: missed,
      classes: {
        'never-forecast': neverForecast,
        'never-planned': neverPlanned,
        'planned-late': late,
        evicted,
        health,
        purge: purged,
        other: 0,
      },
      refusedRequests: 1,
      failedRequests: 0,
    });
    expect(use?.causes).toMatchObject({ filled: filled + again, pulled });
    expect(use?.usedBytes).toBe(filled);
    expect(use?.unusedBytes).toBe((use?.pushedBytes ?? 0) - filled);
    expect(report.score?.servedBytes).toBe(missed + filled + again + pulled);
    expect(regret?.regret).toBeGreaterThanOrEqual(0);
    expect(regret?.clairvoyant).toBeGreaterThan(0);
    expect(accuracy?.reduce((sum, { actualBytes }) => sum + actualBytes, 0)).toBe(report.score?.actualBytes);
    expect(calibration?.[0]?.forecasts).toBe(titles.length);
    // The second copy came from the first, and crossed no transit.
    const fromPeers = report.appliances.reduce((sum, { sources }) => sum + (sources?.peer?.bytes ?? 0), 0);
    expect(fromPeers).toBeGreaterThan(0);
    const brought = (report.sentBytes ?? 0) - fromPeers;
    const served = report.score?.servedBytes ?? 0;
    // Manifests crossed as well.
    const crossed = control.batches.flatMap((batch) => batch.crossed ?? []).reduce((sum, { bytes }) => sum + bytes, 0);
    expect(crossed).toBeGreaterThanOrEqual(missed);
    expect(savings?.saved).toBeCloseTo((served - crossed) / 1e6 - brought / 1e7, 6);

    // Once more writes the same, and every number can be found again in what is stored.
    await night.kit.demandLog.flush();
    expect(await score(job)).toEqual({ scored: true });
    expect((await night.report()).score).toEqual(report.score);
    const verify = makeVerifyReport(night.kit);
    const question = { ...job, payload: { regionId: 'r', date: nightDate, run: 1, nonce: '1' } };
    const verified = await verify(question);
    expect(verified.checks.filter(({ verdict }) => verdict !== 'equal')).toEqual([]);
    await night.kit.documents.putReport({
      ...report,
      score: report.score && misses ? { ...report.score, misses: { ...misses, missedBytes: missed + 1 } } : null,
    });
    const tampered = await verify(question);
    expect(tampered.checks.filter(({ verdict }) => verdict === 'different').map(({ field }) => field)).toEqual([
      'score.misses.missedBytes',
    ]);
  });
});
