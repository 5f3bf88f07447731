/**
 * How long a region's night takes to forecast, to plan and to freeze as its titles grow, and how much memory: both should grow
 * with them, no faster. Then how long it takes to read what was frozen, which other processes do.
 *
 *     node scripts/nightfill.mjs --exec scripts/bench/forecast/speed.ts [TITLES…]
 *
 * Each size is one night: 56 days of demand, four appliances that hold a part of what the plan wants, a night's budget, an audience
 * that leaves early. Manifests of 5 video renditions and sound at 100 segments each are made when the shortlist asks for them.
 */
import { execFileSync } from 'node:child_process';
import { hash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeStoreDocuments } from '../../../shared/adapters/documents/store-documents.ts';
import { makeFolderObjectStore } from '../../../shared/adapters/folder/folder-object-store.ts';
import type { FillPlan, Forecast } from '../../../shared/domain/fill.ts';
import type { Appliance, Region } from '../../../shared/domain/fleet.ts';
import { type DemandTable, makeDemandTable } from '../../../shared/domain/forecasting/demand-table.ts';
import { forecastRegion } from '../../../shared/domain/forecasting/forecast-region.ts';
import type { Rendition } from '../../../shared/domain/manifest.ts';
import { learnAudience } from '../../../shared/domain/planning/audience.ts';
import { explainAsset } from '../../../shared/domain/planning/explain.ts';
import { makeValuer, type ValuedVersion } from '../../../shared/domain/planning/file-values.ts';
import type { PlannableAppliance } from '../../../shared/domain/planning/held.ts';
import { planFillOf } from '../../../shared/domain/planning/plan-fill.ts';
import { makeShortlist, type TitleOutline } from '../../../shared/domain/planning/shortlist.ts';
import type { PlannableFile, PlannableVersion } from '../../../shared/domain/planning/version-files.ts';
import { rankAppliances } from '../../../shared/domain/routing/rendezvous.ts';

const days = 56;
const firstDayMs = Date.parse('2026-09-25T00:00:00Z');
const dateOf = (day: number): string => new Date(firstDayMs + day * 86_400_000).toISOString().slice(0, 10);
const madeAt = new Date(firstDayMs + (days - 1) * 86_400_000 + 43_200_000).toISOString();
const giga = 1e9;

/** The same on every machine, 0 … 1. */
const noise = (number: number): number => (Math.imul(number, 2_654_435_761) >>> 0) / 2 ** 32;

/** Demand that falls with rank, with a weekend and noise, as a log has it: day by day. */
function history(titles: number): DemandTable {
  const table = makeDemandTable();
  const ids = Array.from({ length: titles }, (_, title) => `asset-${title}`);
  for (let day = 0; day < days; day += 1) {
    const date = dateOf(day);
    for (const [title, assetId] of ids.entries()) {
      const views = Math.ceil((10_000 / (title + 1)) * (day % 7 > 4 ? 1.5 : 1) * (0.5 + noise(title * days + day)));
      table.add({ assetId, date, views, bytes: views * 100_000_000 });
    }
  }
  return table;
}

const segments = 100;
const segmentS = 6;
const ladder: readonly Rendition[] = [
  ...[240, 360, 480, 720, 1080].map((height, at) =>
    rendition(`video-${height}p`, [400, 800, 1_500, 3_000, 6_000][at] ?? 0, height),
  ),
  rendition('audio-128k', 128, null),
];

function rendition(id: string, kbps: number, height: number | null): Rendition {
  return {
    id,
    kind: height === null ? 'audio' : 'video',
    codecs: height === null ? 'mp4a.40.2' : 'avc1.640028',
    bandwidthBps: kbps * 1_000,
    averageBandwidthBps: kbps * 1_000,
    width: height,
    height,
    frameRate: null,
    channels: null,
    sampleRateHz: null,
    playlist: `${id}/playlist.m3u8`,
  };
}

/** From 5 to 15 minutes at the same number of segments. */
const scaleOf = (assetId: string): number => 0.5 + noise(Number(assetId.slice(6)));
const segmentBytes = (of: Rendition, assetId: string): number =>
  Math.round((of.averageBandwidthBps / 8) * segmentS * scaleOf(assetId));
const smallBytes = 2_000;
const titleBytes = (assetId: string): number =>
  ladder.reduce((sum, one) => sum + segmentBytes(one, assetId) * segments + 2 * smallBytes, smallBytes);

