/**
 * How long the weekly decision on a region's room for pulled slices takes, and what it comes to, for a log that is larger
 * than its bounds, with steady demand and with half of each day's for titles unseen before.
 *
 *     node scripts/nightfill.mjs --exec scripts/bench/pulled-room/run.ts [TITLES] [VIEWS-AN-HOUR]
 */
import type { Region } from '../../../shared/domain/fleet.ts';
import { makeRandom } from '../../../shared/domain/forecasting/popularity/random.ts';
import { decideRoom, readDays, sampleBounds } from '../../../shared/domain/pulled-room/decide-room.ts';
import { makeLogSampler } from '../../../shared/domain/pulled-room/sampled-log.ts';
import { addDays } from '../../../shared/domain/time/local-time.ts';

const [titles = 20_000, viewsAnHour = 2_000] = process.argv.slice(2).map(Number);
const titleBytes = 400_000_000;
const from = '2026-10-24';
const region: Region = {
  id: 'bench',
  name: 'bench',
  timeZone: 'Europe/Berlin',
  window: { start: '01:00', end: '05:00' },
  budget: { bytesPerNight: 1e15, rateBps: 1e15 },
  coverage: { networks: [], location: null },
  fillEnabled: true,
  createdAt: `${from}T00:00:00.000Z`,
  updatedAt: `${from}T00:00:00.000Z`,
};
const seconds = (since: bigint): string => (Number(process.hrtime.bigint() - since) / 1e9).toFixed(1);

for (const churn of [0, 0.5]) {
  const random = makeRandom(7);
  /** Of `count`, by a Zipf law. */
  const draw = (count: number): number => Math.min(count - 1, Math.floor(count ** random()) - 1);
  const sampler = makeLogSampler(sampleBounds);
  const reading = process.hrtime.bigint();
  let rows = 0;
  for (let at = 0; at < readDays * 24; at += 1) {
    const day = Math.floor(at / 24);
    const views = new Map<string, number>();
    for (let view = 0; view < viewsAnHour; view += 1) {
      const assetId = random() < churn ? `new-${day}-${draw(titles / 10)}` : `title-${draw(titles)}`;
      views.set(assetId, (views.get(assetId) ?? 0) + 1);
    }
    for (const [assetId, count] of views) {
      sampler.add({
        regionId: region.id,
        assetId,
        day: addDays(from, day),
        hour: at % 24,
        views: count,
        bytes: count * (titleBytes / 5),
      });
      rows += 1;
    }
  }
  const log = sampler.read();
  console.log(`churn ${churn}: ${rows} rows sampled at ${log.share} in ${seconds(reading)} s`);
  const deciding = process.hrtime.bigint();
  const cpu = process.cpuUsage();
  const work = decideRoom({
    region,
    decidedAt: `${addDays(from, readDays)}T00:00:00.000Z`,
    until: addDays(from, readDays - 1),
    log,
    sizeOf: () => titleBytes,
    audience: null,
    capacityBytes: (titles / 10) * titleBytes,
    present: 0.1,
  });
  let longestMs = 0;
  for (;;) {
    const begun = performance.now();
    const step = work.next();
    longestMs = Math.max(longestMs, performance.now() - begun);
    if (!step.done) continue;
    const { user, system } = process.cpuUsage(cpu);
    console.log(
      `${step.value?.requests} requests, ${seconds(deciding)} s (${((user + system) / 1e6).toFixed(1)} s of processor time), longest step ${longestMs.toFixed(0)} ms, ${Math.round(process.memoryUsage.rss() / 2 ** 20)} MiB`,
    );
    console.log(
      step.value?.results.map((one) => `${one.share}: ${(one.byteHitRatio * 100).toFixed(1)}%`).join(', '),
      step.value?.reason,
    );
    break;
  }
}
