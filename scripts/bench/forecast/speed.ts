/**
 * How long a region's forecast takes as its assets grow, and how much memory: the time for each series-day should not.
 *
 *     node scripts/nightfill.mjs --exec scripts/bench/forecast/speed.ts [ASSETS…]
 */
import type { DailyDemand } from '../../../shared/domain/demand.ts';
import { forecastRegion } from '../../../shared/domain/forecasting/forecast-region.ts';

const days = 56;
const firstDayMs = Date.parse('2026-09-25T00:00:00Z');
const dateOf = (day: number): string => new Date(firstDayMs + day * 86_400_000).toISOString().slice(0, 10);

/** Demand that falls with rank, with a weekend and noise that is the same on every machine. */
function history(assets: number): DailyDemand[] {
  return Array.from({ length: assets * days }, (_, index) => {
    const asset = Math.floor(index / days);
    const day = index % days;
    const noise = 0.5 + (Math.imul(index, 2_654_435_761) >>> 0) / 2 ** 32;
    const views = Math.ceil((10_000 / (asset + 1)) * (day % 7 > 4 ? 1.5 : 1) * noise);
    return { assetId: `asset-${asset}`, date: dateOf(day), views, bytes: views * 1_000_000 };
  });
}

const sizes = process.argv.slice(2).map(Number);
for (const assets of sizes.length > 0 ? sizes : [1_000, 4_000, 16_000]) {
  const rows = history(assets);
  const from = process.hrtime.bigint();
  forecastRegion({ regionId: 'bench', date: dateOf(days), history: rows, madeAt: new Date(firstDayMs).toISOString() });
  const seconds = Number(process.hrtime.bigint() - from) / 1e9;
  const perSeriesDay = (seconds * 1e6) / rows.length;
  console.log(`${assets} assets × ${days} days: ${seconds.toFixed(2)} s, ${perSeriesDay.toFixed(2)} µs a series-day`);
}
console.log(`peak memory of the process ${Math.round(process.resourceUsage().maxRSS / 1024)} MiB`);