const quarters = Array.from({ length: 8_192 }, (_, at) => hash('sha256', String(at)).slice(0, 16));
/** As parsed from JSON, a string of its own, and as hard to pack as a real one. */
const digestOf = (number: number): string =>
  [1, 2, 3, 4].map((part) => quarters[Math.floor(noise(number * 4 + part) * quarters.length)]).join('');

function manifestOf(assetId: string): PlannableVersion {
  const file = (
    path: string,
    role: PlannableFile['role'],
    sizeBytes: number,
    of: string | null,
    index: number | null,
  ) => ({
    path,
    role,
    sizeBytes,
    sha256: digestOf(Number(assetId.slice(6)) * 1_000 + (index ?? 0) + sizeBytes),
    rendition: of,
    index,
    startS: index === null ? null : index * segmentS,
    durationS: index === null ? null : segmentS,
  });
  const files = ladder.flatMap((one) => [
    file(`${one.id}/playlist.m3u8`, 'playlist', smallBytes, one.id, null),
    file(`${one.id}/init.mp4`, 'init', smallBytes, one.id, null),
    ...Array.from({ length: segments }, (_, at) =>
      file(`${one.id}/${at}.m4s`, 'segment', segmentBytes(one, assetId), one.id, at),
    ),
  ]);
  return {
    manifest: {
      assetId,
      version: 'v1',
      durationS: segments * segmentS,
      renditions: ladder,
      files: [file('master.m3u8', 'playlist', smallBytes, null, null), ...files],
    },
    manifestFile: { sizeBytes: 150_000, sha256: 'ef'.repeat(32) },
  };
}

const stamps = { createdAt: madeAt, updatedAt: madeAt };
const region: Region = {
  id: 'bench',
  name: 'Bench',
  timeZone: 'UTC',
  window: { start: '01:00', end: '06:00' },
  budget: { bytesPerNight: 500 * giga, rateBps: 1_000_000_000 },
  coverage: { networks: [], location: null },
  fillEnabled: true,
  ...stamps,
};

/** Each holds half of the titles that come first for it, as a plan of the day before left it. */
function fleet(capacityBytes: number, titles: number): readonly PlannableAppliance[] {
  const edges = Array.from(
    { length: 4 },
    (_, at): Appliance => ({
      id: `e${at}`,
      regionId: 'bench',
      role: 'edge',
      mode: 'active',
      publicUrl: 'http://127.0.0.1:1',
      internalUrl: 'http://127.0.0.1:1',
      capacityBytes,
      weight: 1,
      ...stamps,
    }),
  );
  const inventories = new Map(
    edges.map(({ id }) => [id, { inventory: [] as { key: string; heldBytes: number }[], bytes: 0 }]),
  );
  for (let title = 0; title < titles; title += 2) {
    const assetId = `asset-${title}`;
    const [first] = rankAppliances(assetId, edges);
    const shelf = inventories.get(first?.id ?? '');
    if (!shelf || shelf.bytes + titleBytes(assetId) > capacityBytes / 2) {
      if (title > 20_000) break;
      continue;
    }
    for (const { path, sizeBytes } of manifestOf(assetId).manifest.files)
      shelf.inventory.push({ key: `${assetId}/v1/${path}`, heldBytes: sizeBytes });
    shelf.bytes += titleBytes(assetId);
  }
  return edges.map((appliance) => ({ appliance, inventory: inventories.get(appliance.id)?.inventory ?? [] }));
}

const audience = learnAudience([
  {
    day: dateOf(days - 1),
    binsMs: Array.from({ length: 20 }, (_, bin) => 3.6e9 * 0.93 ** bin),
    mixMs: { 'v240-avc1': 2e9, 'v480-avc1': 8e9, 'v720-avc1': 14e9, 'v1080-avc1': 22e9, 'a0-und': 46e9 },
    assets: [],
  },
]);

const now = (): number => Number(process.hrtime.bigint()) / 1e9;
const mebibytes = (): number => Math.round(process.resourceUsage().maxRSS / 1024);
const cpuS = (): number => (process.cpuUsage().user + process.cpuUsage().system) / 1e6;

/** On its own, so that the past is no longer in memory when the plan is made. */
function forecast(titles: number): Forecast {
  const from = now();
  const rows = history(titles);
  const read = now();
  const made = forecastRegion({ regionId: 'bench', date: dateOf(days), history: rows, madeAt });
  const until = now();
  const perSeriesDay = ((until - read) * 1e6) / (titles * days);
  console.log(
    `${titles} titles × ${days} days: rows taken in ${(read - from).toFixed(1)} s, forecast in ${(until - read).toFixed(1)} s (${perSeriesDay.toFixed(2)} µs a series-day), peak ${mebibytes()} MiB`,
  );
  return audience ? { ...made, audience } : made;
}

