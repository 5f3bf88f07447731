/**
 * The main job, done once while the user watches: upload → transcode → demand → forecast → plan → fill → play → report.
 *
 * Everything goes through the public API and the appliances' viewer side, as it would from outside. What was done is
 * kept in `demo.json`, so that an interrupted first run goes on where it stopped.
 */
import { openAsBlob } from 'node:fs';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Asset, TranscodeProgress } from '../../shared/domain/asset.ts';
import { type Fill, type FillPlan, type FillReport, type Forecast, hasEnded } from '../../shared/domain/fill.ts';
import { heldBefore } from '../../shared/domain/reporting/fill-report.ts';
import { formatBitRate, formatBytes, formatCount, formatPercent } from '../cli/format.ts';
import { makeProgressLine, type ProgressLine } from '../cli/progress.ts';
import { tableLines } from '../cli/table.ts';
import { ApiError, type Transport } from '../cli/transport.ts';
import type { DataDir } from '../up/data-dir.ts';
import { demandHistoryCsv, demoHistory } from './history.ts';
import { type Playback, playThrough } from './player.ts';
import { fetchSample, makeUnplanned, type Sample } from './sample.ts';

export interface DemoOptions {
  readonly api: Transport;
  readonly data: DataDir;
  readonly print: (line: string) => void;
  readonly signal: AbortSignal;
  /** A video to take instead of the sample. */
  readonly clip?: string;
}

interface DemoState {
  readonly planned?: string;
  readonly unplanned?: string;
  readonly finishedAt?: string;
}

type AssetView = Asset & { readonly progress: TranscodeProgress | null };

const regionIds = demoHistory.map(({ regionId }) => regionId);
const pollMs = 250;

export async function runDemo(options: DemoOptions): Promise<void> {
  const { api, data, print, signal } = options;
  const file = data.path('demo.json');
  let state = JSON.parse(await readFile(file, 'utf8').catch(() => '{}')) as DemoState;
  if (state.finishedAt) {
    print('the sample video is there from the first start (`npx nightfill assets`)');
    return;
  }
  const remember = async (change: DemoState) => {
    state = { ...state, ...change };
    await writeFile(`${file}.part`, `${JSON.stringify(state, null, 2)}\n`);
    await rename(`${file}.part`, file);
  };
  const progress = makeProgressLine(process.stdout);
  const step = (title: string) => print(`\n── ${title}`);
  await mkdir(data.path('samples'), { recursive: true });

  step('1. Upload and transcode');
  const upload = async (known: string | undefined, find: () => Promise<Sample>, tag: string): Promise<AssetView> => {
    const before = known ? await api.json<AssetView>(`/v1/assets/${known}`).catch(() => null) : null;
    if (before && before.state !== 'failed' && before.state !== 'deleted') return before;
    const sample = await find();
    print(`   ${sample.title}: ${sample.origin}`);
    return uploadSample(api, sample, tag);
  };
  const clip = options.clip;
  const findPlanned = clip
    ? async () => ({ path: clip, title: basename(clip), origin: clip })
    : () => fetchSample(data.path('samples'), signal);
  const planned = await upload(state.planned, findPlanned, 'planned');
  await remember({ planned: planned.id });
  const unplanned = await upload(state.unplanned, () => makeUnplanned(data.path('samples'), signal), 'unplanned');
  await remember({ unplanned: unplanned.id });
  const hello = await untilPublished(api, planned.id, progress, signal);
  print(
    `   ${hello.title} → ${hello.id}, version ${hello.version}, ${formatBytes(hello.sizeBytes ?? 0)} in all renditions`,
  );
  const pattern = await untilPublished(api, unplanned.id, progress, signal);
  print(`   ${pattern.title} → ${pattern.id} (nobody asked for it yet, so no plan will bring it)`);

  step('2. Demand history, forecast and plan');
  const bytesPerView = Math.round((hello.sizeBytes ?? 0) / 2);
  const csv = demandHistoryCsv(hello.id, bytesPerView, Date.now());
  await api.request('/v1/demand', { method: 'POST', body: csv, headers: { 'content-type': 'text/csv' }, signal });
  print('   four weeks of made-up demand for the sample video loaded');
  const rows: string[][] = [];
  for (const regionId of regionIds) {
    const forecast = await api.json<Forecast>(`/v1/regions/${regionId}/forecast`, { signal });
    const plan = await api.json<FillPlan>(`/v1/regions/${regionId}/plan`, { signal });
    rows.push([
      regionId,
      forecast.date,
      formatCount(Math.round(forecast.expectedViews)),
      formatBytes(forecast.expectedBytes),
      forecast.model,
      `${plan.fetchFiles} files, ${formatBytes(plan.fetchBytes)}`,
    ]);
  }
  const forecastHeads = ['region', 'day', 'views', 'bytes', 'model', 'to push'];
  for (const line of table(forecastHeads, rows)) print(line);

  step('3. Fill the edges (now, without waiting for the night)');
  const fills: Fill[] = [];
  for (const regionId of regionIds) {
    const fill = await startFill(api, regionId, signal);
    fills.push(await untilFilled(api, fill, progress, signal));
  }
  for (const fill of fills) {
    print(`   ${fill.regionId}: ${fill.state}, ${fill.pushed.files} files, ${formatBytes(fill.pushed.bytes)} pushed`);
  }

  step('4. Play, as viewers in each region do');
  const plays: string[][] = [];
  for (const [asset, who] of [
    [hello, 'a viewer'],
    [pattern, 'first viewer'],
    [pattern, 'second viewer'],
  ] as const) {
    for (const regionId of asset === hello ? regionIds : regionIds.slice(0, 1)) {
      const playback = await api.json<{ hls: string; appliances: readonly { id: string }[] }>('/v1/playback', {
        method: 'POST',
        json: { assetId: asset.id, region: regionId },
        signal,
      });
      const result = await playThrough(playback.hls, signal);
      plays.push([
        asset.title,
        who,
        playback.appliances[0]?.id ?? '',
        result.variant,
        formatBytes(result.bytes),
        outcomesOf(result),
      ]);
    }
  }
  for (const line of table(['video', 'by', 'appliance', 'variant', 'bytes', 'outcomes'], plays)) print(line);

  step('5. Fill reports');
  const reports: string[][] = [];
  for (const fill of fills) {
    const report = await api.json<FillReport>(`/v1/regions/${fill.regionId}/fill-reports/${fill.date}`, { signal });
    reports.push([
      report.regionId,
      report.date,
      report.state,
      `${report.planned.files} / ${formatBytes(report.planned.bytes)}`,
      `${report.pushed.files} / ${formatBytes(report.pushed.bytes)}`,
      String(heldBefore(report).files),
      String(report.failed.files),
      formatBitRate(report.meanRateBps),
      formatPercent(report.forecastCoverage),
    ]);
  }
  const reportHeads = ['region', 'day', 'state', 'planned', 'pushed', 'held', 'failed', 'rate', 'of forecast held'];
  for (const line of table(reportHeads, reports)) print(line);
  await remember({ finishedAt: new Date().toISOString() });

  const { apiUrl } = api.access;
  print('\n── Open next');
  print(`   ${apiUrl}/watch/${hello.id}   the video, from the nearest appliance`);
  print(`   ${apiUrl}/                        regions, appliances, reports`);
  print(`   ${apiUrl}/docs                    the API`);
  print(`   npx nightfill report --region ${regionIds[0]}`);
}

