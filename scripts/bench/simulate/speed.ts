/**
 * How fast each policy replays a log that is already in memory, and how much memory the log takes.
 *
 *     node scripts/nightfill.mjs --exec scripts/bench/simulate/speed.ts requests.csv.gz US 5%
 *
 * Each policy runs three times, and the fastest counts: the first run pays for compilation, and a machine that is shared
 * slows single runs.
 */
import { policies, policyNames } from '../../../shared/domain/simulation/policies.ts';
import { replay } from '../../../shared/domain/simulation/replay.ts';
import { selectRegion } from '../../../shared/domain/simulation/trace.ts';
import { readTrace } from '../../simulate/read-trace.ts';

const [path, region, share = '5%'] = process.argv.slice(2);
if (!path) throw new Error('usage: speed.ts TRACE [REGION] [SHARE]');
const runs = 3;
const seconds = (from: bigint): number => Number(process.hrtime.bigint() - from) / 1e9;

const loading = process.hrtime.bigint();
const trace = await readTrace(path);
const loadSeconds = seconds(loading);
const columns = [trace.times, trace.objects, trace.regionOf, trace.sizes];
const columnBytes = columns.reduce((sum, column) => sum + column.byteLength, trace.bytes?.byteLength ?? 0);
const rows = trace.times.length;
console.log(`read ${rows} requests in ${loadSeconds.toFixed(2)} s, ${(rows / loadSeconds / 1e6).toFixed(2)} million/s`);
console.log(`columns ${(columnBytes / rows).toFixed(1)} bytes a request`);

const selection = selectRegion(trace, region ?? null);
const capacityBytes = Math.floor((selection.distinctBytes * Number.parseFloat(share)) / 100);
for (const name of policyNames) {
  const times = Array.from({ length: runs }, () => {
    const from = process.hrtime.bigint();
    replay(selection, policies[name], { capacityBytes, warmupDays: 7 });
    return seconds(from);
  });
  const fastest = Math.min(...times);
  const speed = selection.positions.length / fastest / 1e6;
  console.log(`${name.padEnd(16)} ${speed.toFixed(2).padStart(6)} million requests/s`);
}
console.log(`peak memory of the process ${Math.round(process.resourceUsage().maxRSS / 1024)} MiB`);
