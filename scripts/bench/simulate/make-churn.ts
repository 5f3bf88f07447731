/**
 * Makes a request log with heavy churn: half of each day's demand is for titles unseen before, and the rest for a
 * long-lived catalogue. Popularity within each half falls as 1 / rank^0.9; a new title's demand halves every six
 * hours after its release, which is at a random minute of the day; sizes are log-normal around 1 MB.
 *
 *     node scripts/nightfill.mjs --exec scripts/bench/simulate/make-churn.ts 15 20000 > churn.csv
 *
 * Arguments: days, requests a day. The same arguments give the same log.
 */
import { makeRandom } from '../../../shared/domain/forecasting/popularity/random.ts';

const [days = 15, requestsADay = 20_000] = process.argv.slice(2).map(Number);
const startS = Date.UTC(2026, 0, 5) / 1_000;
const dayS = 86_400;
const newTitlesADay = 400;
const catalogueTitles = 2_000;
const newShare = 0.5;
const halfLifeS = 6 * 3_600;
const exponent = 0.9;
const random = makeRandom(7);

const exponential = (): number => -Math.log(1 - random());
const normal = (): number => Math.sqrt(2 * exponential()) * Math.cos(2 * Math.PI * random());
const size = (): number => Math.max(2_000, Math.round(1e6 * Math.exp(normal())));

/** Draws ranks 0 … count-1 by their weights. */
function makeRanks(count: number): () => number {
  const sums: number[] = [];
  let total = 0;
  for (let rank = 0; rank < count; rank += 1) {
    total += (rank + 1) ** -exponent;
    sums.push(total);
  }
  return () => {
    const wanted = random() * total;
    let low = 0;
    let high = count - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((sums[middle] ?? 0) < wanted) low = middle + 1;
      else high = middle;
    }
    return low;
  };
}

const catalogueSizes = Array.from({ length: catalogueTitles }, size);
const catalogueRank = makeRanks(catalogueTitles);
const newRank = makeRanks(newTitlesADay);
const rows: { readonly timeS: number; readonly row: string }[] = [];

for (let day = 0; day < days; day += 1) {
  const dayStartS = startS + day * dayS;
  const releases = Array.from({ length: newTitlesADay }, () => ({ atS: random() * dayS, sizeBytes: size() }));
  for (let request = 0; request < requestsADay; request += 1) {
    const isNew = random() < newShare;
    const rank = isNew ? newRank() : catalogueRank();
    const release = releases[rank];
    const releasedS = release?.atS ?? 0;
    const laterS = releasedS + (exponential() * halfLifeS) / Math.LN2;
    // What would come after midnight comes on the day of release: the next day's new titles are others.
    const newS = laterS < dayS ? laterS : releasedS + random() * (dayS - releasedS);
    const timeS = dayStartS + Math.floor(isNew ? newS : random() * dayS);
    const name = isNew ? `new-${day}-${rank}` : `old-${rank}`;
    rows.push({ timeS, row: `${timeS},${name},${isNew ? release?.sizeBytes : catalogueSizes[rank]}` });
  }
}
rows.sort((a, b) => a.timeS - b.timeS);
process.stdout.write('time,object,size\n');
for (const { row } of rows) process.stdout.write(`${row}\n`);