const table = (heads: readonly string[], rows: readonly (readonly string[])[]): string[] =>
  tableLines(
    heads.map((head) => ({ head })),
    rows,
    null,
  ).map((line) => `   ${line}`);

const outcomesOf = ({ outcomes }: Playback): string =>
  [...outcomes].map(([outcome, count]) => `${count} ${outcome}`).join(', ');

async function uploadSample(api: Transport, sample: Sample, tag: string): Promise<AssetView> {
  const form = new FormData();
  form.append('title', sample.title);
  form.append('tag', 'demo');
  form.append('tag', tag);
  form.append('file', await openAsBlob(sample.path, { type: 'video/mp4' }), basename(sample.path));
  const response = await fetch(`${api.access.apiUrl}/v1/assets`, {
    method: 'POST',
    headers: { authorization: `Bearer ${api.access.apiKey}` },
    body: form,
  });
  if (!response.ok) throw new Error(`the upload was refused: ${await response.text()}`);
  return (await response.json()) as AssetView;
}

async function untilPublished(api: Transport, id: string, line: ProgressLine, signal: AbortSignal): Promise<AssetView> {
  for (;;) {
    const asset = await api.json<AssetView>(`/v1/assets/${id}`, { signal });
    if (asset.state === 'published') {
      line.clear();
      return asset;
    }
    if (asset.state === 'failed') throw new Error(`${asset.title}: ${asset.failure?.reason ?? 'failed'}`);
    if (asset.progress) {
      const renditions = Object.entries(asset.progress.renditions).map(
        ([name, share]) => `${name} ${formatPercent(share)}`,
      );
      line.show(
        `   ${asset.title}: ${asset.progress.stage} ${formatPercent(asset.progress.fraction)}  ${renditions.join('  ')}`,
      );
    }
    await delay(pollMs, undefined, { signal });
  }
}

/** A fill at once; where the region's own night has begun one meanwhile, that one. */
async function startFill(api: Transport, regionId: string, signal: AbortSignal): Promise<Fill> {
  try {
    return await api.json<Fill>('/v1/fills', { method: 'POST', json: { regionId, start: 'now' }, signal });
  } catch (error) {
    if (!(error instanceof ApiError) || error.code !== 'fill-running') throw error;
    const { items } = await api.json<{ items: Fill[] }>('/v1/fills', { query: { region: regionId }, signal });
    const running = items.find((fill) => !hasEnded(fill));
    if (!running) throw error;
    return running;
  }
}

async function untilFilled(api: Transport, begun: Fill, line: ProgressLine, signal: AbortSignal): Promise<Fill> {
  for (;;) {
    const fill = await api.json<Fill>(`/v1/fills/${begun.id}`, { signal });
    if (hasEnded(fill)) {
      line.clear();
      if (fill.state === 'failed') throw new Error(`the fill of ${fill.regionId} failed: ${fill.message}`);
      return fill;
    }
    const { pushed, planned } = fill;
    line.show(
      `   ${fill.regionId}: ${fill.state}, ${pushed.files} of ${planned.files} files, ${formatBytes(pushed.bytes)}, ${formatBitRate(fill.rateBps)}`,
    );
    await delay(pollMs, undefined, { signal });
  }
}
