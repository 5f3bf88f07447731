/**
 * How long a region's forecast takes as its assets grow, and how much memory: the time for each series-day should not.
 *
 *     node scripts/nightfill.mjs --exec scripts/bench/forecast/speed.ts [ASSETS…]
 */
import { type DemandTable, makeDemandTable } from '../../../shared/domain/forecasting/demand-table.ts';
import { forecastRegion } from '../../../shared/domain/forecasting/forecast-region.ts';

const days = 56;
const firstDayMs = Date.parse('2026-09-25T00:00:00Z');
const dateOf = (day: number): string => new Date(firstDayMs + day * 86_400_000).toISOString().slice(0, 10);

/** Demand that falls with rank, with a weekend and noise that is the same on every machine, as a log has it: day by day. */
function history(assets: number): DemandTable {
  const table = makeDemandTable();
  const ids = Array.from({ length: assets }, (_, asset) => `asset-${asset}`);
  for (let day = 0; day < days; day += 1) {
    const date = dateOf(day);
    for (const [asset, assetId] of ids.entries()) {
      const noise = 0.5 + (Math.imul(asset * days + day, 2_654_435_761) >>> 0) / 2 ** 32;
      const views = Math.ceil((10_000 / (asset + 1)) * (day % 7 > 4 ? 1.5 : 1) * noise);
      table.add({ assetId, date, views, bytes: views * 1_000_000 });
    }
  }
  return table;
}

const sizes = process.argv.slice(2).map(Number);
for (const assets of sizes.length > 0 ? sizes : [10_000, 100_000, 1_000_000]) {
  const from = process.hrtime.bigint();
  const rows = history(assets);
  const read = process.hrtime.bigint();
  forecastRegion({ regionId: 'bench', date: dateOf(days), history: rows, madeAt: new Date(firstDayMs).toISOString() });
  const until = process.hrtime.bigint();
  const seconds = (a: bigint, b: bigint): number => Number(b - a) / 1e9;
  const perSeriesDay = (seconds(from, until) * 1e6) / (assets * days);
  console.log(
    `${assets} assets × ${days} days: rows taken in ${seconds(from, read).toFixed(1)} s, forecast in ${seconds(read, until).toFixed(1)} s, ${perSeriesDay.toFixed(2)} µs a series-day`,
  );
}
console.log(`peak memory of the process ${Math.round(process.resourceUsage().maxRSS / 1024)} MiB`);