function plan(titles: number, made: Forecast): FillPlan {
  const catalogue = Array.from({ length: titles }, (_, title): TitleOutline => {
    const assetId = `asset-${title}`;
    return { assetId, sizeBytes: titleBytes(assetId) };
  });
  // Disks that hold one title in 400, and 25 at least.
  const appliances = fleet((Math.max(100, titles / 400) / 4) * giga, titles);
  const from = now();
  const shortlist = makeShortlist({
    titles: catalogue,
    forecast: made,
    appliances,
    budgetBytes: region.budget.bytesPerNight,
  });
  const valued = makeValuer(made.audience ?? null);
  const versions: ValuedVersion[] = [];
  let [rounds, madeS] = [0, 0];
  for (;;) {
    const next = shortlist.next();
    for (const { assetId } of next) {
      const made = now();
      const version = manifestOf(assetId);
      madeS += now() - made;
      versions.push(valued(version));
    }
    rounds += 1;
    const found = planFillOf(
      {
        region,
        date: dateOf(days),
        run: 1,
        fillId: 'bench',
        frozenAt: madeAt,
        start: 'window',
        forecast: made,
        forecastKey: 'forecasts/bench',
        versions,
        appliances,
        spentBytes: 0,
      },
      shortlist.rest,
    );
    if (!found) continue;
    const kept = found.appliances.reduce((sum, { keep }) => sum + keep.length, 0);
    console.log(
      `  planned in ${(now() - from - madeS).toFixed(1)} s, besides ${madeS.toFixed(1)} s to make ${versions.length} manifests in ${rounds} rounds: ${found.fetchFiles} files to fetch, ${kept} kept, ${(found.plannedCoverage * 100).toFixed(1)}% covered, ${found.rejected.length} lines left out`,
    );
    return found;
  }
}

/** Forecast and plan as the worker freezes them, in a folder of its own; `read` has the folder read again instead. */
async function freeze(root: string, forecast: Forecast, plan: FillPlan): Promise<void> {
  const documents = makeStoreDocuments(makeFolderObjectStore({ root }));
  const [from, before] = [now(), cpuS()];
  await documents.putForecast(forecast);
  await documents.putPlan(plan);
  console.log(
    `  frozen in ${(now() - from).toFixed(1)} s, ${(cpuS() - before).toFixed(1)} s of processor time: ${((await bytesIn(root)) / 1e6).toFixed(0)} MB stored, peak ${mebibytes()} MiB`,
  );
}

async function bytesIn(root: string): Promise<number> {
  let bytes = 0;
  for await (const { sizeBytes } of makeFolderObjectStore({ root }).list('')) bytes += sizeBytes;
  return bytes;
}

async function read(root: string): Promise<void> {
  const documents = makeStoreDocuments(makeFolderObjectStore({ root }));
  const step = async (name: string, work: () => Promise<unknown>): Promise<void> => {
    const [from, before] = [now(), cpuS()];
    await work();
    console.log(
      `  ${name} in ${(now() - from).toFixed(2)} s, ${(cpuS() - before).toFixed(2)} s of processor time, peak memory of its process ${mebibytes()} MiB`,
    );
  };
  const date = dateOf(days);
  await step('outline read', () => documents.getPlanOutline('bench', date));
  await step('files read', () => documents.getPlan('bench', date, 1, { withRejected: false }));
  await step('explained', async () => {
    const found = await documents.getPlan('bench', date);
    if (found) explainAsset(found, await documents.getForecast('bench', date), 'asset-1000');
  });
}

const readFlag = '--read';
if (process.argv[2] === readFlag) await read(process.argv[3] ?? '');
else {
  const sizes = process.argv.slice(2).map(Number);
  for (const titles of sizes.length > 0 ? sizes : [10_000, 100_000, 1_000_000]) {
    const root = await mkdtemp(join(tmpdir(), 'nightfill-bench-'));
    try {
      const [from, before] = [now(), cpuS()];
      const made = forecast(titles);
      await freeze(root, made, plan(titles, made));
      console.log(
        `  ${(now() - from).toFixed(1)} s in all, ${(cpuS() - before).toFixed(1)} s of processor time, peak memory of the process ${mebibytes()} MiB`,
      );
      execFileSync(process.execPath, [import.meta.filename, readFlag, root], { stdio: 'inherit' });
    } finally {
      await rm(root, { recursive: true, force: true });
    }
  }
}
