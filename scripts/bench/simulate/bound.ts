/**
 * What no cache can exceed on a log, whatever it knows, with objects of any size (Berger et al., "Practical Bounds on Optimal Caching with
 * Variable Object Sizes", POMACS 2(2), 2018, where it is PFOO-L).
 *
 *     node scripts/nightfill.mjs --exec scripts/bench/simulate/bound.ts requests.csv.gz US,DE 1%,5%,10%
 *
 * A request is a hit only if its object lay on the disk all the time since the request before; that takes its bytes times that time of the
 * disk. The bound takes the shortest such times first, until the disk's bytes times the counted days are spent, as if any
 * two could share any place: so it is above what any policy reaches, and above a clairvoyant push too, except that it lets nothing come
 * that nobody asked for before. Seven days warm up.
 */
import { dayS, midnightBefore, type Selection, selectRegion } from '../../../shared/domain/simulation/trace.ts';
import { readTrace } from '../../simulate/read-trace.ts';

const [path, regions = '', shares = '5%'] = process.argv.slice(2);
if (!path) throw new Error('usage: bound.ts TRACE [REGIONS] [SHARES]');
const warmupDays = 7;

function boundOf({ trace, positions }: Selection, capacityBytes: number): number {
  const { times, objects, sizes } = trace;
  const endS = times[positions.at(-1) ?? 0] ?? 0;
  const countFromS = midnightBefore(times[positions[0] ?? 0] ?? 0) + warmupDays * dayS;
  const lastS = new Map<number, number>();
  const waits: { readonly heldS: number; readonly sizeBytes: number }[] = [];
  let servedBytes = 0;
  for (const position of positions) {
    const timeS = times[position] ?? 0;
    const object = objects[position] ?? 0;
    const beforeS = lastS.get(object);
    lastS.set(object, timeS);
    if (timeS < countFromS) continue;
    const sizeBytes = sizes[object] ?? 0;
    servedBytes += sizeBytes;
    // What it takes of the disk before the counting begins is given away.
    if (beforeS !== undefined && sizeBytes <= capacityBytes)
      waits.push({ heldS: timeS - Math.max(beforeS, countFromS), sizeBytes });
  }
  waits.sort((a, b) => a.heldS - b.heldS);
  let left = capacityBytes * (endS - countFromS);
  let hitBytes = 0;
  for (const { heldS, sizeBytes } of waits) {
    const taken = heldS === 0 ? 1 : Math.min(1, left / (heldS * sizeBytes));
    hitBytes += taken * sizeBytes;
    left -= taken * heldS * sizeBytes;
    if (taken < 1) break;
  }
  return hitBytes / servedBytes;
}

const trace = await readTrace(path);
for (const region of regions === '' ? [null] : regions.split(',')) {
  const selection = selectRegion(trace, region);
  for (const share of shares.split(',')) {
    const capacityBytes = Math.floor((selection.distinctBytes * Number.parseFloat(share)) / 100);
    console.log(`${region ?? 'all'} ${share} ${boundOf(selection, capacityBytes).toFixed(3)}`);
  }
}
